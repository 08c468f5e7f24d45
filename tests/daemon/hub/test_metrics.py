"""What a run leaves in the registry while it goes on, and when it is over."""

from pathlib import Path
from typing import Any

import pytest

from measurements import measured
from pulses import pulse
from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.columns import columns
from swelld.hub import metrics
from swelld.hub.metrics import MetricsListener
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.measurement import Measurement
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics


class Watched:
    """A listener, the run's state and the clock as a test sets them, and what is in the registry."""

    def __init__(self, folder: Path, scenario: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.state = "pending"
        self.spec: Spec = specify(settings_for(folder, one_target("http://127.0.0.1:1"), scenario), "test")
        self.stages: list[Stage] = list(self.spec.stages(1))
        self.registry = Registry()
        self.listener = MetricsListener(self.registry, RequestMetrics(self.registry, WallClock()), lambda: self.state)
        patch.setattr(metrics, "now", lambda: self.now)

    def begin(self, number: int) -> None:
        self.state = "running"
        self.listener.stage_begins(self.spec, self.stages[number])

    def pulse(self, number: int, in_flight: int = 0, connections: int = 0, *, saturated: bool = False) -> None:
        said = pulse(in_flight=in_flight, connections=connections)
        self.listener.pulse(self.spec, self.stages[number], said, saturated=saturated)

    def batch(self, number: int, *measurements: Measurement, warmup: bool = False) -> None:
        found = Batch(measurements, columns(measurements, self.spec.thresholds), warmup, valid=True)
        self.listener.batch(self.spec, self.stages[number], 0, found)

    def shown(self) -> list[str]:
        """States that are true."""
        series = self.registry.gauge(names.RUN_STATE).series.items()
        return [labels[1] for labels, one in series if one.value.value]

    def gauge(self, metric: Metric) -> dict[tuple[str, ...], float]:
        return {labels: series.value.value for labels, series in self.registry.gauge(metric).series.items()}


def test_the_state_follows_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = {"load": {"concurrency": "1,2"}, "duration": "10s", "warmup": {"duration": "5s"}}
    run = Watched(tmp_path, scenario, monkeypatch)
    seen = []
    for number in (0, 1):
        run.begin(number)
        seen += run.shown()
        run.batch(number, measured(sent=1.0, end=2.0, warmup=True), warmup=True)
        run.pulse(number)
        seen += run.shown()
        run.batch(number, measured(sent=1.0, end=2.0))
        run.pulse(number)
        seen += run.shown()
        run.now += 15.1
        run.pulse(number)
        seen += run.shown()
    assert seen == ["warmup", "warmup", "running", "draining"] * 2
    run.state = "draining"
    run.begin(1)
    run.state = "draining"
    run.pulse(1)
    assert run.shown() == ["draining"], "it was stopped, whatever the stage would do"


def test_a_stage_without_warm_up_runs_from_its_start_and_one_bound_by_requests_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Watched(tmp_path, {"load": {"concurrency": 1}, "requests": 10}, monkeypatch)
    run.begin(0)
    assert run.shown() == ["running"]
    run.now += 1e6
    run.pulse(0)
    assert run.shown() == ["running"]


def test_series_are_declared_at_zero_for_warm_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = {
        "load": {"concurrency": "1,2"},
        "requests": 10,
        "warmup": {"requests": 1},
        "objectives": {"e2e": "1s"},
    }
    run = Watched(tmp_path, scenario, monkeypatch)
    for stage in run.stages:
        run.listener.declare(run.spec, stage)
    started = run.registry.counter(names.REQUESTS_STARTED).series
    assert {labels: series.value.value for labels, series in started.items()} == {
        ("test", "here", "tiny", stage): 0.0 for stage in ("concurrency=1", "concurrency=2", "warmup")
    }
    judged = run.registry.counter(names.SLO_EVENTS).series
    assert {labels[3:] for labels in judged} == {("concurrency=1", "goodput"), ("concurrency=2", "goodput")}
    assert run.gauge(names.CLIENT_SATURATED) == {("test",): 0.0}
    assert run.shown() == []


@pytest.mark.parametrize(
    ("load", "metric", "labels", "value"),
    [
        ("10/s,20/s", names.OFFERED_RATE, ("test", "here", "tiny"), 10.0),
        ({"concurrency": "10,20"}, names.ACTIVE_USERS, ("test",), 10.0),
    ],
)
def test_what_is_over_is_not_shown_as_if_it_went_on(
    load: Any, metric: Metric, labels: tuple[str, ...], value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Watched(tmp_path, {"load": load, "duration": "10s"}, monkeypatch)
    first, second = ((*labels, stage.label) for stage in run.stages)
    run.begin(0)
    run.pulse(0, in_flight=4, connections=5, saturated=True)
    assert run.gauge(metric) == {first: value}
    run.begin(1)
    run.pulse(1, in_flight=3, connections=5, saturated=True)
    assert run.gauge(metric) == {first: 0.0, second: 2 * value}
    assert sorted(run.gauge(names.REQUESTS_IN_FLIGHT).values()) == [0.0, 3.0]
    assert run.gauge(names.CLIENT_SATURATED) == {("test",): 1.0}
    run.listener.run_ends(run.spec)
    assert run.gauge(metric) == {first: 0.0, second: 0.0}
    assert set(run.gauge(names.REQUESTS_IN_FLIGHT).values()) == {0.0}
    assert run.gauge(names.CONNECTIONS_OPEN) == {("test", "here"): 0.0}
    assert run.gauge(names.CLIENT_SATURATED) == {("test",): 0.0}
