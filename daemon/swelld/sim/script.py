"""An answer as a script: which bytes at which offset from the request, and what becomes of the connection."""

import random
from collections.abc import Generator
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

from swelld.sim.plan import Plan
from swelld.sim.wire import Wire, compact

Step = tuple[float, bytes, int]
"""(seconds after the request, bytes to write in one go, tokens they carry)."""


class Ending(Enum):
    """What happens when the last step is written."""

    KEEP = auto()  # the connection serves the next request, unless this one said that it is the last
    CLOSE = auto()
    RESET = auto()
    HANG = auto()  # nothing more, for ever


Script = Generator[Step, None, Ending]

STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nserver: swelld-sim\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n"
)
LAST_CHUNK: Final = b"0\r\n\r\n"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


def chunk(data: bytes) -> bytes:
    """One piece of a body in chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def response(status: int, body: bytes, content_type: str = "application/json", headers: str = "") -> bytes:
    """A whole response with a known length; `headers` are complete lines."""
    phrase = _PHRASES.get(status, "Unknown")
    head = f"HTTP/1.1 {status} {phrase}\r\nserver: swelld-sim\r\ncontent-type: {content_type}\r\n"
    return f"{head}{headers}content-length: {len(body)}\r\n\r\n".encode() + body


def error_body(status: int, message: str) -> dict[str, Any]:
    """An error as OpenAI-compatible servers put it."""
    kinds = {404: "not_found_error", 429: "rate_limit_error", 503: "unavailable_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def script(plan: Plan, wire: Wire, keep_alive: bool) -> Script:
    """The whole answer to one request, without any fault but those of the wire format itself."""
    return _streamed(plan, wire, keep_alive) if plan.stream else _at_once(plan, wire, keep_alive)


def events_of(plan: Plan) -> int:
    """How many events carry its tokens."""
    return sum(1 for _ in _pieces(plan))


def _connection(keep_alive: bool) -> bytes:
    return b"" if keep_alive else b"connection: close\r\n"


def _ending(plan: Plan) -> Ending:
    return Ending.CLOSE if plan.fault == "close_after" else Ending.KEEP


def _streamed(plan: Plan, wire: Wire, keep_alive: bool) -> Script:
    head = STREAM_HEAD + _connection(keep_alive) + b"\r\n"
    opening = wire.opening()
    lead = head + chunk(opening) if opening else head
    if plan.early_role:
        yield 0.0, lead, 0
        lead = b""
    offset = 0.0
    for (first, count), due in zip(_pieces(plan), _offsets(plan), strict=False):
        offset = due
        yield offset, lead + chunk(wire.event(first, count)), count
        lead = b""
    tail = [chunk(event) for event in wire.closing(plan.fault != "no_end")]
    yield offset, b"".join(tail) + LAST_CHUNK, 0
    return _ending(plan)


def _at_once(plan: Plan, wire: Wire, keep_alive: bool) -> Script:
    offset = plan.ttft + (events_of(plan) - 1) * plan.itl
    body = compact(wire.whole(plan.fault != "no_end"))
    yield offset, response(200, body, headers=_connection(keep_alive).decode()), plan.tokens
    return _ending(plan)


def _pieces(plan: Plan) -> Generator[tuple[int, int], None, None]:
    """(first token, tokens) of each event; no event is both reasoning and answer."""
    thought = min(plan.reasoning_tokens, plan.tokens)
    for start, stop in ((0, thought), (thought, plan.tokens)):
        for first in range(start, stop, plan.tokens_per_event):
            yield first, min(plan.tokens_per_event, stop - first)


def _offsets(plan: Plan) -> Generator[float, None, None]:
    """Absolute: the k-th event is due at ttft + k * itl, never re-based; jitter only adds, and keeps the order."""
    count = plan.tokens
    if not plan.jitter:
        for place in range(count):
            yield plan.ttft + place * plan.itl
        return
    draw, latest = random.Random(plan.seed), 0.0
    for place in range(count):
        latest = max(latest, plan.ttft + place * plan.itl + draw.random() * plan.jitter)
        yield latest
