"""Statistics by slices of time, so that a window found late can still be what they are made of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from swelld import derived
from swelld.columns import columns
from swelld.distribution import Floats
from swelld.hub.inside import Inside
from swelld.hub.steady import MOST, Found, Steady
from swelld.hub.tally import Tally, Window
from swelld.load.stage import OpenStage, Stage
from swelld.measurement import Measurement, Outcome


class Slices:
    """A tally for each slice of the detector and each target; there are never more than `MOST` slices."""

    def __init__(
        self,
        steady: Steady,
        stage: Stage,
        targets: int,
        thresholds: Mapping[str, float],
        percentiles: Sequence[float] = (),
    ) -> None:
        self._steady = steady
        self._stage = stage
        self._thresholds = thresholds
        self._percentiles = percentiles
        self._width = steady.width
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._amounts = [Amounts() for _ in range(targets)]
        self._waiting: list[Measurement] = []

    def add(self, measurements: Sequence[Measurement]) -> None:
        """What one pulse brought, after the detector looked at that pulse. While it is open whether the drain has
        begun they wait, at most `FALL_SECONDS`."""
        self._waiting += measurements
        if not self._steady.falling:
            self._take(self._waiting)
            self._waiting = []

    def tally(self, target: int, found: Found) -> Tally:
        """Of the exchanges between `found.begin` and `found.end`, once the stage is over."""
        assert found.begin is not None
        assert found.end is not None
        self._take(self._waiting)
        self._waiting = []
        window = Window(self._stage, found.begin)
        window.start = found.begin
        window.cut(found.end)
        first = round((found.begin - self._steady.start) / self._width)
        total = self._empty(window)
        for (owner, place), tally in sorted(self._tallies.items()):
            if owner == target and place >= first:
                total.merge(tally)
        total.inside = self._amounts[target].since(first)
        return total

    def _empty(self, window: Window) -> Tally:
        return Tally(self._thresholds, window, self._percentiles)

    def _take(self, measurements: Sequence[Measurement]) -> None:
        self._follow()
        groups: dict[tuple[int, int], list[Measurement]] = defaultdict(list)
        by_target: dict[int, list[Measurement]] = defaultdict(list)
        for m in measurements:
            by_target[m.target].append(m)
            begin = m.due if m.due is not None else derived.start(m)
            if not m.warmup and begin is not None and self._counts(begin, m.end):
                groups[m.target, self._place(begin)].append(m)
        for key, group in groups.items():
            if key not in self._tallies:
                self._tallies[key] = self._empty(Window(self._stage, self._steady.start))
            self._tallies[key].count(columns(group, self._thresholds))
        for target, group in by_target.items():
            good = columns(group, self._thresholds).good_ends if self._thresholds else np.empty(0)
            self._amounts[target].add(group, good, self._steady.start, self._width, self._steady.until)

    def _counts(self, begin: float, end: float | None) -> bool:
        """Open loop: due before the drain. Closed loop: over before it, for what comes later met a lighter load."""
        if isinstance(self._stage, OpenStage):
            return begin < self._steady.until
        return end is not None and end <= self._steady.until

    def _place(self, moment: float) -> int:
        return min(MOST - 1, max(0, int((moment - self._steady.start) / self._width)))

    def _follow(self) -> None:
        """Merge pairs of slices as often as the detector has."""
        while self._width < self._steady.width:
            merged: dict[tuple[int, int], Tally] = {}
            for (target, place), tally in self._tallies.items():
                key = (target, place // 2)
                if key in merged:
                    merged[key].merge(tally)
                else:
                    merged[key] = tally
            self._tallies = merged
            for amounts in self._amounts:
                amounts.coarsen()
            self._width *= 2


class Amounts:
    """What fell into each slice: answers, tokens, seconds of exchanges under way."""

    def __init__(self) -> None:
        self._rows = np.zeros((5, MOST))

    def add(self, batch: Sequence[Measurement], good_ends: Floats, start: float, width: float, until: float) -> None:
        """What happened after `until` is left out; `good_ends` are of those that met every threshold."""
        batch = [m for m in batch if m.sent is not None and m.end is not None]
        if not batch:
            return
        sent, end = np.array([m.sent for m in batch]), np.array([m.end for m in batch])
        edges = start + width * np.arange(MOST)[:, None]
        overlap = np.minimum(np.minimum(end, until), edges + width) - np.maximum(sent, edges)
        self._rows[3] += np.maximum(0.0, overlap).sum(axis=1)
        self._spread(4, good_ends, np.ones(good_ends.size), start, width, until)
        good = [m for m in batch if m.outcome is Outcome.OK]
        ends = np.array([m.end for m in good])
        self._spread(0, ends, np.ones(len(good)), start, width, until)
        self._spread(1, ends, np.array([m.input_tokens or 0 for m in good], dtype=np.float64), start, width, until)
        streams = [np.frombuffer(m.tokens_at) if m.tokens_at else np.array([m.end]) for m in good]
        shares = [np.full(s.size, (m.output_tokens or 0) / s.size) for m, s in zip(good, streams, strict=True)]
        if good:
            self._spread(2, np.concatenate(streams), np.concatenate(shares), start, width, until)

    def since(self, first: int) -> Inside:
        """The sums from a slice on."""
        requests, inputs, outputs, busy, good = self._rows[:, first:].sum(axis=1)
        inside = Inside()
        inside.requests, inside.good, inside.input_tokens = round(requests), round(good), round(inputs)
        inside.output_tokens, inside.busy = float(outputs), float(busy)
        return inside

    def coarsen(self) -> None:
        """Merge pairs of slices."""
        merged = self._rows.reshape(5, MOST // 2, 2).sum(axis=2)
        self._rows = np.concatenate([merged, np.zeros_like(merged)], axis=1)

    def _spread(self, row: int, moments: Floats, amounts: Floats, start: float, width: float, until: float) -> None:
        inside = (moments >= start) & (moments <= until) & (moments < start + width * MOST)
        places = ((moments[inside] - start) / width).astype(np.int64)
        self._rows[row] += np.bincount(places, weights=amounts[inside], minlength=MOST)
