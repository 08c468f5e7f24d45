"""The part of docs/tracing.md that is made from the catalogue."""

from collections.abc import Iterator
from typing import Final

from swelld_exporters import semconv

MARK: Final = "<!-- From here on the page is made from the code by `make gen`. -->"

_ELSEWHERE: Final = (semconv.STALL_SECONDS, semconv.EXCEPTION_TYPE, semconv.EXCEPTION_MESSAGE)
_METRICS: Final = ("duration", "time_to_first_chunk", "time_per_output_chunk", "input_tokens", "output_tokens")


def with_spans(page: str) -> str:
    """The page with everything after its mark made anew; ValueError if there is no mark."""
    head, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page lacks the line {MARK!r}")
    return "\n".join([head + MARK, "", *_attributes(), *_events(), *_metrics()])


def _attributes() -> Iterator[str]:
    yield from ("## Attributes", "", "An attribute whose value is not known is absent.", "")
    yield from ("| attribute | type | meaning |", "|---|---|---|")
    for attribute in semconv.SPAN_ATTRIBUTES:
        yield f"| `{attribute.name}` | {attribute.type} | {attribute.meaning} |"
    yield ""


def _events() -> Iterator[str]:
    yield from ("## Events", "", "| event | meaning |", "|---|---|")
    for name, meaning in semconv.EVENTS.items():
        yield f"| `{name}` | {meaning} |"
    yield from ("", "| attribute of an event | type | meaning |", "|---|---|---|")
    for attribute in _ELSEWHERE:
        yield f"| `{attribute.name}` | {attribute.type} | {attribute.meaning} |"
    yield ""


def _metrics() -> Iterator[str]:
    old, new = semconv.CONVENTIONS["1.41"], semconv.CONVENTIONS["latest"]
    yield from ("## Metrics", "", '| `semconv: "1.41"` | `semconv: latest` |', "|---|---|")
    for what in _METRICS:
        yield f"| `{getattr(old, what)}` | `{getattr(new, what)}` |"
    for name in new.usage.values():
        yield f"| | `{name}` |"
    yield ""
