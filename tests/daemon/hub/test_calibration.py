"""A calibration beside or before a run: what it finds, and that it is found nowhere else."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from runs import Kept, one_target, settings_for
from sim_client import truth
from swelld.app.calibration import SERVER
from swelld.app.conductor import Commission, Conductor
from swelld.app.once import run_scenarios
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.hub.metrics import MetricsListener
from swelld.hub.run import Run
from swelld.result import Progress, Statistics
from swelld.settings import load_settings
from swelld.sim import SimOptions, simulated
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics

QUESTION = {"kind": "inline", "prompts": ["hi"]}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=2)) as url:
        yield url


@dataclass(frozen=True)
class Seen:
    """A run that is over, with everything that was told of it."""

    kept: Kept
    registry: Registry
    progress: list[Progress]

    def errors(self, stage: int = 0) -> Statistics:
        found = self.kept.stage(stage).validity.measurement_error
        assert found is not None
        return found

    def counted(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """A counter's series that have counted anything."""
        series = self.registry.counter(metric).series.items()
        return {labels: one.value.value for labels, one in series if one.value.value}

    def observed(self, metric: Metric) -> dict[tuple[str, ...], int]:
        """The counts of a histogram's series."""
        return {labels: series.value.count for labels, series in self.registry.histogram(metric).series.items()}


async def run(url: str, folder: Path, shards: int | str = "inline", **scenario: Any) -> Seen:
    settings = settings_for(folder, one_target(url), {"prompts": QUESTION, **scenario}, shards=shards)
    registry = Registry()
    listener = MetricsListener(registry, RequestMetrics(registry, WallClock()))
    progress: list[Progress] = []
    conductor = Conductor(settings, ("swelld",), Registry(), record=True)
    runs: list[Run] = []
    watching: list[asyncio.Task[None]] = []

    def begun(run: Run) -> None:
        runs.append(run)
        watching.append(asyncio.create_task(look(run)))

    async def look(run: Run) -> None:
        while True:
            await asyncio.sleep(0.2)
            progress.append(run.progress())

    wanted = Commission(specify(settings, "test"), settings.scenarios["test"])
    finished = await conductor.carry_out(wanted, begun, [listener])
    watching[0].cancel()
    progress.append(runs[0].progress())
    await conductor.aclose()
    assert finished.path is not None
    return Seen(Kept(finished.result, finished.path), registry, progress)


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_beside_a_scenario_it_enters_nothing_but_the_error(sim: str, tmp_path: Path, shards: int | str) -> None:
    before = truth(sim)["requests"]["started"]
    seen = await run(sim, tmp_path, shards, load="20/s", duration="2s", calibration="beside")
    assert truth(sim)["requests"]["started"] - before == 40
    stage = seen.kept.stage()
    assert (len(seen.kept.result.stages), stage.requests.scheduled, stage.outcomes) == (1, 40, {"ok": 40})
    assert (stage.ttft.count, stage.lag.count, stage.tokens.output) == (40, 40, 80)
    assert [(line["target"], line["model"]) for line in seen.kept.lines()] == [("here", "tiny")] * 40
    assert max(p.done for p in seen.progress) == 40
    labels = ("test", "here", "tiny", "rate=20")
    assert seen.counted(names.REQUESTS) == {(*labels, "ok"): 40}
    assert seen.observed(names.TTFT)[labels] == 40
    found = seen.errors()
    assert seen.observed(names.MEASUREMENT_ERROR) == {("test",): found.count}
    assert 3 <= found.count <= 40
    assert found.min is not None
    assert found.p50 is not None
    assert 0 < found.min <= found.p50 < 0.02


async def test_every_stage_has_its_own_errors(sim: str, tmp_path: Path) -> None:
    seen = await run(sim, tmp_path, load={"concurrency": "1,2"}, duration="1500ms", calibration="beside")
    first, second = seen.errors(0), seen.errors(1)
    assert min(first.count, second.count) > 0
    assert first.min != second.min
    assert seen.observed(names.MEASUREMENT_ERROR) == {("test",): first.count + second.count}


