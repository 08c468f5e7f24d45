"""The immutable record of one exchange: raw moments, outcome, usage. Everything else is derived from it."""

from enum import StrEnum
from typing import Final

import msgspec


class Outcome(StrEnum):
    """How an exchange ended: a closed set, safe as a label."""

    OK = "ok"
    REJECTED = "rejected"  # 4xx: the request itself was refused
    THROTTLED = "throttled"  # 429 or 503: the server has too much to do
    FAILED = "failed"  # 5xx, or an error reported inside the answer
    UNREACHABLE = "unreachable"  # no connection: name, address or TLS
    TIMEOUT = "timeout"  # one of our deadlines passed
    TRUNCATED = "truncated"  # the connection ended before the answer was complete
    GARBLED = "garbled"  # bytes that are not the protocol
    CANCELLED = "cancelled"  # we gave it up: drain deadline or a second Ctrl-C
    DROPPED = "dropped"  # due, but never sent: the in-flight limit was reached


class ErrorType(StrEnum):
    """Why an exchange did not end well: a closed set, safe as a label."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    TTFT_TIMEOUT = "ttft_timeout"
    READ_TIMEOUT = "read_timeout"
    HTTP_429 = "http_429"
    HTTP_4XX = "http_4xx"
    HTTP_503 = "http_503"
    HTTP_5XX = "http_5xx"
    STREAM_ERROR = "stream_error"  # an error object inside a 200 answer, without a status of its own
    TRUNCATED = "truncated"
    PROTOCOL = "protocol"
    CANCELLED = "cancelled"
    OTHER = "other"


CONTENTION: Final = frozenset(
    {ErrorType.CONNECT_TIMEOUT, ErrorType.TTFT_TIMEOUT, ErrorType.READ_TIMEOUT, ErrorType.HTTP_429, ErrorType.HTTP_503}
)
"""Errors that speak of too much load rather than of a broken request."""

STALL_FACTOR: Final = 5.0
STALL_SECONDS: Final = 0.2
"""A stream stalls in a gap longer than both this and `STALL_FACTOR` times the answer's median gap."""


class TokenSource(StrEnum):
    """Who counted the output tokens."""

    SERVER = "server"
    TOKENIZER = "tokenizer"
    EVENTS = "events"


class Measurement(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """One exchange, whatever happened to it.

    Every moment is in seconds on the monotonic clock of `swelld.clock`; None means it never came, never 0.
    """

    stage: int
    """Index of the stage in its run."""
    target: int
    """Index of the target in its run."""
    index: int
    """Number of the arrival within its stage; with the seed it fixes the prompt."""
    warmup: bool
    """True for exchanges that are outside the measured window because they warm the server up."""
    outcome: Outcome
    error_type: ErrorType | None = None
    detail: str | None = None
    """A capped excerpt of what the server or the system said about an error; never a label."""
    status: int | None = None
    due: float | None = None
    """When it should have started (open loop only)."""
    sent: float | None = None
    """When its bytes left."""
    connect: float | None = None
    """Seconds spent on a new connection, TLS included; None on a reused one."""
    first_byte: float | None = None
    first_answer: float | None = None
    """First non-empty token that is not reasoning."""
    end: float | None = None
    """When the exchange was over."""
    tokens_at: bytes = b""
    """Moments of the token-bearing events, float64 in native byte order: np.frombuffer(m.tokens_at)."""
    streamed: bool = True
    resends: int = 0
    """Times it was sent again because a reused connection turned out to be closed."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    token_source: TokenSource | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    token_mismatch: bool = False
    """True if the server's count of output tokens and the target's own tokenizer disagree."""
    finish_reason: str | None = None
    checked: bool = False
    """True if the answer was drawn for the scenario's `checks`."""
    failed_check: str | None = None
    """The first of them that it failed; None if it passed them all, or was not drawn."""
    prompt: str = ""
    """Name of the prompt, unique in its source: `synthetic-17`, `coding-short`."""
    category: str = ""
    """What the prompt source says of it (`short/simple/factual`); empty if nothing."""
    turn: int | None = None
    """Of a session of several turns, from 1; None if it belongs to none."""
    turns: int | None = None
    """How many turns that session has."""
    text: str | None = None
    """The answer, only where the target has `keep_text`."""
    trace_id: str | None = None
    """Of the trace that the exchange belongs to, 32 hex digits; None if tracing is off."""
    span_id: str | None = None
    """Of its own span, 16 hex digits."""
    sampled: bool = False
    """True if it was drawn before it was sent, so that the server was told and its span is certainly made."""
    tried: float | None = None
    """When a connection was asked for, of an exchange that got none."""
