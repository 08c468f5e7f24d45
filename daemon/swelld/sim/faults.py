"""What can go wrong on request: each fault turns the script of a sound answer into that of a broken one."""

from collections.abc import Callable
from typing import Final

from swelld.sim.plan import Plan
from swelld.sim.script import LAST_CHUNK, Ending, Script, chunk, error_body, events_of, response, script
from swelld.sim.wire import Wire, compact, sse

DEFAULT_HEAD_SECONDS: Final = 0.5
BYTE_GAP: Final = 0.0001
"""Seconds between two bytes of a split event: enough for most of them to be read alone."""
NOT_JSON: Final = b"{this is not JSON"
_CUT: Final = 24  # bytes of an event (or body) that a cut keeps back: less than any of them has


def answer(plan: Plan, wire: Wire, keep_alive: bool) -> Script:
    """The script of one answer with the fault of its plan."""
    fault = _FAULTS.get(plan.fault or "")
    return fault(plan, script(plan, wire, keep_alive)) if fault else script(plan, wire, keep_alive)


def _status(plan: Plan, _: Script) -> Script:
    fault = plan.particulars
    status = fault.status or 503
    extra = "" if fault.retry_after is None else f"retry-after: {fault.retry_after:g}\r\n"
    body = compact(error_body(status, "a fault that was asked for"))
    yield fault.seconds or 0.0, response(status, body, headers=extra), 0
    return Ending.KEEP


def _refuse(_: Plan, __: Script) -> Script:
    yield from ()
    return Ending.CLOSE


def _garbage_http(plan: Plan, _: Script) -> Script:
    yield plan.ttft, b"\x00\xff\xfe this is not HTTP \r\n\r\n", 0
    return Ending.CLOSE


def _stall(plan: Plan, steps: Script) -> Script:
    seconds, behind, events = plan.particulars.seconds, 0.0, 0
    last = events_of(plan) - 1
    while True:
        try:
            offset, data, tokens = next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if tokens and (events == min(plan.particulars.after, last) or not plan.stream):
            if seconds is None:
                return Ending.HANG
            behind = seconds
        yield offset + behind, data, tokens
        events += bool(tokens)


def _slow_headers(plan: Plan, steps: Script) -> Script:
    seconds = DEFAULT_HEAD_SECONDS if plan.particulars.seconds is None else plan.particulars.seconds
    offset, data, tokens = next(steps)
    size = data.index(b"\r\n\r\n") + 4
    for place in range(size):
        yield seconds * place / size, data[place : place + 1], 0
    yield offset + seconds, data[size:], tokens
    while True:
        try:
            offset, data, tokens = next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        yield offset + seconds, data, tokens


def _split(plan: Plan, steps: Script) -> Script:
    """Every byte of the first events is a write of its own."""
    events, latest = 0, 0.0
    while True:
        try:
            offset, data, tokens = next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        latest = max(offset, latest)
        if events < plan.particulars.after:
            for place in range(len(data) - 1):
                yield latest, data[place : place + 1], 0
                latest += BYTE_GAP
            data = data[-1:]
        yield latest, data, tokens
        events += bool(tokens)


def _until(plan: Plan, steps: Script, ending: Ending, instead: Callable[[bytes], bytes]) -> Script:
    """`after` sound events, then the next one (the last, if there are no more) as `instead` makes it, and the end."""
    breaking, events = min(plan.particulars.after, events_of(plan) - 1), 0
    for offset, data, tokens in steps:
        if tokens and (events == breaking or not plan.stream):
            yield offset, instead(data), 0
            break
        yield offset, data, tokens
        events += bool(tokens)
    return ending


def _without_end(data: bytes) -> bytes:
    return data[:-_CUT]


def _cut(plan: Plan, steps: Script) -> Script:
    return _until(plan, steps, Ending.CLOSE, _without_end)


def _reset(plan: Plan, steps: Script) -> Script:
    return _until(plan, steps, Ending.RESET, _without_end)


def _error_event(plan: Plan, steps: Script) -> Script:
    error = error_body(plan.particulars.status or 500, "a fault that was asked for")
    if not plan.stream:
        return _until(plan, steps, Ending.KEEP, lambda _: response(200, compact(error)))
    return _until(plan, steps, Ending.KEEP, lambda data: _head_of(data) + chunk(sse(error)) + LAST_CHUNK)


def _garbage_event(plan: Plan, steps: Script) -> Script:
    if not plan.stream:
        return _until(plan, steps, Ending.KEEP, lambda _: response(200, NOT_JSON))
    garbage = chunk(b"data: " + NOT_JSON + b"\n\n")
    return _until(plan, steps, Ending.KEEP, lambda data: _head_of(data) + garbage + LAST_CHUNK)


def _head_of(data: bytes) -> bytes:
    """The response's head if it comes with this event."""
    return data[: data.index(b"\r\n\r\n") + 4] if data.startswith(b"HTTP/") else b""


_FAULTS: Final[dict[str, Callable[[Plan, Script], Script]]] = {
    "status": _status,
    "refuse": _refuse,
    "garbage_http": _garbage_http,
    "stall": _stall,
    "slow_headers": _slow_headers,
    "split_utf8": _split,
    "cut": _cut,
    "reset": _reset,
    "error_event": _error_event,
    "garbage_event": _garbage_event,
}
"""Those that are not here (no_end, no_usage, close_after) the wire format and the end of the script see to."""
