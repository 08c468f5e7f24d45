"""When open-loop requests are due: pure functions of a stage and a seed, the same in every shard."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from swelld.load.progress import Progress, progress_of
from swelld.load.stage import Among, OpenStage

MOST_TURNS: Final = 16
"""That are remembered: only the last one says when arrivals to come are due."""

_SPREAD: Final = 2**0.5 - 1


class Arrival(NamedTuple):
    """One due moment, in seconds after the stage's start; warm-up and window are numbered from 0 each."""

    number: int
    due: float
    warmup: bool


class Turn(msgspec.Struct, frozen=True):
    """A change of the rate of an open loop that is under way: constant from then on, or as planned times a factor."""

    at: float
    """Seconds after the stage's start."""
    reached: float | None
    """How many arrivals the rates before came to by then; it makes a turn complete without those before it. None where
    only those know who have the trace that is replayed."""
    rate: float | None
    """Requests per second."""
    factor: float = 1.0
    """Without a rate: of what was planned."""


class Curve:
    """The rate of an open-loop stage over time, and the number of arrivals that it comes to.

    `planned` is needed for the moments of a stage that replays a trace.
    """

    def __init__(self, stage: OpenStage, turns: Sequence[Turn] = (), planned: Progress | None = None) -> None:
        self._blind = stage.replay is not None and planned is None
        self._planned = planned or progress_of(stage)
        self._turns: list[Turn] = []
        for turn in turns:
            self.turn(turn)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The latest of them, enough to go on with."""
        return tuple(self._turns)

    def turn(self, turn: Turn) -> None:
        """Go on at another rate; turns that were to come later are void."""
        if turn.reached is None and not self._blind:
            turn = msgspec.structs.replace(turn, reached=self.reached(turn.at))
        self._turns = [*(one for one in self._turns if one.at < turn.at), turn][-MOST_TURNS:]

    def turn_at(self, at: float, rate: float | None, factor: float = 1.0) -> Turn:
        """What has to be handed to `turn`, here and in every shard."""
        return Turn(at, None if self._blind else self.reached(at), rate, factor)

    def reached(self, moment: float) -> float:
        """How many arrivals are due by a moment, on average."""
        for turn in reversed(self._turns):
            if moment >= turn.at:
                return (turn.reached or 0.0) + self._since(turn, moment)
        return self._planned.reached(moment)

    def _since(self, turn: Turn, moment: float) -> float:
        if turn.rate is not None:
            return (moment - turn.at) * turn.rate
        return (self._planned.reached(moment) - self._planned.reached(turn.at)) * turn.factor

    def rate(self, moment: float) -> float:
        """Requests per second at a moment."""
        for turn in reversed(self._turns):
            if moment >= turn.at:
                return turn.rate if turn.rate is not None else self._planned.rate(moment) * turn.factor
        return self._planned.rate(moment)

    def moment(self, progress: float) -> float:
        """When so many arrivals are due, on average; infinite for never."""
        for turn in reversed(self._turns):
            beyond = progress - (turn.reached or 0.0)
            if beyond < 0:
                continue
            if turn.rate is not None:
                return turn.at + beyond / turn.rate
            return max(turn.at, self._planned.moment(self._planned.reached(turn.at) + beyond / turn.factor))
        moment = self._planned.moment(progress)
        return min(moment, self._turns[0].at) if self._turns else moment


class _Window(NamedTuple):
    """How far a walk along the arrivals has come."""

    warming: bool = True
    first: int = 0
    end: float = math.inf
    limit: float = math.inf


class Schedule:
    """Every arrival of part `part` of `parts`, one after another, on an absolute schedule, warm-up first.

    A unit-rate process is stretched by the inverse of the integrated rate, so a ramp or a turn changes the rate and
    nothing else: all parts together have every arrival once, whatever turns there are. `duration` (its end is not part
    of it) and `requests` count from the end of the warm-up; whichever comes first ends the stage, which is endless if
    it has neither. Where several daemons share the stage, all of that is said of what they carry together.
    """

    def __init__(
        self,
        stage: OpenStage,
        seed: int,
        part: int = 0,
        parts: int = 1,
        turns: Sequence[Turn] = (),
        planned: Progress | None = None,
    ) -> None:
        among = stage.among or Among(0, 1, stage)
        assert isinstance(among.whole, OpenStage)
        self._stage = stage = among.whole
        self._daemons = among.of
        self._parts = parts * among.of
        self._curve = Curve(stage, [self._of_all(turn) for turn in turns], planned)
        self._units = enumerate(_unit_process(stage, seed))
        self._ahead = among.number + part * among.of + 1
        self._reached: Sequence[tuple[int, float]] = ()
        self._before = self._window = _Window()

    @property
    def place(self) -> int:
        """Of the present arrival among those of all parts of all daemons, warm-up included."""
        return self._reached[-1][0]

    @property
    def end(self) -> float:
        """Of the window, in seconds after the stage's start, as far as is known by now; infinite without one."""
        return self._window.end

    def next(self) -> Arrival | None:
        """Go on to the next arrival; None if the stage ends before it."""
        self._before = self._window
        self._reached = list(itertools.islice(self._units, self._ahead))  # those of the other parts, and ours
        self._ahead = self._parts
        return self.present()

    def present(self) -> Arrival | None:
        """The arrival that `next` went on to, as it is by now: a turn may have moved it, or the end."""
        stage, window, due = self._stage, self._before, 0.0
        for index, progress in self._reached:
            due = self._curve.moment(progress)
            if window.warming and index >= stage.warmup_requests and due >= stage.warmup_seconds:
                window = self._opened(index, due)
            if index - window.first >= window.limit or due >= window.end:
                return None
        self._window = window
        return Arrival(self.place - window.first, due, window.warming)

    def turn(self, turn: Turn) -> None:
        """From a moment to come on, the arrivals follow another rate."""
        self._curve.turn(self._of_all(turn))

    def _of_all(self, turn: Turn) -> Turn:
        """The turn of all daemons together that this one's is a part of."""
        times = self._daemons
        reached = None if turn.reached is None else turn.reached * times
        return msgspec.structs.replace(turn, reached=reached, rate=None if turn.rate is None else turn.rate * times)

    def _opened(self, index: int, due: float) -> _Window:
        stage = self._stage
        start = due if stage.warmup_requests else stage.warmup_seconds
        end = start + stage.duration if stage.duration is not None else math.inf
        return _Window(False, index, end, stage.requests if stage.requests is not None else math.inf)


