"""Budgets beside a run: what is counted, when it is stopped and let go on, and what is shown of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import sample_results
from measurements import measured
from runs import settings_for
from swelld.app.spec import specify
from swelld.columns import columns
from swelld.engine.plan import Pulse
from swelld.hub.budget import Budgets, Spending
from swelld.hub.ledger import Owner
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.measurement import Measurement, Outcome, TokenSource
from swelld.spending import Budget
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.text import render

NOON = 1795348800.0
HOUR = 3600.0
PRICE = {"input": 1.0, "output": 3.0, "cached_input": 0.1}


def answered(**more: Any) -> Measurement:
    """1000 tokens in, 400 of them from the cache, and 200 out: 0.00124 at these prices."""
    known = {"sent": 1.0, "end": 2.0, "input_tokens": 1000, "output_tokens": 200, "cached_tokens": 400, **more}
    return measured(token_source=TokenSource.SERVER, **known)


class Booked:
    """Two scenarios that share a target, on one clock; what their runs are told by their budgets."""

    def __init__(self, folder: Path, scenario: dict[str, str], target: dict[str, str] | None = None) -> None:
        self.now = NOON + 10
        self.registry = Registry()
        self.budgets = Budgets(self.registry, lambda: self.now)
        self.told: dict[str, list[tuple[str, float, int | None]]] = {"a": [], "b": []}
        targets = {name: {"url": "http://127.0.0.1:1", "model": "tiny", "price": PRICE} for name in ("x", "y")}
        settings = settings_for(folder, targets, {"load": "1/s", "duration": "1m"})
        (plain,) = settings.scenarios.values()
        self.specs: dict[str, Spec] = {}
        self.runs: dict[str, Spending] = {}
        self.stage: Stage = next(iter(plain.stages(1)))
        for name in ("a", "b"):
            known = settings.model_copy(update={"scenarios": {name: plain}})
            spec = self.specs[name] = specify(known, name)
            told = self.told[name].append
            self.runs[name] = Spending(
                self.budgets, spec, lambda reason, factor, target=None, told=told: told((reason, factor, target))
            )
        limits = Budget.model_validate(scenario)
        self.budgets.configure({"a": limits, "b": None}, {"x": Budget.model_validate(target or {}), "y": None})

    def pulse(
        self, name: str = "a", *measurements: Measurement, in_flight: Sequence[int] = (0, 0), shard: int = 0
    ) -> None:
        """What a run does with one pulse: batches by target first."""
        spec, run = self.specs[name], self.runs[name]
        for target in sorted({m.target for m in measurements}):
            mine = [m for m in measurements if m.target == target]
            run.batch(spec, self.stage, target, Batch(mine, columns(mine, {}), warmup=False, valid=True))
        pulse = Pulse(
            shard=shard,
            measurements=list(measurements),
            begun=[0, 0],
            in_flight=list(in_flight),
            connections=[0, 0],
            waiting=0,
            largest_batch=0,
            cpu_seconds=0.0,
            loop_lag=[],
        )
        run.pulse(spec, self.stage, pulse, saturated=False)

    def gauge(self, metric: Metric) -> dict[tuple[str, ...], float]:
        return {labels: series.value.value for labels, series in self.registry.gauge(metric).series.items()}

    def ratio(self, kind: Any = "scenario", name: str = "a") -> list[float]:
        return [ratio for _, _, ratio in self.budgets.ledger.ratios(Owner(kind, name), self.now)]


def test_requests_count_when_they_are_sent_and_once(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "100/h"})
    booked.pulse(in_flight=(3, 1))
    assert booked.ratio() == [0.04]
    booked.pulse("a", answered(), answered(), answered(target=1), in_flight=(3, 0))
    assert booked.ratio() == [0.06]  # two took the places of those that ended
    booked.pulse("a", answered(), answered(), answered())
    assert booked.ratio() == [0.06]
    booked.pulse("a", answered(warmup=True), measured(Outcome.TIMEOUT, sent=1.0, end=2.0))
    assert booked.ratio() == [0.08]


def test_what_is_never_sent_costs_nothing(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "100/h", "tokens": "100/h"})
    booked.pulse("a", *[measured(Outcome.DROPPED, due=1.0, end=1.0)] * 5)
    assert booked.ratio() == [0.0, 0.0]


def test_every_load_process_counts_and_one_that_died_does_not_count_backwards(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "100/h"})
    booked.pulse(in_flight=(5, 0), shard=0)
    booked.pulse(in_flight=(4, 0), shard=1)
    assert booked.ratio() == [0.09]
    booked.pulse(in_flight=(0, 0), shard=0)  # another one in its place
    booked.pulse(in_flight=(2, 0), shard=0)
    assert booked.ratio() == [0.11]


def test_tokens_and_cost_are_those_of_the_answers(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"tokens": "12000/day", "cost": "1/day"})
    booked.pulse("a", answered(), answered(target=1))
    assert booked.ratio() == [0.2, pytest.approx(2 * 0.00124)]


def test_an_answer_that_broke_off_has_used_what_came_of_it(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"tokens": "100/h"})
    booked.pulse("a", measured(Outcome.TRUNCATED, sent=1.0, end=2.0, tokens_at=(1.1, 1.2, 1.3)))
    assert booked.ratio() == [0.03]


def test_a_run_is_stopped_and_goes_on_with_the_next_window(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"})
    booked.pulse(in_flight=(9, 0))
    assert booked.told["a"] == []
    booked.pulse(in_flight=(12, 0))
    assert booked.told["a"] == [("budget", 0.0, None)]
    booked.pulse("a", *[answered()] * 12)
    assert booked.told["a"] == [("budget", 0.0, None)]  # once is enough
    assert "scenario a sends nothing: the budget of scenario a, 10 requests an hour, is used up until" in caplog.text
    booked.now = NOON + HOUR
    booked.pulse()
    assert booked.told["a"] == [("budget", 0.0, None), ("budget", 1.0, None)]
    booked.pulse(in_flight=(10, 0))
    assert booked.told["a"][2:] == [("budget", 0.0, None)]


def test_all_that_use_a_target_stop_for_its_budget(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "1000/h"}, {"requests": "10/h"})
    booked.pulse("a", in_flight=(6, 0))
    booked.pulse("b", in_flight=(4, 20))
    assert booked.ratio("target", "x") == [1.0]
    assert booked.told == {"a": [], "b": [("budget", 0.0, 0)]}  # and not what goes to the other one
    booked.pulse("a", in_flight=(6, 0))
    assert booked.told["a"] == [("budget", 0.0, 0)]
    assert booked.ratio() == [0.006]  # each pays for its own


async def test_a_run_that_finds_nothing_left_sends_nothing(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"})
    booked.budgets.ledger.use(Owner("scenario", "a"), "requests", 10, booked.now)
    await booked.runs["a"].begin()
    assert booked.told["a"] == [("budget", 0.0, None)]
    booked.runs["a"].stage_begins(booked.specs["a"], booked.stage)
    assert booked.told["a"] == [("budget", 0.0, None)]


def test_who_wants_to_start_can_ask_before(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"}, {"tokens": "5/day"})
    assert booked.budgets.exhausted(booked.specs["a"]) == [None, None, None]
    booked.pulse("a", answered())
    run, x, y = booked.budgets.exhausted(booked.specs["b"])
    assert (run, y) == (None, None)
    assert x is not None
    assert x.owner == Owner("target", "x")


def test_a_budget_that_grows_lets_a_run_go_on(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"})
    booked.pulse(in_flight=(10, 0))
    booked.budgets.configure({"a": Budget.model_validate({"requests": "20/h"})}, {})
    booked.pulse(in_flight=(10, 0))
    assert booked.told["a"] == [("budget", 0.0, None), ("budget", 1.0, None)]


def test_the_result_says_which_budget_stopped_it_and_how_often(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"})
    plain = sample_results.result([sample_results.stage()], [])
    assert booked.runs["a"].complete(plain) is plain
    for hour in range(3):
        booked.now = NOON + hour * HOUR
        booked.pulse("a", *[answered()] * 10)
    (finding,) = booked.runs["a"].complete(plain).verdict
    assert (finding.level, finding.subject, finding.text, finding.reason) == (
        "WARNING",
        "budget",
        "the budget of scenario a, 10 requests an hour, was used up 3 times",
        "nothing was sent meanwhile",
    )


def test_a_target_whose_budget_is_used_up_stops_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    booked = Booked(tmp_path, {"requests": "30/h"}, {"requests": "10/h"})
    plain = sample_results.result([sample_results.stage()], [])
    booked.pulse(in_flight=(10, 3))
    assert booked.told["a"] == [("budget", 0.0, 0)]
    assert "scenario a sends nothing to x: the budget of target x, 10 requests an hour, is used up" in caplog.text
    booked.pulse(in_flight=(10, 20))
    assert booked.told["a"][1:] == [("budget", 0.0, None)]  # its own is used up as well
    booked.now = NOON + HOUR
    booked.pulse()
    assert sorted(booked.told["a"][2:], key=str) == [("budget", 1.0, 0), ("budget", 1.0, None)]
    assert "scenario a sends to x again: the budget begins anew" in caplog.text
    x, a = booked.runs["a"].complete(plain).verdict
    assert (x.target, x.text, x.reason) == (
        "x",
        "the budget of target x, 10 requests an hour, was used up once",
        "nothing was sent there meanwhile",
    )
    assert (a.target, a.reason) == (None, "nothing was sent meanwhile")


def test_the_gauges(tmp_path: Path) -> None:
    booked = Booked(tmp_path, {"requests": "10/h"}, {"tokens": "12000/day"})
    scenario, target = ("a", "", "requests", "hour"), ("", "x", "tokens", "day")
    assert booked.gauge(names.BUDGET_USED) == {scenario: 0.0, target: 0.0}
    booked.pulse("a", *[answered()] * 12)
    assert booked.gauge(names.BUDGET_USED) == {scenario: 1.2, target: 1.2}
    assert booked.gauge(names.BUDGET_EXHAUSTED) == {scenario: 1.0, target: 1.0}
    booked.now = NOON + HOUR
    booked.budgets.show()  # nothing runs
    assert booked.gauge(names.BUDGET_USED) == {scenario: 0.0, target: 1.2}
    assert booked.gauge(names.BUDGET_EXHAUSTED) == {scenario: 0.0, target: 1.0}
    page = render(booked.registry).decode()
    assert 'swelld_budget_used_ratio{scenario="",target="x",what="tokens",window="day"} 1.2' in page
    booked.budgets.configure({"a": Budget.model_validate({"requests": "10/h"})}, {})
    assert set(booked.gauge(names.BUDGET_EXHAUSTED)) == {scenario}
