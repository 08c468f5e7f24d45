"""When a stage was steady: told from how many requests are open and how many are answered, while it goes on."""

import math
from dataclasses import dataclass

import numpy as np

from swelld.distribution import Floats
from swelld.load.stage import ClosedStage, OpenStage

SLICE_SECONDS = 0.5
"""Length of a slice of time at first; it doubles whenever there would be more than `MOST`."""
MOST = 40
LEAST = 6
"""Slices that a steady part has at the least."""
LEAST_ANSWERS = 10
LATENCIES = 2.0
"""A steady part is at least so many times as long as a request is open on average."""
FULL = 0.95
"""Share of the users that have to be waiting for an answer, where they do not think."""
FALL_SECONDS = 1.0
"""Fewer than that for longer than this is no hiccup: the users are leaving."""
NEAR, EXACT = 1.5, 0.01
"""So many times the least squared error of the mean is as good as the least, for what a ramp adds to it stays within
the error; and so is an error of this share of the mean."""
BEHIND, GROWTH = 0.04, 0.005
"""The queue grows if a larger share of the arrivals than `BEHIND` goes unanswered, and that share times the relative
growth of the number in flight is more than `GROWTH`: 4 % and 13 %, or 10 % and 5 %. Either happens by chance below
capacity; both together hardly do."""
DROPPED = 0.05
"""Share of arrivals that may be dropped."""
SHIFT_OPEN, SHIFT_CLOSED = 0.5, 0.25
"""How far the means of the three thirds of a steady part may lie apart, relative to its own mean."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a stage's phases; `begin` and `end` are None unless it was steady in between."""

    begin: float | None = None
    end: float | None = None
    note: str | None = None
    """Why it was not steady."""


@dataclass(slots=True)
class _Slice:
    looks: int = 0
    in_flight: float = 0.0
    """Sum over the looks."""
    answered: int = 0
    arrived: int = 0
    dropped: int = 0

    def add(self, other: "_Slice") -> None:
        self.looks += other.looks
        self.in_flight += other.in_flight
        self.answered += other.answered
        self.arrived += other.arrived
        self.dropped += other.dropped