async def test_before_a_scenario_all_stages_have_the_same_errors(sim: str, tmp_path: Path) -> None:
    began = time.monotonic()
    seen = await run(sim, tmp_path, load={"concurrency": "1,2"}, requests=10, calibration="before")
    assert time.monotonic() - began > 2
    first, second = seen.errors(0), seen.errors(1)
    assert first == second
    assert 1 <= first.count <= 40
    assert seen.observed(names.MEASUREMENT_ERROR) == {("test",): first.count}
    assert [s.outcomes for s in seen.kept.result.stages] == [{"ok": 10}, {"ok": 10}]
    assert len(seen.kept.lines()) == 20
    text = next(finding.text for finding in seen.kept.result.verdict if finding.subject == "validity")
    assert "measurement error p50" in text


async def test_without_one_there_is_no_error_and_no_metric(sim: str, tmp_path: Path) -> None:
    seen = await run(sim, tmp_path, load={"concurrency": 1}, requests=5)
    assert seen.kept.stage().validity.measurement_error is None
    assert not seen.observed(names.MEASUREMENT_ERROR)


async def test_an_instrument_that_is_held_up_shows(sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swelld.engine.calibrator.RATE", 40.0)

    async def hold_up() -> None:
        while True:
            time.sleep(0.02)  # noqa: ASYNC251 - what is wrong with it is the point
            await asyncio.sleep(0.005)

    scenario = {"load": "5/s", "duration": "1500ms", "calibration": "beside"}
    free = (await run(sim, tmp_path / "free", **scenario)).errors()
    holding = asyncio.create_task(hold_up())
    try:
        held = (await run(sim, tmp_path / "held", **scenario)).errors()
    finally:
        holding.cancel()
    assert min(free.count, held.count) > 15
    assert free.p50 is not None
    assert held.p50 is not None
    assert held.p50 > 0.004
    assert held.p50 > 2 * free.p50


async def test_the_run_goes_on_without_its_simulator(sim: str, tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, one_target(sim), {"prompts": QUESTION, "load": "20/s", "duration": "1s", "calibration": "beside"}
    )
    conductor = Conductor(settings, ("swelld",), Registry(), record=False)
    wanted = Commission(specify(settings, "test"), settings.scenarios["test"])
    finished = await conductor.carry_out(wanted, lambda _: os.kill(simulators()[0], signal.SIGKILL))
    await conductor.aclose()
    (stage,) = finished.result.stages
    assert stage.outcomes == {"ok": 20}
    assert stage.validity.measurement_error == Statistics(count=0)
    assert finished.result.run.state == "completed"


def simulators() -> list[int]:
    """Process ids of simulators for a calibration: only they serve this model."""
    children = psutil.Process().children()
    return [child.pid for child in children if any(f'"model":"{SERVER.model}"' in word for word in child.cmdline())]


@pytest.mark.parametrize("when", ["before", "beside"])
async def test_a_stop_is_heard_and_nothing_is_left(sim: str, tmp_path: Path, when: str) -> None:
    scenario = {"prompts": QUESTION, "load": "5/s", "duration": "60s", "calibration": when}
    settings = settings_for(tmp_path, one_target(sim), scenario, shards=1)
    began = time.monotonic()
    running = asyncio.create_task(run_scenarios(settings, ["test"], lambda _: None, ("swelld",)))
    await asyncio.sleep(1.5)
    os.kill(os.getpid(), signal.SIGINT)
    (finished,) = await running
    assert finished.result.run.state == "cancelled"
    assert time.monotonic() - began < 20
    assert not simulators()


def test_off_is_a_word_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "swelld.yaml"
    text = "targets: {{here: {{url: 'http://localhost'}}}}\nscenarios: {{test: {{load: 1/s, requests: 1{}}}}}\n"
    for line, expected in (("", "off"), (", calibration: off", "off"), (", calibration: beside", "beside")):
        file.write_text(text.format(line))
        assert load_settings(file, {}).scenarios["test"].calibration == expected
