"""Scenarios of a daemon over reloads, pauses, restarts, and with whatever goes wrong in one of them."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from own_daemon import serving, settings, shown, until
from sim_client import truth
from swelld.api.control import Start, Unavailable
from swelld.app import daemon as life
from swelld.app.daemon import Daemon
from swelld.engine import fleet
from swelld.hub import opening
from swelld.hub.spec import Spec
from swelld.settings import Settings
from swelld.store.base import Filter, Page

CANARY = {"load": "20/s", "schedule": "continuous"}
LONG = {"load": "20/s", "duration": "1h", "schedule": "manual"}
STALLING = {"extra_body": {"sim": {"fault": "stall", "after": 0}}}


class File:
    """What a reload reads."""

    def __init__(self, first: Settings) -> None:
        self.content = first

    def read(self) -> Settings:
        return self.content


def stuck(sim: str) -> dict[str, Any]:
    """Targets of which one never answers to the end."""
    plain = {"url": sim, "model": "m", "metrics": "off"}
    return {"sim": plain, "dead": {**plain, **STALLING}}


async def test_changed_twice_while_it_is_drained(sim: str, tmp_path: Path) -> None:
    def with_load(concurrency: int) -> Settings:
        one = {"load": {"concurrency": concurrency}, "schedule": "continuous", "targets": "dead"}
        return settings(tmp_path, sim, {"one": one}, targets=stuck(sim))

    file = File(with_load(1))
    async with serving(file.content, reread=file.read) as (daemon, control):
        first = await until(lambda: control.scenarios()[0].run_id)
        await until(lambda: control.progress(first).in_flight == 1)  # type: ignore[union-attr]
        for concurrency in (2, 3):
            file.content = with_load(concurrency)
            daemon.reload()
        assert control.scenarios() == []
        with pytest.raises(Unavailable, match="is being drained"):
            await control.pause("one")
        await control.cancel(first, force=True)
        await until(lambda: control.scenarios() and control.scenarios()[0].run_id)
        assert control.scenarios()[0].config["load"]["concurrency"] == [3]
        assert len(daemon.conductor.under_way) == 1
        daemon.stop(force=True)


async def test_removed_and_there_again_while_it_is_drained(sim: str, tmp_path: Path) -> None:
    """It is new, so one that runs at the start does that; one that was only changed does not."""
    one = {"load": {"concurrency": 1}, "duration": "1h", "targets": "dead"}
    full = settings(tmp_path, sim, {"gone": one, "changed": one}, targets=stuck(sim))
    quick = {"load": {"concurrency": 1}, "requests": 2, "targets": "sim"}
    file = File(full)
    async with serving(full, reread=file.read) as (daemon, control):
        await until(lambda: len(daemon.conductor.under_way) == 2)
        old = {*daemon.conductor.under_way}
        file.content = settings(tmp_path, sim, {"changed": quick}, targets=stuck(sim))
        daemon.reload()
        file.content = settings(tmp_path, sim, {"changed": quick, "gone": quick}, targets=stuck(sim))
        daemon.reload()
        for run_id in old:
            await control.cancel(run_id, force=True)
        await until(lambda: shown(daemon, "swelld_run_state", "gone", "completed"))
        assert {scenario.name for scenario in control.scenarios()} == {"gone", "changed"}
        await until(lambda: not daemon.conductor.under_way)
        await asyncio.sleep(0.5)
        begun = [(run.scenario, run.state) for run in (await control.runs(Filter(), Page())).runs]
        assert sorted(begun) == [("changed", "cancelled"), ("gone", "cancelled"), ("gone", "completed")]


async def test_a_pause_stays_over_a_reload_and_a_restart(sim: str, tmp_path: Path) -> None:
    first = settings(tmp_path, sim, {"one": CANARY, "other": CANARY})
    file = File(first)
    async with serving(first, reread=file.read) as (daemon, control):
        await until(lambda: len(daemon.conductor.under_way) == 2)
        await control.pause("one")
        await until(lambda: len(daemon.conductor.under_way) == 1)
        file.content = settings(tmp_path, sim, {"one": {**CANARY, "load": "30/s"}, "other": CANARY})
        daemon.reload()
        await until(lambda: "one" in daemon.scenes)
        assert daemon.scenes.keeper("one").paused
        assert {run.row.scenario for run in daemon.conductor.under_way.values()} == {"other"}
    async with serving(file.content) as (daemon, control):
        assert [(s.name, s.paused, s.state == "paused") for s in control.scenarios()] == [
            ("one", True, True),
            ("other", False, False),
        ]
        await until(lambda: daemon.conductor.under_way)
        assert {run.row.scenario for run in daemon.conductor.under_way.values()} == {"other"}
        await control.resume("one")
        await until(lambda: len(daemon.conductor.under_way) == 2)


async def test_a_run_by_schedule_is_held_and_goes_on(sim: str, tmp_path: Path) -> None:
    """Of a kind that a pause does not end."""
    wanted = settings(tmp_path, sim, {"one": {"load": {"concurrency": 1}, "requests": 100_000}})
    async with serving(wanted) as (_, control):
        run = await until(lambda: control.scenarios()[0].run_id)
        await until(lambda: control.progress(run).done > 3)  # type: ignore[union-attr]
        await control.pause("one")
        await until(lambda: control.progress(run).in_flight == 0)  # type: ignore[union-attr]
        held = truth(sim)["requests"]["started"]
        await asyncio.sleep(0.3)
        assert truth(sim)["requests"]["started"] == held
        assert control.scenarios()[0].run_id == run
        await control.resume("one")
        await until(lambda: truth(sim)["requests"]["started"] > held + 3)
        assert control.scenarios()[0].run_id == run


async def test_sections_that_need_a_restart_stay_as_they_are(
    sim: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = settings(tmp_path, sim, {"one": CANARY}, grace="20s")
    file = File(settings(tmp_path, sim, {"one": CANARY, "two": CANARY}, grace="7s", seed=5))
    async with serving(first, reread=file.read) as (daemon, control):
        for _ in range(2):  # it is told for as long as it is so
            caplog.clear()
            daemon.reload()
            assert "taken up only by a restart: grace" in caplog.text
        assert (daemon.settings.grace, daemon.settings.seed) == (20.0, 5)
        assert (control.config()["grace"], control.config()["seed"]) == ("20s", 5)
        assert {scenario.name for scenario in control.scenarios()} >= {"two"}
        (info,) = [f for f in daemon.registry.families() if f.metric.name == "swelld_config_info"]
        assert list(info.series) == [(control.status().config_hash,)]


async def test_a_run_that_is_ended_before_it_is_there(
    sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server of a calibration starts, say."""
    wanted = settings(tmp_path, sim, {"one": {**LONG, "schedule": "at_start"}})
    waiting, going = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def calibrated(spec: Spec, when: str) -> AsyncIterator[Spec]:
        waiting.set()
        await going.wait()
        yield spec

    monkeypatch.setattr("swelld.app.conductor.calibrated", calibrated)
    async with serving(wanted) as (daemon, _):
        await asyncio.wait_for(waiting.wait(), 10)
        assert not daemon.conductor.under_way
        daemon.stop()
        await asyncio.sleep(0.1)
        going.set()
    assert truth(sim)["requests"]["started"] == 0


