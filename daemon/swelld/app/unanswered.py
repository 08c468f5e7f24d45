"""Runs that show nothing, as no request was answered: what is said of them, with the remedy where it is known."""

from collections import Counter
from typing import Final

from swelld.analysis import figures
from swelld.measurement import ErrorType
from swelld.report.safety import one_line
from swelld.result import Result

_UP: Final = "is a server up there? Its address comes from --server or targets.NAME.url"
_PATIENCE: Final = "give it longer with --timeout or targets.NAME.timeouts, or ask less of it"
_FULL: Final = "it takes no more: ask less of it, or later"
_SPEAKS: Final = "is it a server for LLMs, and does it speak this --api (targets.NAME.api)?"
_BROKEN: Final = "its own log says why"

_REMEDIES: Final[dict[str, str]] = {
    ErrorType.DNS: _UP,
    ErrorType.CONNECT: _UP,
    ErrorType.CONNECT_TIMEOUT: _UP,
    ErrorType.TLS: "targets.NAME.tls says which certificates are trusted; --insecure accepts any",
    ErrorType.TTFT_TIMEOUT: _PATIENCE,
    ErrorType.READ_TIMEOUT: _PATIENCE,
    ErrorType.HTTP_429: _FULL,
    ErrorType.HTTP_503: _FULL,
    ErrorType.HTTP_5XX: _BROKEN,
    ErrorType.STREAM_ERROR: _BROKEN,
    ErrorType.TRUNCATED: _SPEAKS,
    ErrorType.PROTOCOL: _SPEAKS,
}
_KEY: Final = "give the key with --api-key or targets.NAME.api_key"
_OF_STATUS: Final = {
    "HTTP 401": _KEY,
    "HTTP 403": _KEY,
    "HTTP 404": "check the path in --server, --api, and --model (the server's GET /v1/models lists what it has)",
}


def unanswered(result: Result) -> str | None:
    """One line for a run in which no request ended well; None if any did."""
    name = result.run.scenario
    if any(stage.requests.ok for stage in result.stages):
        return None
    asked = sum(stage.requests.scheduled for stage in result.stages)
    if not asked:
        return f"{name}: it ended before anything was measured"
    counts: Counter[str] = Counter()
    samples: dict[str, str] = {}
    for stage in result.stages:
        for kind, error in stage.errors.items():
            counts[kind] += error.count
            samples.setdefault(kind, one_line(error.sample or ""))
    text = f"{name}: no request of {figures.count(asked)} was answered"
    if not counts:
        return text
    (kind, count), *_ = counts.most_common(1)
    sample = samples[kind]
    remedy = next((text for status, text in _OF_STATUS.items() if sample.startswith(status)), _REMEDIES.get(kind))
    text += f"; {figures.count(count)} times {kind}{f': {sample}' if sample else ''}"
    return f"{text}; {remedy}" if remedy else text
