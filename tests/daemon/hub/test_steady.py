"""Ramp, steady and drain of synthetic traces on a virtual clock, and the statistics of their steady part."""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from measurements import measured
from runs import carry_out, one_target, settings_for
from swelld import derived
from swelld.columns import columns
from swelld.hub.phases import Phasing
from swelld.hub.steady import MOST, Found, Steady, truncation
from swelld.hub.tally import Tally, Window
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld.result import Phases, StageResult, Statistics, Validity
from swelld.sim import SimOptions, simulated

START = 1000.0
PULSE = 0.2
VALID = Validity(valid=True, reasons=[], event_loop_lag=Statistics(count=0))

Span = tuple[float, float]
"""When an exchange was sent or due, and when it ended, in seconds after the start."""
Service = Callable[[float, random.Random], float]
"""How long an exchange takes that a server takes up at a moment."""


def exponential(mean: float) -> Service:
    return lambda _, draw: draw.expovariate(1 / mean)


def closed_loop(stage: ClosedStage, service: Service, seed: int = 0) -> list[Span]:
    """Users that ask, wait and think until requests or time are used up."""
    draw = random.Random(seed)
    turns = [(stage.ramp_up * user / stage.users, user) for user in range(stage.users)]
    spans: list[Span] = []
    while turns:
        moment, user = heapq.heappop(turns)
        if moment >= (stage.duration or np.inf) or len(spans) >= (stage.requests or np.inf):
            continue
        end = moment + service(moment, draw)
        spans.append((moment, end))
        pause = draw.expovariate(1 / stage.think_time) if stage.think_time else 0.0
        heapq.heappush(turns, (end + pause, user))
    return spans


def open_loop(stage: OpenStage, servers: int, service: Service, seed: int = 0) -> list[Span]:
    """Poisson arrivals before a line of servers."""
    draw = random.Random(seed)
    free = [0.0] * servers
    moment, spans = 0.0, []
    while (moment := moment + draw.expovariate(stage.rate)) < (stage.duration or np.inf):
        begin = max(moment, heapq.heappop(free))
        end = begin + service(begin, draw)
        heapq.heappush(free, end)
        spans.append((moment, end))
    return spans


def looks(spans: Sequence[Span]) -> Iterator[tuple[float, int, int]]:
    """(moment, in flight, answered so far) at every pulse until all is over."""
    begins, ends = np.sort([span[0] for span in spans]), np.sort([span[1] for span in spans])
    for number in range(1, int(ends[-1] / PULSE) + 2):
        moment = number * PULSE
        answered = int(np.searchsorted(ends, moment, side="right"))
        yield moment, int(np.searchsorted(begins, moment, side="right")) - answered, answered


def detected(stage: ClosedStage | OpenStage, spans: Sequence[Span]) -> Found:
    """What the detector says in the end, in seconds after the start."""
    steady = Steady(stage, START)
    until = START + stage.duration if stage.duration else np.inf
    for moment, in_flight, answered in looks(spans):
        steady.look(START + moment, in_flight=in_flight, answered=answered, dropped=0, measured=answered, until=until)
    found = steady.found(START)
    if found.begin is None or found.end is None:
        return found
    return Found(found.begin - START, found.end - START)


def exchanges(stage: ClosedStage | OpenStage, spans: Sequence[Span]) -> list[Measurement]:
    opened = isinstance(stage, OpenStage)
    return [
        measured(
            due=START + begin if opened else None, sent=START + begin, end=START + end, tokens_at=(START + end,),
            output_tokens=10, input_tokens=5, token_source=TokenSource.SERVER,
        )
        for begin, end in spans
    ]  # fmt: skip


