"""How the figures of a stage differ from one stretch of time to the next: what their precision is taken from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from swelld import derived
from swelld.analysis.precision import rate_error, ratio_error, share_floor
from swelld.columns import Columns
from swelld.distribution import Distribution, Floats
from swelld.measurement import Measurement, Outcome
from swelld.result import StandardError

SECONDS: Final = 0.25
"""Length of a stretch at first; it doubles whenever there would be more than `MOST`."""
MOST: Final = 40
TIMES: Final = {"ttft": "ttft", "tpot": "tpot", "gaps": "itl", "e2e": "e2e"}
"""Distributions, and what their statistics are called in a result."""
PERCENTS: Final = (50, 90, 95, 99)
BEYOND: Final = 5
"""Values that have to lie beyond a percentile for its precision to be known."""

_ANSWERS, _TOKENS, _GOOD, _SCHEDULED, _FAILED, _ENDED = range(6)


class Scatter:
    """Of one target. Answers belong to the stretch in which they were over, distributions to that of their pulse."""

    def __init__(self) -> None:
        self._width = SECONDS
        self._origin: float | None = None
        self._times: dict[str, dict[int, Distribution]] = {name: {} for name in TIMES}
        self._counts = np.zeros((6, MOST))

    def add(self, moment: float, measurements: Sequence[Measurement], found: Columns) -> None:
        """Measured exchanges of one pulse, and their columns."""
        if self._origin is None:
            begins = [derived.start(m) for m in measurements]
            self._origin = min((b for b in begins if b is not None), default=moment)
        while moment - self._origin >= MOST * self._width:
            self._coarsen()
        place = self._place(moment)
        for name, stretches in self._times.items():
            values = getattr(found, name)
            if values.size:
                stretches.setdefault(place, Distribution()).update(values)
        self._count(place, measurements, found)

    def precision(
        self, distributions: Mapping[str, Distribution], begin: float | None, end: float | None
    ) -> dict[str, StandardError]:
        """The standard errors of figures of the whole that are not too few, by their names: `ttft.p95`, `goodput`."""
        if self._origin is None or begin is None or end is None:
            return {}
        first = max(0, int((begin - self._origin) / self._width))
        found = dict(self._rates(begin, end))
        found |= dict(self._shares(first))
        for name, called in TIMES.items():
            found |= dict(self._errors(name, called, distributions[name], first))
        return {name: StandardError(*error) for name, error in found.items() if error is not None}

    def _count(self, place: int, measurements: Sequence[Measurement], found: Columns) -> None:
        assert self._origin is not None
        good = [(m.end, m.output_tokens or 0) for m in measurements if m.outcome is Outcome.OK and m.end is not None]
        ends, tokens = np.array(good, dtype=np.float64).reshape(-1, 2).T
        places = np.clip((ends - self._origin) / self._width, 0, MOST - 1).astype(np.int64)
        self._counts[_ANSWERS] += np.bincount(places, minlength=MOST)
        self._counts[_TOKENS] += np.bincount(places, weights=tokens, minlength=MOST)
        outcomes = found.outcomes
        scheduled, ok = sum(outcomes.values()), outcomes.get(Outcome.OK, 0)
        apart = outcomes.get(Outcome.DROPPED, 0) + outcomes.get(Outcome.CANCELLED, 0)
        self._counts[_GOOD:, place] += (found.slo_good, scheduled, scheduled - apart - ok, scheduled - apart)

    def _rates(self, begin: float, end: float) -> Iterator[tuple[str, tuple[float, int] | None]]:
        """From stretches that lie in the window with all of their length."""
        assert self._origin is not None
        first = max(0, math.ceil((begin - self._origin) / self._width - 1e-6))
        last = min(MOST, int((end - self._origin) / self._width + 1e-6))
        for name, row in (("request_rate", _ANSWERS), ("output_token_rate", _TOKENS)):
            amounts = self._counts[row, first:last]
            if amounts.any():
                yield name, rate_error(amounts, self._width)

    def _shares(self, first: int) -> Iterator[tuple[str, tuple[float, int] | None]]:
        for name, row, of in (("goodput", _GOOD, _SCHEDULED), ("error_rate", _FAILED, _ENDED)):
            parts, wholes = self._counts[row, first:], self._counts[of, first:]
            if wholes.any():
                yield name, _at_least(ratio_error(parts, wholes), share_floor(parts.sum(), wholes.sum()))

    def _errors(
        self, name: str, called: str, whole: Distribution, first: int
    ) -> Iterator[tuple[str, tuple[float, int] | None]]:
        stretches = [d for place, d in sorted(self._times[name].items()) if place >= first]
        counts = np.array([d.count for d in stretches], dtype=np.float64)
        if not whole.count or not counts.size:
            return
        least = (whole.std or 0.0) / math.sqrt(whole.count)
        yield f"{called}.mean", _at_least(ratio_error(np.array([d.sum for d in stretches]), counts), least)
        for percent in PERCENTS:
            if whole.count * (100 - percent) >= 100 * BEYOND:
                yield f"{called}.p{percent}", _quantile_error(percent / 100, whole, stretches, counts)

    def _place(self, moment: float) -> int:
        assert self._origin is not None
        return min(MOST - 1, max(0, int((moment - self._origin) / self._width)))

    def _coarsen(self) -> None:
        """Merge pairs of stretches."""
        for name, stretches in self._times.items():
            merged: dict[int, Distribution] = {}
            for place, distribution in stretches.items():
                merged.setdefault(place // 2, Distribution()).merge(distribution)
            self._times[name] = merged
        half = self._counts.reshape(6, MOST // 2, 2).sum(axis=2)
        self._counts = np.concatenate([half, np.zeros_like(half)], axis=1)
        self._width *= 2


def _quantile_error(
    q: float, whole: Distribution, stretches: Sequence[Distribution], counts: Floats
) -> tuple[float, int] | None:
    """Half the way between the quantiles that the share of smaller values, give or take its own error, leads to."""
    value = whole.quantile(q)
    assert value is not None
    below = np.array([d.at_most(value) for d in stretches], dtype=np.float64)
    found = _at_least(ratio_error(below, counts), math.sqrt(q * (1 - q) / whole.count))
    if found is None:
        return None
    error, blocks = found
    low, high = whole.quantile(max(0.0, q - error)), whole.quantile(min(1.0, q + error))
    assert low is not None
    assert high is not None
    return (high - low) / 2, blocks


def _at_least(found: tuple[float, int] | None, least: float) -> tuple[float, int] | None:
    """Where requests are independent, blocks may by chance differ too little."""
    return None if found is None else (max(found[0], least), found[1])