def arrivals(stage: OpenStage, seed: int) -> Iterator[Arrival]:
    """Every arrival of a stage whose rate nobody changes."""
    schedule = Schedule(stage, seed)
    while (arrival := schedule.next()) is not None:
        yield arrival


def passes(place: int, factor: float) -> bool:
    """Whether the arrival at `place` is among the share `factor` of all that is let through.

    A low-discrepancy sequence, and not that of `pick`: so of the arrivals of every part and every target the same
    share is let through, evenly spread.
    """
    return factor >= 1.0 or (place * _SPREAD) % 1.0 < factor


def _unit_process(stage: OpenStage, seed: int) -> Iterator[float]:
    """Arrival moments of a process with mean rate 1; the first one is at 0."""
    if stage.process == "constant":
        index = 0
        while True:
            yield float(index)
            index += 1
    draw = random.Random(f"{seed}/arrivals/{stage.label}")
    shape = 1.0 if stage.process == "poisson" else stage.burstiness
    moment = 0.0
    while True:
        yield moment
        moment += draw.gammavariate(shape, 1.0 / shape)


def share(limit: int, part: int, parts: int) -> int:
    """How many of `limit` things belong to part `part` of `parts`: they add up, and differ by one at most."""
    return limit // parts + (part < limit % parts)


def pick(weights: tuple[float, ...], index: int) -> int:
    """The target of request `index`: a low-discrepancy sequence, so that shares hold over any stretch of requests."""
    if len(weights) == 1:
        return 0
    place = ((index + 0.5) * 0.6180339887498949) % 1.0 * math.fsum(weights)
    for number, weight in enumerate(weights):
        place -= weight
        if place < 0:
            return number
    return len(weights) - 1