def figures(
    stage: ClosedStage | OpenStage, done: Sequence[Measurement], asked: Literal["all", "steady"] = "steady"
) -> StageResult:
    """The result of a stage whose shard reported these exchanges pulse by pulse."""
    tally = Tally({"e2e": 0.5}, Window(stage, START), (75.0,))
    phasing = Phasing(stage, START, [tally], asked, thresholds={"e2e": 0.5}, percentiles=(75.0,))
    ordered = sorted(done, key=lambda m: m.end or 0.0)
    begins = np.sort([derived.start(m) or 0.0 for m in done])
    last = ordered[-1].end or 0.0
    taken = 0
    for number in itertools.count(1):
        moment = START + number * PULSE
        batch = list(itertools.takewhile(lambda m: (m.end or 0.0) <= moment, ordered[taken:]))  # noqa: B023
        taken += len(batch)
        tally.add([m for m in batch if not m.warmup], columns([m for m in batch if not m.warmup], {"e2e": 0.5}))
        phasing.take(moment, int(np.searchsorted(begins, moment, side="right")) - taken, batch)
        if moment > last:
            break
    used, phases = phasing.outcome(0)
    return used.result(stage, ("here", "tiny"), 0.9, VALID, phases)


def closed(**more: float) -> ClosedStage:
    return ClosedStage(label="concurrency=20", **{"users": 20, **more})  # type: ignore[arg-type]


def opened(rate: float, duration: float) -> OpenStage:
    return OpenStage(label=f"rate={rate:g}", rate=rate, duration=duration, process="poisson")


def test_users_that_come_one_by_one_stay_and_leave() -> None:
    stage = closed(ramp_up=5.0, requests=1500)
    spans = closed_loop(stage, exponential(0.3))
    found = detected(stage, spans)
    assert found.begin == pytest.approx(5.25, abs=0.8)
    assert found.end is not None
    out_of_work = max(begin for begin, _ in spans)
    assert found.end == pytest.approx(out_of_work, abs=2 * PULSE)
    assert found.end <= out_of_work


@pytest.mark.parametrize(("service", "duration"), [(0.02, 8.0), (0.3, 20.0), (3.0, 60.0)])
def test_users_that_all_begin_at_once_are_steady_soon(service: float, duration: float) -> None:
    stage = closed(duration=duration)
    found = detected(stage, closed_loop(stage, lambda _, draw: service * draw.uniform(0.5, 1.5)))
    assert found.begin is not None
    assert found.begin <= 3 * service + 1.0
    assert found.end == pytest.approx(duration)


def test_users_that_answer_in_step_are_steady() -> None:
    stage = closed(duration=20.0)
    found = detected(stage, closed_loop(stage, lambda *_: 0.9))
    assert found.begin is not None
    assert found.begin <= 2.0


def test_users_that_think_are_judged_by_their_answers() -> None:
    stage = closed(think_time=1.0, requests=1000)
    spans = closed_loop(stage, exponential(0.25))
    assert max(in_flight for _, in_flight, _ in looks(spans[100:-100])) < 0.95 * stage.users
    found = detected(stage, spans)
    assert found.begin is not None
    assert found.begin <= 5.0
    assert found.end == pytest.approx(max(begin for begin, _ in spans), abs=2 * PULSE)


def test_a_hiccup_is_no_drain_but_leaving_users_are() -> None:
    stage = closed(duration=30.0)
    steady = Steady(stage, START)
    for number in range(1, 151):
        moment = number * PULSE
        in_flight = 20 if moment < 10.0 or 10.7 < moment < 24.9 else 12
        steady.look(START + moment, in_flight=in_flight, answered=number * 10, dropped=0, measured=number * 10)
        assert steady.until == (np.inf if moment < 26.0 - 1e-6 else pytest.approx(START + 24.8))
    found = steady.found(START)
    assert (found.begin, found.end) == pytest.approx((START, START + 24.8))


def test_users_that_came_late_after_an_outage_ramp_up_once_more() -> None:
    steady = Steady(closed(duration=30.0), START)
    answered = 0
    for number in range(1, 151):
        moment = number * PULSE
        working = moment < 2.0 or moment > 6.0
        answered += 10 * working
        in_flight = 20 if working else 3
        steady.look(START + moment, in_flight=in_flight, answered=answered, dropped=0, measured=answered)
    found = steady.found(START)
    assert found.begin == pytest.approx(START + 6.5, abs=0.6)
    assert found.end == pytest.approx(START + 30.0)


