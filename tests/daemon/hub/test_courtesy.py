"""A run makes room for users: on a server that is played in virtual time, with queues and seats like a real one."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

import sample_results
from measurements import measured
from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.columns import columns
from swelld.engine.plan import Pulse
from swelld.hub.courtesy import Courtesy
from swelld.hub.spec import Batch, Spec
from swelld.hub.yielding import YieldToUsers
from swelld.load.stage import Stage
from swelld.measurement import ErrorType, Measurement, Outcome
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.server_metrics.engines import Quantity

TENTH = 0.1
OURS, THEIRS = "ours", "theirs"


class Played:
    """A server of so many seats on which a request takes a second; beyond `queue` waiting ones it answers 429."""

    def __init__(self, seats: int = 8, queue: int = 1000) -> None:
        self.seats = seats
        self.limit = queue
        self.queue: deque[str] = deque()
        self.running: list[tuple[float, str]] = []
        self.refused = 0

    def send(self, whose: str) -> None:
        if len(self.queue) >= self.limit:
            self.refused += whose == OURS
        else:
            self.queue.append(whose)

    def pass_to(self, moment: float) -> None:
        self.running = [one for one in self.running if one[0] > moment]
        while self.queue and len(self.running) < self.seats:
            self.running.append((moment + 1.0, self.queue.popleft()))

    def count(self, whose: str) -> int:
        return self.queue.count(whose) + sum(owner == whose for _, owner in self.running)


class Beside:
    """Open-loop load of so many requests a second beside users, with the courtesy under test in between."""

    def __init__(self, folder: Path, server: Played, rate: float, users: Callable[[float], float], **keys: float):
        self.moment = 0.0
        self.server = server
        self.factor = 1.0
        self.throttles: list[tuple[float, str, float]] = []
        self.registry = Registry()
        self.spec: Spec = specify(
            settings_for(folder, one_target("http://127.0.0.1:1"), {"load": "1/s", "duration": "1m"}), "test"
        )
        self.stage: Stage = next(iter(self.spec.stages(1)))
        self.courtesy = Courtesy(
            YieldToUsers.model_validate(keys), self.spec, self._throttle, self.registry, lambda: self.moment
        )
        self.courtesy.stage_begins(self.spec, self.stage)
        self._rate, self._users = rate, users
        self._due = {OURS: 0.0, THEIRS: 0.0}
        self.sent: list[float] = []
        self.users_waiting: list[tuple[float, int]] = []

    def _throttle(self, reason: str, factor: float, target: int | None = None) -> None:
        assert target == 0
        self.throttles.append((self.moment, reason, factor))
        self.factor = factor

    def play(self, until: float, *, looks: bool = True) -> None:
        """A pulse every 0.2 s and a look every second."""
        tenths = round(self.moment / TENTH)
        while tenths < round(until / TENTH):
            tenths += 1
            self.moment = tenths * TENTH
            self._send(OURS, self._rate * self.factor)
            self._send(THEIRS, self._users(self.moment))
            self.server.pass_to(self.moment)
            self.users_waiting.append((self.moment, self.server.queue.count(THEIRS)))
            if looks and tenths % 10 == 3:
                waiting, running = float(len(self.server.queue)), float(len(self.server.running))
                self.courtesy.look(0, {Quantity.WAITING: waiting, Quantity.RUNNING: running})
            if tenths % 2 == 0:
                self._pulse()

    def _send(self, whose: str, rate: float) -> None:
        self._due[whose] += rate * TENTH
        while self._due[whose] >= 1.0:
            self._due[whose] -= 1.0
            self.server.send(whose)
            if whose == OURS:
                self.sent.append(self.moment)

    def _pulse(self) -> None:
        refused, self.server.refused = self.server.refused, 0
        late = measured(
            Outcome.THROTTLED, error_type=ErrorType.HTTP_429, sent=self.moment - 0.1, end=self.moment, status=429
        )
        batch: list[Measurement] = [late] * refused
        if batch:
            found = Batch(batch, columns(batch, {}), warmup=False, valid=True)
            self.courtesy.batch(self.spec, self.stage, 0, found)
        pulse = Pulse(
            shard=0,
            measurements=batch,
            begun=[len(self.sent)],
            in_flight=[self.server.count(OURS)],
            connections=[0],
            waiting=0,
            largest_batch=0,
            cpu_seconds=0.0,
            loop_lag=[],
        )
        self.courtesy.pulse(self.spec, self.stage, pulse, saturated=False)

    def rate_between(self, begin: float, end: float) -> float:
        return sum(begin < moment <= end for moment in self.sent) / (end - begin)

    def longest_queue(self, begin: float, end: float) -> int:
        return max(count for moment, count in self.users_waiting if begin < moment <= end)

    def gauge(self) -> float:
        (series,) = self.registry.gauge(names.YIELD_FACTOR).series.values()
        return series.value.value


def busy_from_60_to_120(moment: float) -> float:
    return 7.0 if 60.0 <= moment < 120.0 else 0.0


def test_room_is_made_within_seconds_and_taken_back_when_the_users_are_gone(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8), 6.0, busy_from_60_to_120)
    run.play(60.0)
    assert run.throttles == []  # alone, nothing keeps it back
    run.play(66.0)
    assert run.factor <= 0.25
    run.play(120.0)
    assert run.longest_queue(75.0, 120.0) <= 4  # without room made it would grow by 5 a second
    assert run.rate_between(75.0, 120.0) < 2.0  # of what is left beside the users
    run.play(160.0)
    assert run.factor == 1.0
    assert run.rate_between(155.0, 160.0) == pytest.approx(6.0, rel=0.1)
    assert {reason for _, reason, _ in run.throttles} == {"yield"}


def test_without_courtesy_the_users_wait(tmp_path: Path) -> None:
    """The played server is one on which room is needed."""
    run = Beside(tmp_path, Played(seats=8), 6.0, busy_from_60_to_120)
    run.play(120.0, looks=False)
    assert run.throttles == []
    assert run.longest_queue(110.0, 120.0) > 100


def test_a_queue_of_our_own_keeps_nothing_back(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8), 20.0, lambda _: 0.0)
    run.play(60.0)
    assert len(run.server.queue) > 500
    assert run.throttles == []


def test_a_floor_is_kept(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8), 6.0, lambda _: 9.0, floor=0.5)
    run.play(60.0)
    assert run.factor == 0.5
    assert run.rate_between(30.0, 60.0) == pytest.approx(3.0, rel=0.1)


def test_answers_429_are_enough_where_the_server_tells_nothing(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8, queue=2), 12.0, lambda _: 4.0, recover=30.0)
    run.play(120.0, looks=False)
    assert 2.0 < run.rate_between(60.0, 120.0) < 6.0  # 4 a second are left; it swings around that
    assert run.gauge() == pytest.approx(run.factor, abs=0.01)
    assert all(0.0 <= factor <= 1.0 for _, _, factor in run.throttles)


def test_few_orders_are_given(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8), 6.0, busy_from_60_to_120)
    run.play(180.0)
    pairs = zip(run.throttles, run.throttles[1:], strict=False)
    assert all(abs(b[2] - a[2]) >= 0.01 or b[2] in (0.0, 1.0) for a, b in pairs)
    assert run.throttles[-1][2] == 1.0


def test_a_server_that_falls_silent_after_it_told_of_users_gets_no_more_load(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(seats=8), 6.0, busy_from_60_to_120)
    run.play(64.0)
    kept = run.factor
    assert kept < 1.0
    for second in range(65, 100):
        run.play(float(second), looks=False)
        run.courtesy.look(0, None)
    assert run.factor <= kept


def test_a_failed_look_at_a_server_that_never_told_anything_means_nothing(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(queue=0), 6.0, lambda _: 0.0)
    run.play(2.0, looks=False)
    assert run.factor < 1.0  # a 429 for each
    run.server.limit = 1000
    for second in range(3, 30):
        run.play(float(second), looks=False)
        run.courtesy.look(0, None)
        run.courtesy.look(0, {})
    assert run.factor == 1.0


async def test_the_result_says_what_was_not_sent(tmp_path: Path) -> None:
    run = Beside(tmp_path, Played(), 6.0, lambda _: 0.0)
    await run.courtesy.begin()
    plain = sample_results.result([sample_results.stage()], [])
    run.play(10.0)
    assert run.courtesy.complete(plain).verdict == []
    run.courtesy.look(0, {Quantity.WAITING: 4.0, Quantity.RUNNING: 8.0})
    run.play(20.0, looks=False)
    (finding,) = run.courtesy.complete(plain).verdict
    assert (finding.level, finding.subject, finding.target) == ("WARNING", "yield", "here")
    assert finding.text == (
        "24.0% of the load was not sent, to make room for the server's users; at the least 50.0% of it was"
    )
    assert run.gauge() == 0.5
    await run.courtesy.end()
    assert run.registry.gauge(names.YIELD_FACTOR).series == {}
