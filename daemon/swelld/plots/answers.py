"""Single requests as the pictures need them: good answers of the measured window, few fields of each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

BINS = 10
FEWEST_IN_BIN = 5
DOTS = 400
"""Most single requests drawn for one line."""


class Answer(NamedTuple):
    """One request; the times are None where it has none."""

    stage: str
    target: str
    ok: bool
    input_tokens: int | None
    output_tokens: int | None
    ttft: float | None
    tpot: float | None
    e2e: float | None
    category: str


class Bin(NamedTuple):
    """The values of some neighbours."""

    x: float
    p50: float
    p95: float


def answers(rows: Iterable[Mapping[str, Any]]) -> list[Answer]:
    """Of every request that was measured, warm-up left out; dropped and failed ones are there and not ok."""
    return [
        Answer(
            row.get("stage") or "",
            row.get("target") or "",
            row.get("outcome") == "ok",
            row.get("input_tokens"),
            row.get("output_tokens"),
            row.get("ttft"),
            row.get("tpot"),
            row.get("e2e"),
            row.get("category") or "",
        )
        for row in rows
        if not row.get("warmup")
    ]


def binned(points: Sequence[tuple[float, float]], width: float) -> list[Bin]:
    """Points sorted and cut into up to ten bins of about equal size, none narrower than `width` but the last."""
    ordered = sorted(points)
    size = max(FEWEST_IN_BIN, math.ceil(len(ordered) / BINS))
    found: list[list[tuple[float, float]]] = []
    for point in ordered:
        if found and (len(found[-1]) < size or point[0] - found[-1][0][0] <= width):
            found[-1].append(point)
        else:
            found.append([point])
    if len(found) > 1 and len(found[-1]) < FEWEST_IN_BIN:
        rest = found.pop()
        found[-1] += rest
    return [_bin(group) for group in found]


def _bin(points: Sequence[tuple[float, float]]) -> Bin:
    values = sorted(y for _, y in points)
    return Bin(sum(x for x, _ in points) / len(points), quantile(values, 0.5), quantile(values, 0.95))


def quantile(ordered: Sequence[float], q: float) -> float:
    """Of sorted values, interpolated between neighbours."""
    rank = q * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most 400 of them, evenly chosen."""
    step = max(1, math.ceil(len(points) / DOTS))
    return list(points[::step])