def test_below_capacity_an_open_loop_becomes_steady() -> None:
    """16 servers at 70 and at 85 % of what they can do: the load is steady in 47 runs of 50 at the least."""
    for load, seconds in ((0.7, 20.0), (0.7, 60.0), (0.85, 60.0)):
        stage = opened(load * 16 / 0.5, seconds)
        found = [detected(stage, open_loop(stage, 16, exponential(0.5), seed)) for seed in range(50)]
        begins = [one.begin for one in found if one.begin is not None]
        assert len(begins) >= 47
        assert sorted(begins)[25] <= 0.15 * seconds
        assert all(one.end == pytest.approx(seconds) for one in found if one.end is not None)


@pytest.mark.parametrize(("load", "seconds"), [(1.3, 30.0), (1.3, 60.0), (1.5, 15.0), (3.0, 10.0)])
def test_beyond_capacity_an_open_loop_never_becomes_steady(load: float, seconds: float) -> None:
    stage = opened(load * 16 / 0.5, seconds)
    for seed in range(50):
        found = detected(stage, open_loop(stage, 16, exponential(0.5), seed))
        assert found.begin is None
        assert found.note is not None
        assert found.note.startswith(("the queue grows: answers fell ", "too short")), found.note


def test_the_queue_that_grows_is_named() -> None:
    stage = opened(48.0, 30.0)
    note = detected(stage, open_loop(stage, 16, lambda *_: 0.5)).note
    assert note is not None
    assert note.startswith("the queue grows: answers fell ")
    assert 20 <= int(note.removeprefix("the queue grows: answers fell ").partition("%")[0]) <= 40


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_a_step_in_service_time(loop: str) -> None:
    def found(step: float) -> Found:
        def service(moment: float, draw: random.Random) -> float:
            return (0.2 if moment < step else 0.6) * draw.uniform(0.8, 1.2)

        if loop == "open":
            return detected(opened(40.0, 40.0), open_loop(opened(40.0, 40.0), 100, service))
        return detected(closed(duration=40.0), closed_loop(closed(duration=40.0), service))

    early, late = found(8.0), found(28.0)
    assert early.begin is not None
    assert 8.0 <= early.begin <= 10.0
    assert late.begin is None
    assert late.note is not None
    assert late.note.startswith("the level changed: ")


def test_a_rate_that_changes_is_never_steady() -> None:
    stage = OpenStage(label="r", rate=10.0, rate_end=20.0, duration=20.0)
    assert detected(stage, open_loop(stage, 16, exponential(0.1))).note == "the rate changes all the time"


def test_short_runs_are_not_steady() -> None:
    stage = closed(duration=2.0)
    spans = closed_loop(stage, exponential(0.1))
    assert detected(stage, spans).note == "too short: 2.0 s"
    slow = closed(duration=12.0)
    note = detected(slow, closed_loop(slow, lambda _, draw: 7.0 + draw.random())).note
    assert note is not None
    assert note.startswith("too short: ")
    few = closed(ramp_up=10.0, duration=9.0)
    note = detected(few, closed_loop(few, exponential(1.0))).note
    assert note == "fewer than 95% of the users were waiting for an answer"


def test_memory_does_not_grow_with_time() -> None:
    stage = closed(duration=4000.0)
    steady = Steady(stage, START)
    for number in range(1, 20_001):
        steady.look(START + number * PULSE, in_flight=20, answered=number, dropped=0, measured=number)
        assert len(steady._slices) <= MOST
    assert steady.width == 128.0
    found = steady.found(START)
    assert (found.begin, found.end) == pytest.approx((START, START + 4000.0))


@pytest.mark.parametrize("ramp", [0, 1, 5, 15])
def test_truncation_leaves_the_ramp_out(ramp: int) -> None:
    draw = np.random.default_rng(7)
    series = np.concatenate([np.linspace(0.0, 90.0, ramp), draw.normal(100.0, 1.0, 40 - ramp)])
    assert truncation(series) == pytest.approx(ramp, abs=3)


