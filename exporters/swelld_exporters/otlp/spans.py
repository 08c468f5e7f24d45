"""Spans made from measurements, after the exchange, with the moments that were measured."""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

import swelld
from swelld import derived
from swelld.clock import WallClock
from swelld.measurement import ErrorType, Measurement, Outcome
from swelld_exporters import semconv
from swelld_exporters.base import Exchanged, Origin
from swelld_exporters.otlp.choice import sampling, violated
from swelld_exporters.outlet import RunOver

MOST_STALLS: Final = 5
"""Stalls of one answer that become events: the first ones."""

Value = str | bool | int | float | tuple[str, ...]

# What swelld or the system says of these is ours to tell; behind the others stands a server's text, which may repeat
# a prompt.
_OURS: Final = frozenset(
    {
        *(ErrorType.DNS, ErrorType.CONNECT, ErrorType.TLS, ErrorType.CONNECT_TIMEOUT),
        *(ErrorType.TTFT_TIMEOUT, ErrorType.READ_TIMEOUT, ErrorType.CANCELLED),
    }
)


class Spans:
    """Makes the spans of one process."""

    def __init__(self, resource: Resource, version: semconv.Version, slow: float | None) -> None:
        self._resource = resource
        schema = semconv.CONVENTIONS[version].schema_url
        self._scope = InstrumentationScope(semconv.SCOPE, swelld.__version__, schema)
        self._slow = slow

    def of(self, item: Exchanged | RunOver) -> ReadableSpan:
        """The span of an exchange or of a run."""
        return self.run(item) if isinstance(item, RunOver) else self.exchange(item)

    def exchange(self, exchanged: Exchanged) -> ReadableSpan:
        """A CLIENT span from the request (or the connection opened for it) to the last token."""
        origin, m = exchanged
        begun, ended = _bounds(m)
        failed = m.outcome is not Outcome.OK
        assert m.trace_id is not None
        assert m.span_id is not None
        return ReadableSpan(
            name=f"{semconv.operation(origin.api).name} {origin.model}".rstrip(),
            context=_context(int(m.trace_id, 16), int(m.span_id, 16)),
            resource=self._resource,
            attributes=dict(_attributes(exchanged, sampling(exchanged, self._slow) or "tail")),
            events=sorted(_events(m, origin.wall), key=lambda event: event.timestamp),
            links=(Link(run_context(origin.run_id)),),
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, _error(m)) if failed else Status(StatusCode.UNSET),
            start_time=_nanoseconds(origin.wall, begun),
            end_time=_nanoseconds(origin.wall, ended),
            instrumentation_scope=self._scope,
        )

    def run(self, over: RunOver) -> ReadableSpan:
        """The span of a whole run: the one that those of its exchanges link to, in a trace of its own."""
        origin = over.origin
        return ReadableSpan(
            name=f"run {origin.scenario}",
            context=run_context(origin.run_id),
            resource=self._resource,
            attributes={
                semconv.RUN_ID.name: origin.run_id,
                semconv.SCENARIO.name: origin.scenario,
                semconv.RUN_STATE.name: over.state,
            },
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if over.state == "failed" else StatusCode.UNSET),
            start_time=_nanoseconds(origin.wall, origin.started),
            end_time=_nanoseconds(origin.wall, over.ended),
            instrumentation_scope=self._scope,
        )


def run_context(run_id: str) -> SpanContext:
    """The span of a run: its ids follow from the run's, so that exchanges can link to it before it has ended."""
    digest = hashlib.blake2b(run_id.encode(), digest_size=24, person=b"swelld run").digest()
    return _context(int.from_bytes(digest[:16]), int.from_bytes(digest[16:]))


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _bounds(m: Measurement) -> tuple[float, float]:
    """Monotonic; the connecting belongs to it."""
    moments = derived.token_moments(m)
    ended = float(moments[-1]) if moments.size and m.outcome is Outcome.OK else m.end
    begun = m.sent - (m.connect or 0.0) if m.sent is not None else derived.start(m)
    if begun is None:
        begun = ended
    assert begun is not None
    return begun, begun if ended is None else max(begun, ended)


