"""What checks and prices leave in the registry and in tallies."""

from pathlib import Path
from typing import Any

import pytest

from measurements import measured
from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.columns import columns
from swelld.hub.metrics import MetricsListener
from swelld.hub.spec import Batch
from swelld.hub.tally import Tally, Window
from swelld.load.stage import ClosedStage
from swelld.measurement import Measurement, Outcome, TokenSource
from swelld.result import ChecksFound, StageResult, Statistics, Validity
from swelld.spending import Price
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics

STAGE = ClosedStage(label="concurrency=1", users=1, requests=10)
VALID = Validity(valid=True, reasons=[], event_loop_lag=Statistics(count=0))
PRICE = Price(input=1.0, output=3.0, cached_input=0.1, currency="EUR")


def answered(failed: str | None = None, **more: Any) -> Measurement:
    known = {"sent": 1.0, "end": 2.0, "input_tokens": 1000, "output_tokens": 200, "cached_tokens": 400, **more}
    return measured(token_source=TokenSource.SERVER, checked=True, failed_check=failed, **known)


BATCH = [
    answered(),
    answered("json"),
    answered("json"),
    answered("regex"),
    measured(sent=1.0, end=2.0),  # not drawn, and of unknown length
    measured(Outcome.TIMEOUT, sent=1.0, end=2.0),
]


def tally(batch: list[Measurement]) -> Tally:
    made = Tally({}, Window(STAGE, 0.0))
    made.add(batch, columns(batch, {}))
    return made


def figures(made: Tally, *checks: str, price: Price | None = None) -> StageResult:
    return made.result(STAGE, ("here", "tiny"), 0.99, VALID, checks=checks, price=price)


def test_columns_count_them() -> None:
    found = columns(BATCH, {})
    assert (found.checked, found.failed_checks) == (4, {"json": 2, "regex": 1})


def test_a_stage_has_every_check_that_is_on() -> None:
    found = figures(tally(BATCH), "non_empty", "json", "regex").checks
    assert found == ChecksFound(checked=4, failures={"non_empty": 0, "json": 2, "regex": 1})
    assert figures(tally(BATCH)).checks is None


def test_tallies_add_up() -> None:
    both = tally(BATCH)
    both.merge(tally(BATCH[:2]))
    assert figures(both, "json").checks == ChecksFound(checked=6, failures={"json": 3})


def test_a_stage_costs_what_its_tokens_do() -> None:
    amount = 4 * (600 * 1.0 + 400 * 0.1 + 200 * 3.0) / 1e6
    cost = figures(tally(BATCH), price=PRICE).cost
    assert cost is not None
    assert cost.currency == "EUR"
    assert cost.amount == pytest.approx(amount)
    assert cost.per_1000_requests == pytest.approx(amount / 5 * 1000)
    assert cost.per_million_output_tokens == pytest.approx(amount / 800 * 1e6)
    assert figures(tally(BATCH)).cost is None


def test_a_cost_that_nobody_can_know_is_none() -> None:
    assert figures(tally(BATCH[4:]), price=PRICE).cost is None


class Listened:
    """A listener of a scenario with a warm-up, and the counters it fills."""

    def __init__(self, folder: Path, target: dict[str, Any], **scenario: Any) -> None:
        plain = {"load": {"concurrency": 1}, "requests": 10, "warmup": {"requests": 1}, **scenario}
        self.spec = specify(settings_for(folder, one_target("http://127.0.0.1:1", **target), plain), "test")
        self.stage = next(iter(self.spec.stages(1)))
        self.registry = Registry()
        self.listener = MetricsListener(self.registry, RequestMetrics(self.registry, WallClock()))
        self.listener.declare(self.spec, self.stage)

    def batch(self, *batch: Measurement, warmup: bool = False) -> None:
        found = Batch(batch, columns(batch, {}), warmup, valid=True)
        self.listener.batch(self.spec, self.stage, 0, found)

    def counter(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """By the labels from the stage on, or from the currency on."""
        return {labels[3:]: series.value.value for labels, series in self.registry.counter(metric).series.items()}


def test_counters_of_checks_begin_at_0_and_grow(tmp_path: Path) -> None:
    run = Listened(tmp_path, {}, checks={"json": True, "regex": "x"})
    stage = "concurrency=1"
    places = {(label, check) for label in (stage, "warmup") for check in ("json", "regex")}
    assert run.counter(names.RESPONSE_CHECKS) == {(stage,): 0.0, ("warmup",): 0.0}
    assert run.counter(names.RESPONSE_CHECK_FAILURES) == dict.fromkeys(places, 0.0)
    run.batch(*BATCH)
    run.batch(*BATCH[:2], warmup=True)
    assert run.counter(names.RESPONSE_CHECKS) == {(stage,): 4.0, ("warmup",): 2.0}
    assert run.counter(names.RESPONSE_CHECK_FAILURES) == {
        (stage, "json"): 2.0,
        (stage, "regex"): 1.0,
        ("warmup", "json"): 1.0,
        ("warmup", "regex"): 0.0,
    }


def test_the_cost_begins_at_0_and_grows_by_warmup_too(tmp_path: Path) -> None:
    run = Listened(tmp_path, {"price": PRICE.model_dump()})
    assert run.counter(names.COST) == {("EUR",): 0.0}
    run.batch(*BATCH)
    run.batch(*BATCH[:1], warmup=True)
    assert run.counter(names.COST) == {("EUR",): pytest.approx(5 * 0.00124)}


def test_without_checks_and_prices_there_are_no_such_series(tmp_path: Path) -> None:
    run = Listened(tmp_path, {})
    run.batch(*BATCH)
    assert [run.counter(m) for m in (names.RESPONSE_CHECKS, names.RESPONSE_CHECK_FAILURES, names.COST)] == [{}, {}, {}]
