"""Exchanges as exporters are given them."""

from typing import Any

from measurements import measured
from swelld.clock import WallClock
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld_exporters.base import Exchanged, Origin

WALL = WallClock(monotonic=1000.0, unix=1_700_000_000.0)
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def origin(**more: Any) -> Origin:
    """A run that began at 1000.0, which is 1,700,000,000 Unix seconds."""
    known: dict[str, Any] = {
        "run_id": "20261114-102030-3fa9",
        "scenario": "canary",
        "stage": "rate=10",
        "target": "big",
        "model": "llama-3-8b",
        "url": "http://gpu-7.example:8000/v1",
        "api": "openai_chat",
        "started": 1000.0,
        "wall": WALL,
    }
    return Origin(**(known | more))


def good(**more: Any) -> Measurement:
    """A streamed answer of four chunks, sent at 1001.0 on a new connection, 50 ms late."""
    known: dict[str, Any] = {
        "index": 7,
        "status": 200,
        "due": 1000.95,
        "sent": 1001.0,
        "connect": 0.01,
        "first_byte": 1001.1,
        "first_answer": 1001.25,
        "end": 1002.6,
        "tokens_at": (1001.25, 1001.5, 1001.75, 1002.5),
        "input_tokens": 128,
        "output_tokens": 6,
        "token_source": TokenSource.SERVER,
        "cached_tokens": 64,
        "reasoning_tokens": 2,
        "finish_reason": "stop",
        "prompt": "synthetic-7",
        "text": "the answer",
        "trace_id": TRACE,
        "span_id": SPAN,
        "sampled": True,
    }
    return measured(**(known | more))


def bad(**more: Any) -> Measurement:
    """A request that was refused with a text that repeats the prompt."""
    known: dict[str, Any] = {
        "error_type": ErrorType.HTTP_4XX,
        "detail": "HTTP 400: cannot do 'my secret prompt'",
        "status": 400,
        "sent": 1001.0,
        "end": 1001.2,
        "trace_id": TRACE,
        "span_id": SPAN,
        **more,
    }
    return measured(known.pop("outcome", Outcome.REJECTED), **known)


def exchanged(m: Measurement | None = None, **more: Any) -> Exchanged:
    """A measurement with where it comes from; `more` is of the origin."""
    return Exchanged(origin(**more), good() if m is None else m)