class Steady:
    """The detector: hand it a look at the stage now and then, in the order of time; it never reads a clock.

    Time since the start is cut into slices of one length, at most `MOST`, so its memory is that of a short stage. The
    ramp ends at the slice that leaves the least standard error to the mean of the rest (MSER), no later than half-way.
    """

    def __init__(self, stage: ClosedStage | OpenStage, start: float, lanes: int = 1) -> None:
        """`lanes`: how many times the load is carried side by side."""
        self.start = start
        self.width = SLICE_SECONDS
        self.until = math.inf
        """When the drain began; infinite before."""
        self.falling = False
        """Fewer users are waiting than should: whether they are leaving will be known within `FALL_SECONDS`."""
        self._stage = stage
        self._total = None if stage.requests is None else stage.requests * lanes
        thinking = isinstance(stage, OpenStage) or stage.think_time > 0
        self._full = 0.0 if thinking else FULL * getattr(stage, "users", 0) * lanes
        self._was_full = False
        self._floor = 0
        """The first slice that can be steady."""
        self._slices: list[_Slice] = []
        self._last = start
        self._good = start
        self._before = (0, 0, 0)
        self._over = False
        self._given_up: str | None = None

    def give_up(self, why: str) -> None:
        """Somebody changed the load: the stage is not one level any more."""
        self._given_up, self.falling = why, False

    def look(
        self, moment: float, *, in_flight: int, answered: int, dropped: int, measured: int, until: float = math.inf
    ) -> None:
        """How the stage stands: requests open; since its start answered or failed, and dropped; how many of both were
        measured ones; and when its window ends, if that is known."""
        self.until = min(self.until, until)
        if self._given_up is not None:
            return
        if moment > self.until:
            self.falling, self._over = False, True
            return
        if self._total is not None and measured and measured + in_flight >= self._total:
            self.until, self.falling = self._good if self.falling else self._last, False
            return
        place = self._place(moment)
        self._note(place, in_flight, answered, dropped)
        self._watch_users(moment, place, in_flight)
        self._last = moment

    def found(self, window_start: float = -math.inf) -> Found:
        """The phases as they look by now; steady is never before `window_start`."""
        if self._given_up is not None:
            return Found(note=self._given_up)
        if isinstance(self._stage, OpenStage) and self._stage.varies:
            return Found(note="the rate changes all the time")
        seen = min(self.until, self._last)
        end = self.until if self._over else seen
        count = max(0, min(len(self._slices), int((seen - self.start) / self.width + 1e-9)))
        first = self._first(window_start)
        if count and self._full and not self._was_full and first >= count:
            return Found(note=f"fewer than {FULL:.0%} of the users were waiting for an answer")
        if count - first < LEAST:
            return Found(note=f"too short: {max(0.0, end - self.start):.1f} s")
        level = self._level(count)
        begin = first + truncation(level[first:])
        rest = self._slices[begin:count]
        note = self._objection(rest, level[begin:count])
        return Found(note=note) if note else Found(self.start + begin * self.width, end)

    def _place(self, moment: float) -> int:
        place = int((moment - self.start) / self.width)
        while place >= MOST:
            self._coarsen()
            place = int((moment - self.start) / self.width)
        return max(0, place)

    def _coarsen(self) -> None:
        for one, other in zip(self._slices[::2], self._slices[1::2], strict=False):
            one.add(other)
        self._slices = self._slices[::2]
        self._floor = -(-self._floor // 2)
        self.width *= 2

    def _note(self, place: int, in_flight: int, answered: int, dropped: int) -> None:
        while len(self._slices) <= place:
            self._slices.append(_Slice())
        now = (answered, answered + dropped + in_flight, dropped)
        more = [present - past for present, past in zip(now, self._before, strict=True)]
        self._slices[place].add(_Slice(1, in_flight, *more))
        self._before = now

    def _watch_users(self, moment: float, place: int, in_flight: int) -> None:
        if in_flight >= self._full:
            self._was_full, self.falling, self._good = True, False, moment
        elif not self._was_full:
            self._floor = place + 1
        elif moment - self._good <= FALL_SECONDS:
            self.falling = True
        else:
            self.falling = False
            self._last = self._good
            if self.found().begin is not None:
                self.until = self._good
            else:  # it had hardly begun: a ramp once more
                self._was_full, self._floor = False, place + 1

    def _first(self, window_start: float) -> int:
        ramp_up = self._stage.ramp_up if isinstance(self._stage, ClosedStage) else 0.0
        late = max(ramp_up, min(window_start, self._last) - self.start)
        return max(self._floor, math.ceil(late / self.width - 1e-9))

    def _level(self, count: int) -> Floats:
        """What has to be stationary: the number in flight where arrivals come by the clock, else answers per slice."""
        slices = self._slices[:count]
        if isinstance(self._stage, ClosedStage):
            return np.array([s.answered for s in slices], dtype=np.float64)
        level = [s.in_flight / s.looks if s.looks else math.nan for s in slices]
        known = [number for number, value in enumerate(level) if not math.isnan(value)]
        return np.interp(np.arange(count), known, [level[number] for number in known])

    def _objection(self, rest: list[_Slice], level: Floats) -> str | None:
        seconds = len(rest) * self.width
        answered, arrived = sum(s.answered for s in rest), sum(s.arrived for s in rest)
        looks = sum(s.looks for s in rest)
        open_for = sum(s.in_flight for s in rest) / looks * seconds / answered if looks and answered else math.inf
        if isinstance(self._stage, OpenStage) and arrived:
            dropped = sum(s.dropped for s in rest) / arrived
            if dropped > DROPPED:
                return f"{dropped:.0%} of the arrivals were dropped: the load is beyond capacity"
            behind, growth = _behind(rest), _growth(level)
            if behind > BEHIND and behind * growth > GROWTH:
                return f"the queue grows: answers fell {behind:.0%} behind arrivals"
        if answered < LEAST_ANSWERS or seconds < LATENCIES * open_for:
            return f"too short: {answered} answers in {seconds:.1f} s after the ramp"
        thirds = [float(part.mean()) for part in np.array_split(level, 3)]
        if max(thirds) - min(thirds) > self._tolerance(answered / 3) * float(level.mean()):
            return f"the level changed: {self._in_words(thirds)}"
        return None

    def _tolerance(self, answers: float) -> float:
        """Relative distance that chance alone hardly brings about between thirds of so many answers each."""
        if isinstance(self._stage, OpenStage):
            return max(SHIFT_OPEN, 3 * math.sqrt(4 / answers))  # the number in flight remembers itself for a latency
        waves = 2 * self._stage.users / answers  # users that began together are answered together
        return max(SHIFT_CLOSED, 3 * math.sqrt(2 / answers), waves)

    def _in_words(self, thirds: list[float]) -> str:
        if isinstance(self._stage, OpenStage):
            return ", then ".join(f"{value:.1f}" for value in thirds) + " in flight"
        return ", then ".join(f"{value / self.width:.1f}" for value in thirds) + " answers/s"


def truncation(series: Floats) -> int:
    """How many leading values to leave out, at most half: the marginal standard error rule (White 1997), eased. Near
    its minimum the squared error is flat and the place of the minimum chance, so the first place near it is taken."""
    most = min(series.size // 2, max(0, series.size - LEAST))
    errors = [float(series[place:].var()) / (series.size - place) for place in range(most + 1)]
    enough = max(NEAR * min(errors), (EXACT * float(series[most:].mean())) ** 2)
    return next(place for place, error in enumerate(errors) if error <= enough)


def _behind(rest: list[_Slice]) -> float:
    """Share of the arrivals that nothing was answered for; what is left of a ramp is in the first third."""
    later = rest[len(rest) // 3 :]
    arrived = sum(s.arrived for s in later)
    return 1 - sum(s.answered for s in later) / arrived if arrived else 0.0


def _growth(level: Floats) -> float:
    """From the first third to the last, relative to the mean."""
    thirds = np.array_split(level, 3)
    return float((thirds[2].mean() - thirds[0].mean()) / max(level.mean(), 1e-9))
