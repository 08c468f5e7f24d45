"""The simulator's batch on a virtual clock, with a course that puts load on it: minutes of a search in a moment.

It knows nothing of swelld's engine or hub, so what it finds by itself is a truth to hold a search against.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

import sample_results
from swelld.load.course import Course, Look
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.result import Goodput, Requests, StageResult
from swelld.sim.batch import Batch, Sequence
from swelld.sim.options import SimOptions

LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Exchange:
    """One request: in seconds after the start of its stage."""

    sent: float
    first: float | None = None
    last: float | None = None


@dataclass(slots=True)
class Server:
    """A batch and its clock; `ask` and `run_until` move it."""

    options: SimOptions
    input_tokens: int
    output_tokens: int
    now: float = 0.0
    batch: Batch = field(init=False)
    _due: float | None = None

    def __post_init__(self) -> None:
        self.batch = Batch(self.options)

    def ask(self, exchange: Exchange) -> None:
        """A request that arrives now."""
        self.batch.add(Sequence(self.input_tokens, self.output_tokens, owner=exchange))
        if self._due is None:
            self._begin()

    def step(self) -> list[Exchange]:
        """Go on to the end of the step under way; the requests that are answered by it."""
        assert self._due is not None
        self.now = self._due
        over = []
        for sequence in self.batch.end():
            if sequence.produced == 1:
                sequence.owner.first = self.now
            if sequence.over:
                sequence.owner.last = self.now
                over.append(sequence.owner)
        self._begin()
        return over

    @property
    def due(self) -> float | None:
        """When the step under way ends; None if there is none."""
        return self._due

    def _begin(self) -> None:
        seconds = self.batch.begin()
        self._due = None if seconds is None else self.now + seconds


def exchanges(server: Server, stage: Stage, seed: int) -> Iterator[tuple[float, list[Exchange]]]:
    """What a stage comes to: at every look the moment, and all requests so far; to the end of its schedule."""
    draw = random.Random(seed)
    asked: list[Exchange] = []
    due: list[float] = []
    if isinstance(stage, ClosedStage):
        due = [stage.ramp_up * number / stage.users for number in range(stage.users)]
    else:
        assert isinstance(stage, OpenStage)
        due = [0.0]
    look = LOOK_SECONDS
    end = stage.warmup_seconds + (stage.duration if stage.duration is not None else np.inf)
    while True:
        moment = min(due[0] if due else np.inf, server.due if server.due is not None else np.inf)
        while look < moment:
            yield look, asked
            measured = sum(one.sent >= stage.warmup_seconds for one in asked)
            if look >= end or (stage.requests is not None and measured >= stage.requests):
                return
            look += LOOK_SECONDS
        if server.due is not None and server.due <= moment:
            for _ in server.step():
                if isinstance(stage, ClosedStage):
                    heapq.heappush(due, server.now)
            continue
        server.now = max(server.now, moment)
        asked.append(Exchange(heapq.heappop(due)))
        server.ask(asked[-1])
        if isinstance(stage, OpenStage):
            gap = draw.expovariate(stage.rate) if stage.process == "poisson" else 1 / stage.rate
            heapq.heappush(due, asked[-1].sent + gap)


def _good(one: Exchange, thresholds: Mapping[str, float], tokens: int) -> bool:
    if one.first is None or one.last is None:
        return False
    tpot = (one.last - one.first) / max(1, tokens - 1)
    found = {"ttft": one.first - one.sent, "e2e": one.last - one.sent, "tpot": tpot}
    return all(found[name] <= threshold for name, threshold in thresholds.items())


def figures(
    stage: Stage,
    asked: list[Exchange],
    until: float,
    thresholds: Mapping[str, float],
    share: float,
    tokens: int,
    *,
    over: bool,
) -> StageResult:
    """The figures of a stage as they are at a moment; once it is `over`, with those that were still open."""
    measured = [one for one in asked if one.sent >= stage.warmup_seconds]
    ended = [one for one in measured if over or (one.last is not None and one.last <= until)]
    answered = [one for one in ended if one.last is not None]
    e2e = [one.last - one.sent for one in answered if one.last is not None]
    good = sum(_good(one, thresholds, tokens) for one in ended)
    window = max(1e-9, until - stage.warmup_seconds)
    inside = sum(one.last is not None and one.last <= until for one in measured)
    return sample_results.stage(
        stage=stage.label,
        window_seconds=window,
        requests=Requests(
            scheduled=len(ended),
            started=len(ended),
            ok=len(answered),
            failed=0,
            dropped=0,
            cancelled=len(ended) - len(answered),
        ),
        request_rate=inside / window,
        e2e=sample_results.statistics(*e2e),
        goodput=Goodput(good / len(ended) if ended else None, good, len(ended), good / window, share, {}),
        users=stage.users if isinstance(stage, ClosedStage) else None,
    )


@dataclass(slots=True)
class Clock:
    """Virtual seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def carry_out(
    course: Course,
    options: SimOptions,
    lengths: tuple[int, int],
    thresholds: Mapping[str, float],
    share: float,
    clock: Clock,
    seed: int = 1,
) -> list[StageResult]:
    """A whole run against a server that is idle at the start of every stage."""
    done = [*course.before()]
    for number in itertools.count():
        stage = course.next(done)
        if stage is None:
            return done
        server = Server(options, *lengths)
        moment = 0.0
        asked: list[Exchange] = []
        begun = clock.now
        for moment, asked in exchanges(server, stage, seed + number):
            clock.now = begun + moment
            in_flight = sum(one.last is None or one.last > moment for one in asked)
            present = figures(stage, asked, moment, thresholds, share, lengths[1], over=False)
            if course.look(Look([present], moment, in_flight)) is not None:
                break
        while server.due is not None and len(server.batch.waiting) < 10 * options.max_num_seqs:
            server.step()  # drained
        done.append(figures(stage, asked, moment, thresholds, share, lengths[1], over=True))
    raise AssertionError


def good_share(
    stage: Stage, options: SimOptions, lengths: tuple[int, int], thresholds: Mapping[str, float], seed: int = 11
) -> float:
    """What a whole stage comes to, in one go: the truth about one level."""
    server = Server(options, *lengths)
    moment, asked = deque(exchanges(server, stage, seed), maxlen=1).pop()
    found = figures(
        stage, [one for one in asked if one.last is not None], moment, thresholds, 1.0, lengths[1], over=True
    )
    assert found.goodput is not None
    return found.goodput.ratio or 0.0