def _attributes(exchanged: Exchanged, why: str) -> Iterator[tuple[str, Value]]:
    """Those that are known."""
    for attribute, value in (
        *_request(exchanged.origin),
        *_of_exchange(exchanged.measurement),
        *_answer(exchanged.measurement),
        (semconv.SAMPLING, why),
        (semconv.VIOLATED, violated(exchanged) or None),
    ):
        if value is not None:
            yield attribute.name, value


def _request(origin: Origin) -> Iterator[tuple[semconv.Attribute, Value | None]]:
    """What is the same for all of a run's stage and target."""
    operation, provider = semconv.operation(origin.api)
    address, port = semconv.server(origin.url)
    yield semconv.OPERATION, operation
    yield semconv.PROVIDER, provider
    yield semconv.REQUEST_MODEL, origin.model or None
    yield semconv.SERVER_ADDRESS, address
    yield semconv.SERVER_PORT, port
    yield semconv.RUN_ID, origin.run_id
    yield semconv.SCENARIO, origin.scenario
    yield semconv.TARGET, origin.target
    yield semconv.STAGE, origin.stage


def _of_exchange(m: Measurement) -> Iterator[tuple[semconv.Attribute, Value | None]]:
    yield semconv.STREAM, m.streamed or None
    yield semconv.INDEX, m.index
    yield semconv.PROMPT, m.prompt or None
    yield semconv.OUTCOME, m.outcome.value
    yield semconv.ERROR_TYPE, _error(m) if m.outcome is not Outcome.OK else None
    yield semconv.STATUS_CODE, m.status
    yield semconv.RESEND_COUNT, m.resends or None
    yield semconv.LAG, derived.lag(m)
    yield semconv.CONNECTION_REUSED, m.connect is None if m.sent is not None else None


def _answer(m: Measurement) -> Iterator[tuple[semconv.Attribute, Value | None]]:
    moments = derived.token_moments(m)
    cut = m.outcome is not Outcome.OK and moments.size > 0
    yield semconv.FINISH_REASONS, ("error",) if cut else (m.finish_reason,) if m.finish_reason else None
    yield semconv.TIME_TO_FIRST_CHUNK, derived.ttft(m)
    yield semconv.INPUT_TOKENS, m.input_tokens
    yield semconv.OUTPUT_TOKENS, m.output_tokens
    yield semconv.CACHED_TOKENS, m.cached_tokens
    yield semconv.REASONING_TOKENS, m.reasoning_tokens
    yield semconv.TOKEN_SOURCE, m.token_source.value if m.token_source else None
    yield semconv.TPOT, derived.tpot(m)
    yield semconv.CHUNKS, int(moments.size) if m.streamed else None
    gaps = np.diff(moments)
    if gaps.size:
        p50, p95, most = np.quantile(gaps, (0.5, 0.95, 1.0)).tolist()
        yield semconv.ITL_P50, p50
        yield semconv.ITL_P95, p95
        yield semconv.ITL_MAX, most


def _events(m: Measurement, wall: WallClock) -> Iterator[Event]:
    moments = derived.token_moments(m)
    marks = {"request_sent": m.sent, "first_byte": m.first_byte}
    if moments.size:
        marks |= {"first_token": float(moments[0]), "last_token": float(moments[-1])}
    for name, moment in marks.items():
        if moment is not None:
            yield Event(f"swelld.{name}", timestamp=_nanoseconds(wall, moment))
    for stall in derived.stalls(m)[:MOST_STALLS]:
        lasted = {semconv.STALL_SECONDS.name: stall.seconds}
        yield Event("swelld.stall", lasted, timestamp=_nanoseconds(wall, stall.at))
    if m.outcome is not Outcome.OK and m.end is not None:
        what = {semconv.EXCEPTION_TYPE.name: _error(m)}
        if m.detail and m.error_type in _OURS:
            what[semconv.EXCEPTION_MESSAGE.name] = m.detail
        yield Event("exception", what, timestamp=_nanoseconds(wall, m.end))


def _error(m: Measurement) -> str:
    return (m.error_type or m.outcome).value


def _nanoseconds(wall: WallClock, moment: float) -> int:
    return round(wall.at(moment) * 1e9)