def slow_start(moment: float, draw: random.Random) -> float:
    return (1.0 if moment < 2.0 else 0.2) * draw.uniform(0.9, 1.1)


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_a_slow_start_is_not_in_the_figures_of_the_steady_part(loop: str) -> None:
    stage: ClosedStage | OpenStage
    if loop == "open":
        stage = opened(40.0, 20.0)
        spans = open_loop(stage, 100, slow_start)
    else:
        stage = closed(duration=20.0)
        spans = closed_loop(stage, slow_start)
    done = exchanges(stage, spans)
    everything, steady = figures(stage, done, "all"), figures(stage, done, "steady")
    assert (everything.phases.used, steady.phases.used) == ("all", "steady")
    assert everything.phases.steady_seconds == steady.phases.steady_seconds
    assert (everything.e2e.max, steady.e2e.max) == pytest.approx((1.05, 0.22), rel=0.06)
    assert everything.e2e.mean is not None
    assert everything.e2e.mean > 0.21
    assert steady.e2e.mean == pytest.approx(0.2, rel=0.01)
    assert steady.phases.ramp_seconds is not None
    assert 2.0 <= steady.phases.ramp_seconds <= 4.5


def test_figures_of_the_steady_part_count_what_is_inside_it() -> None:
    stage = closed(ramp_up=5.0, requests=1500)
    spans = closed_loop(stage, exponential(0.3))
    result = figures(stage, exchanges(stage, spans))
    phases = result.phases
    assert phases.ramp_seconds is not None
    assert phases.steady_seconds is not None
    assert phases.drain_seconds is not None
    begin, end = phases.ramp_seconds, phases.ramp_seconds + phases.steady_seconds
    assert end + phases.drain_seconds == pytest.approx(max(span[1] for span in spans))
    inside = [span for span in spans if begin <= span[0] and span[1] <= end]
    assert result.requests.scheduled == result.requests.ok == result.e2e.count == len(inside)
    assert result.window_seconds == pytest.approx(phases.steady_seconds)
    assert result.e2e.mean == pytest.approx(np.mean([b - a for a, b in inside]))
    assert result.e2e.percentile(75) == pytest.approx(np.quantile([b - a for a, b in inside], 0.75), rel=0.02)
    ended = sum(begin <= span[1] <= end for span in spans)  # rates: whatever happened inside
    assert result.request_rate == pytest.approx(ended / phases.steady_seconds)
    assert result.output_token_rate == pytest.approx(10 * ended / phases.steady_seconds)
    assert result.input_token_rate == pytest.approx(5 * ended / phases.steady_seconds)
    assert result.mean_in_flight == pytest.approx(20.0, rel=0.01)
    assert result.goodput is not None
    assert (result.goodput.good, result.goodput.total) == (sum(b - a <= 0.5 for a, b in inside), len(inside))
    good = sum(begin <= b <= end and b - a <= 0.5 for a, b in spans)  # of the same requests
    assert result.goodput.rate == pytest.approx(good / phases.steady_seconds)


def test_a_request_that_reached_nobody_failed_in_the_steady_part() -> None:
    stage = closed(ramp_up=5.0, requests=1500)
    done = exchanges(stage, closed_loop(stage, exponential(0.3)))
    clean = figures(stage, done)
    assert clean.phases.ramp_seconds is not None
    moment = START + clean.phases.ramp_seconds + 1.0
    done.append(measured(Outcome.UNREACHABLE, error_type=ErrorType.CONNECT, tried=moment, end=moment + 0.001))
    result = figures(stage, done)
    assert (clean.requests.failed, result.requests.failed) == (0, 1)
    assert result.requests.scheduled == clean.requests.scheduled + 1
    assert result.failed.count == 1


def test_in_an_open_loop_what_is_due_inside_counts_whenever_it_ends() -> None:
    stage = opened(40.0, 10.0)
    spans = open_loop(stage, 100, lambda *_: 1.0)
    result = figures(stage, exchanges(stage, spans))
    assert result.phases.used == "steady"
    assert result.phases.ramp_seconds is not None
    assert result.requests.ok == sum(span[0] >= result.phases.ramp_seconds for span in spans)
    assert result.phases.drain_seconds == pytest.approx(max(span[1] for span in spans) - 10.0)


