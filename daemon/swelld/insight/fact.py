"""One number that a report about a run may quote."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from swelld.result import Statistics

Unit = Literal[
    "s", "share", "factor", "requests/s", "tokens/s", "tokens", "count", "W", "J", "tokens/J", "bytes", "money"
]
"""Seconds; a share of 1; how many times as much; ...; `count` of requests, users, streams, looks, whatever."""

_FIGURES: Final = ("min", "max", "mean", "std", "p50", "p90", "p95", "p99", "p999")


class Fact(NamedTuple):
    """One number of a result, or one that follows from it."""

    name: str
    value: float
    unit: Unit


def known(pairs: Iterable[tuple[str, float | None]], unit: Unit) -> Iterator[Fact]:
    """Those that have a value."""
    return (Fact(name, value, unit) for name, value in pairs if value is not None)


def of_statistics(name: str, found: Statistics, unit: Unit) -> Iterator[Fact]:
    """Every figure of a distribution."""
    yield Fact(f"{name} count", found.count, "count")
    yield from known(((f"{name} {figure}", getattr(found, figure)) for figure in _FIGURES), unit)
    yield from known(((f"{name} {figure}", value) for figure, value in (found.quantiles or {}).items()), unit)


def growth(before: float | None, after: float | None) -> float | None:
    """How many times as much; None where there is nothing to divide by."""
    return after / before if before and after is not None else None
