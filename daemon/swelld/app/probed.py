"""What a probe came to: its metrics in a registry of their own, and a report for people. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from swelld import derived
from swelld.app.probing import Course, good
from swelld.engine.target import Target
from swelld.measurement import ErrorType, Measurement
from swelld.settings.probe import Module
from swelld.settings.secrecy import without_secrets
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus import text
from swelld_exporters.prometheus.exposition import Page
from swelld_exporters.prometheus.registry import Registry

CHECK: Final = "check"
DEADLINE: Final = "deadline"
REASONS: Final = (*(kind.value for kind in ErrorType if kind is not ErrorType.CANCELLED), CHECK, DEADLINE)
"""Why a probe can fail: values of a label."""

_FIGURES: Final = (
    (names.PROBE_TTFB, derived.ttfb),
    (names.PROBE_TTFT, derived.ttft),
    (names.PROBE_TPOT, derived.tpot),
    (names.PROBE_E2E, derived.e2e),
    (names.PROBE_INPUT_TOKENS, lambda m: m.input_tokens),
    (names.PROBE_OUTPUT_TOKENS, lambda m: m.output_tokens),
)
_REPORT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A probe that is over; moments on the clock of `swelld.clock`."""

    target: Target
    """As it was asked."""
    module: Module
    limit: float
    """Seconds it may have taken."""
    begun: float
    ended: float
    measurements: tuple[Measurement, ...]
    course: Course

    @property
    def reason(self) -> str | None:
        """Why it failed; None if it did not."""
        last = self.measurements[-1] if self.measurements else None
        if last is not None and last.failed_check is not None:
            return CHECK
        if last is not None and last.error_type not in (None, ErrorType.CANCELLED):
            return last.error_type.value
        return None if self.course.in_time else DEADLINE

    @property
    def success(self) -> bool:
        """Whether every exchange was what was expected."""
        return self.reason is None


def page(title: str, probed: Probed, *, debug: bool) -> Page:
    """What a scraper gets; with `debug` what a person reads, the metrics at its end."""
    metrics = text.render(registry(probed))
    if not debug:
        return Page(metrics, text.CONTENT_TYPE)
    return Page("\n".join([*_report(title, probed), "", "metrics", ""]).encode() + metrics, _REPORT)


def registry(probed: Probed) -> Registry:
    """The metrics of one probe."""
    result = Registry()

    def show(metric: Metric, value: float | None, *labels: str) -> None:
        if value is not None:
            result.gauge(metric).labels(*labels).set(value)

    measurements = probed.measurements
    show(names.PROBE_SUCCESS, probed.success)
    show(names.PROBE_DURATION, probed.ended - probed.begun)
    show(names.PROBE_TIMEOUT, probed.limit)
    show(names.PROBE_EXCHANGES, len(measurements))
    for reason in REASONS:
        show(names.PROBE_FAILURE, probed.reason == reason, reason)
    for check in probed.module.checks.names() if probed.module.checks else ():
        show(names.PROBE_CHECK_FAILED, any(m.failed_check == check for m in measurements), check)
    show(names.PROBE_STATUS, measurements[-1].status if measurements else None)
    show(names.PROBE_LOOKUP, probed.course.lookup)
    show(names.PROBE_CONNECT, next((m.connect for m in measurements if m.connect is not None), None))
    for metric, figure in _FIGURES:
        values = [value for m in measurements if good(m) and (value := figure(m)) is not None]
        show(metric, median(values) if values else None)
    show(names.PROBE_CERTIFICATE_EXPIRY, probed.course.certificate_expiry)
    return result


def _report(title: str, probed: Probed) -> Iterator[str]:
    target, module, course = probed.target, probed.module, probed.course
    yield f"probe of {title}"
    yield f"  url         {without_secrets(target.url)}"
    yield f"  api         {target.api}, {'streamed' if target.stream else 'not streamed'}, model {target.model or '-'}"
    yield f"  asks        {module.exchanges} x {len(module.prompt)} characters, {module.max_tokens} tokens at most"
    yield f"  may take    {probed.limit:g} s"
    yield f"  look-up     {_seconds(course.lookup)}"
    for number, measurement in enumerate(probed.measurements, 1):
        yield ""
        yield f"exchange {number}"
        yield from _exchange(measurement, probed.begun)
    yield ""
    yield f"{'success' if probed.success else f'failure: {probed.reason}'} after {probed.ended - probed.begun:.4f} s"


def _exchange(m: Measurement, begun: float) -> Iterator[str]:
    tokens = derived.token_moments(m)
    moments = {
        "sent": m.sent,
        "first byte": m.first_byte,
        "first token": float(tokens[0]) if tokens.size else None,
        "last token": float(tokens[-1]) if tokens.size else None,
        "end": m.end,
    }
    yield f"  connected   {'on the way before' if m.connect is None and m.sent else _seconds(m.connect)}"
    for name, moment in moments.items():
        if moment is not None:
            yield f"  {name:<12}at {moment - begun:.4f} s"
    yield f"  status      {m.status or '-'}"
    yield f"  tokens      {_count(m.input_tokens)} in, {_count(m.output_tokens)} out, events with any: {tokens.size}"
    yield f"  ended       {m.outcome.value}{f', {m.finish_reason}' if m.finish_reason else ''}"
    if m.detail:
        yield f"  said        {without_secrets(' '.join(m.detail.split()))}"
    if m.failed_check:
        yield f"  failed      the check {m.failed_check}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"in {value:.4f} s"


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)