async def test_a_run_that_is_paused_before_it_is_there(
    sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(tmp_path, sim, {"one": {**LONG, "schedule": "at_start"}})
    going = asyncio.Event()

    @asynccontextmanager
    async def calibrated(spec: Spec, when: str) -> AsyncIterator[Spec]:
        await going.wait()
        yield spec

    monkeypatch.setattr("swelld.app.conductor.calibrated", calibrated)
    async with serving(wanted) as (daemon, control):
        await until(lambda: daemon.scenes.keeper("one").running)
        await control.pause("one")
        going.set()
        run = await until(lambda: control.scenarios()[0].run_id)
        await until(lambda: (found := control.progress(run)) and found.state == "running")
        await asyncio.sleep(0.3)
        assert control.progress(run).throttled_by == "paused"  # type: ignore[union-attr]
        assert truth(sim)["requests"]["started"] == 0


@pytest.fixture
def slow_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that are not ready for long, as with names that are slow to look up."""

    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(opening, "_all_opened", never)


async def test_a_run_that_is_pending_for_long(sim: str, tmp_path: Path, slow_opening: None) -> None:
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (daemon, control):
        run = await control.start(Start("one"))
        await asyncio.sleep(0.2)
        assert control.progress(run.id).state == "pending"  # type: ignore[union-attr]
        assert shown(daemon, "swelld_run_state", "one", "pending") == 1
        assert daemon.complaints() == []
        await control.cancel(run.id, force=False)
        await until(lambda: not daemon.conductor.under_way)
        await asyncio.sleep(0.3)
        assert (await control.run(run.id)).run.state == "cancelled"
        assert shown(daemon, "swelld_run_state", "one", "cancelled") == 1


async def test_a_run_that_is_pending_for_too_long(
    sim: str, tmp_path: Path, slow_opening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "OPEN_SECONDS", 0.2)
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (daemon, control):
        run = await control.start(Start("one"))
        await until(lambda: control.scenarios()[0].trouble)
        assert "not ready within 0.2 s" in (control.scenarios()[0].trouble or "")
        await asyncio.sleep(0.3)
        assert (await control.run(run.id)).run.state == "failed"
        assert shown(daemon, "swelld_run_state", "one", "failed") == 1


async def test_whatever_goes_wrong_in_one_leaves_the_others_alone(
    sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("something that nobody has thought of")

    async with serving(settings(tmp_path, sim, {"good": CANARY, "bad": LONG})) as (daemon, control):
        good = await until(lambda: control.scenarios()[0].run_id)
        monkeypatch.setattr(daemon.conductor, "_recording", broken)
        daemon.scenes.keeper("bad").fire_now()
        await until(lambda: control.scenarios()[1].trouble)
        assert control.scenarios()[1].state == "failed"
        assert shown(daemon, "swelld_run_state", "bad", "failed") == 1
        assert control.scenarios()[0].run_id == good
        found = [record for record in caplog.records if record.exc_info and "bad" in record.getMessage()]
        assert len(found) == 1


def load_processes() -> list[psutil.Process]:
    """Ours."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "swelld.engine.process" in child.cmdline()]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed within a second, and a silent process replaced after a few."""
    monkeypatch.setattr(life, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(life, "HOUSE_SECONDS", 0.2)
    monkeypatch.setattr(fleet, "SILENT_SECONDS", 8.0)


async def test_a_load_process_that_hangs_is_told_and_replaced(sim: str, tmp_path: Path, impatient: None) -> None:
    wanted = settings(tmp_path, sim, {"one": CANARY}, shards=2)
    async with serving(wanted) as (daemon, control):
        run = await until(lambda: control.scenarios()[0].run_id)
        await until(lambda: control.progress(run).done > 5)  # type: ignore[union-attr]
        assert control.healthy() == []
        one, other = load_processes()
        one.send_signal(signal.SIGSTOP)
        said = await until(control.healthy)
        assert len(said) == 1  # the other one still speaks for the run
        assert said[0].startswith("load process ")
        await until(lambda: shown(daemon, "swelld_complaints") == 1)
        await until(lambda: not control.healthy() and shown(daemon, "swelld_complaints") == 0)
        assert one.pid not in {process.pid for process in load_processes()}
        assert other.pid in {process.pid for process in load_processes()}
        done = control.progress(run).done  # type: ignore[union-attr]
        await until(lambda: control.progress(run).done > done + 10)  # type: ignore[union-attr]
        assert control.scenarios()[0].run_id == run


async def test_a_load_process_that_hangs_at_the_end(
    sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not waited for beyond the grace, and what was measured is kept."""
    monkeypatch.setattr(life, "FORCED_SECONDS", 0.5)
    monkeypatch.setattr(fleet, "QUIT_SECONDS", 0.5)
    wanted = settings(tmp_path, sim, {"one": CANARY}, shards=1, grace="500ms")
    async with serving(wanted) as (daemon, control):
        run = await until(lambda: control.scenarios()[0].run_id)
        await until(lambda: control.progress(run).done > 10)  # type: ignore[union-attr]
        (process,) = load_processes()
        process.send_signal(signal.SIGSTOP)
        daemon.stop()
    assert "1 runs do not end, their load processes are ended" in caplog.text
    assert load_processes() == []
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (_, control):
        kept = (await control.run(run)).run
        assert kept.state == "failed"
        assert (kept.ok or 0) > 5


async def test_a_dead_target_is_no_fault_of_the_daemon(
    sim: str, tmp_path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is a run that is held, however long."""
    targets = {**stuck(sim), "nowhere": {"url": "http://127.0.0.1:1"}}
    scenarios = {"away": {**CANARY, "targets": "nowhere"}, "held": {**LONG, "targets": "sim"}}
    wanted = settings(tmp_path, sim, scenarios, targets=targets, shards=1)
    async with serving(wanted) as (daemon, control):
        held = await control.start(Start("held"))
        await until(lambda: (found := control.progress(held.id)) and found.done)
        await control.pause("held")
        for _ in range(35):
            assert control.healthy() == []
            await asyncio.sleep(0.1)
        assert (shown(daemon, "swelld_requests_total", "away", "nowhere", "", "rate=20", "unreachable") or 0) > 20


def sizes(daemon: Daemon) -> tuple[int, int, list[int]]:
    """Tasks, descriptors, and what the daemon keeps of runs and series; not every run has every last figure."""
    families = [one for one in daemon.registry.families() if not one.metric.name.startswith("swelld_last_run_")]
    series = sum(len(family.series) for family in families)
    kept = [series, len(daemon.conductor.under_way), len(daemon.conductor.ceilings._runs)]
    return len(asyncio.all_tasks()), psutil.Process().num_fds(), kept


async def test_nothing_piles_up_over_many_runs(sim: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After 130 short runs there is as much as after 60: figures of the latest 50 are kept."""
    caplog.set_level(logging.WARNING)
    over: list[str] = []
    wanted = settings(tmp_path, sim, {"one": {"load": {"concurrency": 2}, "requests": 2, "schedule": "manual"}})
    async with serving(wanted, finished=lambda result: over.append(result.run.id)) as (daemon, _):
        keeper = daemon.scenes.keeper("one")

        async def run_until(number: int) -> tuple[int, int, list[int]]:
            while len(over) < number:
                assert keeper.fire_now() == "begun"
                await until(lambda: not keeper.running)
            await until(lambda: shown(daemon, "swelld_store_pending_runs") == 0)
            await asyncio.sleep(0.2)
            return sizes(daemon)

        early, late = await run_until(60), await run_until(130)
        assert late[0] <= early[0] + 1
        assert late[1] <= early[1] + 4  # connections to the simulator and the database
        assert late[2] == early[2]
        assert late[2][1:] == [0, 0]
        (latest,) = [family for family in daemon.registry.families() if family.metric.name == "swelld_run_info"]
        assert len(latest.series) == 50