def test_dropped_arrivals_keep_an_open_loop_from_being_steady() -> None:
    stage = opened(20.0, 20.0)
    done = exchanges(stage, [(0.05 * n, 0.05 * n + 0.1) for n in range(400)])
    done = [measured(Outcome.DROPPED, due=m.due, end=m.due) if number % 5 == 0 else m for number, m in enumerate(done)]
    result = figures(stage, done)
    assert result.phases == Phases(asked="steady", note="20% of the arrivals were dropped: the load is beyond capacity")
    assert result.requests.scheduled == 400


def test_warm_up_is_never_steady() -> None:
    stage = closed(duration=10.0, warmup_seconds=4.0)
    spans = closed_loop(closed(duration=14.0), exponential(0.2))
    done = exchanges(stage, spans)
    done = [measured(sent=m.sent, end=m.end, warmup=m.sent is not None and m.sent < START + 4.0) for m in done]
    result = figures(stage, done)
    assert result.phases.ramp_seconds is not None
    assert 4.0 <= result.phases.ramp_seconds <= 6.0
    assert result.phases.steady_seconds == pytest.approx(14.0 - result.phases.ramp_seconds)


def test_targets_side_by_side_are_steady_together_and_counted_apart() -> None:
    stage = closed(duration=20.0)
    spans = [closed_loop(stage, lambda _, draw, mean=mean: mean * draw.uniform(0.8, 1.2)) for mean in (0.2, 0.4)]  # type: ignore[misc]
    done = [measured(target=t, sent=START + a, end=START + b) for t in (0, 1) for a, b in spans[t]]
    tallies = [Tally({}, Window(stage, START)) for _ in spans]
    phasing = Phasing(stage, START, tallies, "steady", lanes=2)
    for moment, in_flight, _ in looks(spans[0] + spans[1]):
        now = START + moment
        batch = [m for m in done if m.end is not None and now - PULSE < m.end <= now]
        for target, tally in enumerate(tallies):
            mine = [m for m in batch if m.target == target]
            tally.add(mine, columns(mine, {}))
        phasing.take(now, in_flight, batch)
    (fast, one), (slow, other) = phasing.outcome(0), phasing.outcome(1)
    assert one == other
    assert one.used == "steady"
    assert (fast.distributions["e2e"].mean, slow.distributions["e2e"].mean) == pytest.approx((0.2, 0.4), rel=0.02)
    assert fast.inside.requests / slow.inside.requests == pytest.approx(2.0, rel=0.03)


def test_without_a_steady_part_everything_counts() -> None:
    stage = closed(duration=2.0)
    spans = closed_loop(stage, exponential(0.1))
    result = figures(stage, exchanges(stage, spans))
    assert result.phases == Phases(asked="steady", used="all", reached=False, note="too short: 2.0 s")
    assert result.requests.ok == len(spans)
    assert result.window_seconds == 2.0


async def test_a_whole_run_against_a_realistic_server(tmp_path: Path) -> None:
    with simulated(SimOptions(mode="realistic")) as url:
        scenario = {
            "prompts": {"kind": "synthetic", "input_tokens": 16, "output_tokens": 8},
            "load": {"concurrency": 8, "ramp_up": "2s"},
            "duration": "9s",
            "window": "steady",
        }
        kept = await carry_out(settings_for(tmp_path, one_target(url), scenario))
    stage = kept.stage()
    assert stage.phases.used == "steady", stage.phases
    assert stage.phases.ramp_seconds is not None
    assert stage.phases.steady_seconds is not None
    assert 1.5 <= stage.phases.ramp_seconds <= 6.0
    assert stage.phases.ramp_seconds + stage.phases.steady_seconds == pytest.approx(9.0, abs=0.5)
    lines = kept.lines()
    assert 0 < stage.requests.ok < len(lines)
    assert stage.window_seconds == stage.phases.steady_seconds
    assert [f.level for f in kept.result.verdict if f.subject == "steady"] == ["PASS"]
