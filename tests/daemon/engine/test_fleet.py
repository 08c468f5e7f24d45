"""Many runs in the same load processes: apart from each other, replaced with their process, gone when they are over."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from crews import carry_out, load_processes, opened, plan_for, report_of, rest_of
from measurements import measured
from pulses import pulse
from sim_client import truth
from swelld.clock import now
from swelld.engine import crew as crews
from swelld.engine import fleet as fleets
from swelld.engine import shard as shards
from swelld.engine.crew import InlineCrew
from swelld.engine.fleet import Fleet
from swelld.engine.plan import Broken, Died, Opened, Pulse, RunStage, StageDone, Stop, Throttle
from swelld.load.arrivals import passes
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Outcome
from swelld.prompts.finite import FinitePrompts
from swelld.prompts.inline import Inline
from swelld.sim import SimOptions, simulated

FIVE = ClosedStage(label="c", users=2, requests=5)
ON_AND_ON = OpenStage(label="r", rate=50.0)


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=2)) as url:
        yield url


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    one = Fleet(1)
    yield one
    await one.aclose()
    assert not load_processes()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_processes_start_with_the_first_run_and_serve_all(sim: str) -> None:
    fleet = Fleet(2)
    assert not load_processes()
    async with opened(fleet.crew(plan_for(sim))) as first, opened(fleet.crew(plan_for(sim))) as second:
        processes = {process.pid for process in load_processes()}
        assert len(processes) == 2
        stage = ClosedStage(label="c", users=4, requests=40)
        found = await asyncio.gather(carry_out(first, stage), carry_out(second, stage))
        assert [sorted(m.index for m in measured) for measured in found] == [list(range(40))] * 2
    async with opened(fleet.crew(plan_for(sim))) as third:
        assert len(await carry_out(third, FIVE)) == 5
        assert {process.pid for process in load_processes()} == processes
    await fleet.aclose()
    await fleet.aclose()
    assert not load_processes()
    with pytest.raises(OSError, match="have been ended"):
        await fleet.crew(plan_for(sim)).open()


async def test_a_run_with_processes_of_its_own(sim: str, fleet: Fleet) -> None:
    async with opened(fleet.crew(plan_for(sim))), opened(fleet.crew(plan_for(sim), 2)) as apart:
        assert apart.size == 2
        assert len(load_processes()) == 3
        assert len(await carry_out(apart, FIVE)) == 5
        await apart.aclose()
        assert len(load_processes()) == 1


async def test_a_run_that_ends_takes_its_own_along_and_nothing_else(sim: str, fleet: Fleet) -> None:
    slow = plan_for(sim, extra_body={"sim": {"fault": "stall", "after": 0}})
    async with opened(fleet.crew(plan_for(sim))) as stays, opened(fleet.crew(slow)) as goes:
        for one in (stays, goes):
            one.order(RunStage(0, ON_AND_ON, now()))
        pulse = await report_of(goes, lambda r: isinstance(r, Pulse) and r.in_flight[0] > 10)
        assert pulse.connections[0] >= 10
        (process,) = load_processes()
        before = len(process.net_connections())
        began = now()
        await goes.aclose()
        assert now() - began < 4
        assert len(process.net_connections()) <= before - 8
        while not goes.reports.empty():
            goes.reports.get_nowait()
        late = await report_of(stays, lambda r: isinstance(r, Pulse) and r.begun[0] > 20)
        assert {m.outcome for m in late.measurements} <= {Outcome.OK}
        stays.order(Stop(force=False))
        assert {m.outcome for m in await rest_of(stays)} <= {Outcome.OK}
        assert goes.reports.empty()


async def test_a_process_that_dies_is_replaced_once_for_all_its_runs(sim: str, fleet: Fleet) -> None:
    async with opened(fleet.crew(plan_for(sim))) as first, opened(fleet.crew(plan_for(sim))) as second:
        (process,) = load_processes()
        process.kill()
        for one in (first, second):
            died = await report_of(one, lambda r: isinstance(r, Died))
            assert died == Died(0, "signal 9")
        await asyncio.gather(first.restart(0), second.restart(0))
        for one in (first, second):
            assert await report_of(one, lambda r: isinstance(r, Opened)) == Opened(0, 1)
        (replacement,) = load_processes()
        assert replacement.pid != process.pid
        assert [len(found) for found in await asyncio.gather(carry_out(first, FIVE), carry_out(second, FIVE))] == [5, 5]


async def test_closing_a_run_whose_process_has_died_is_quick(sim: str, fleet: Fleet) -> None:
    one = fleet.crew(plan_for(sim))
    async with opened(one):
        load_processes()[0].kill()
        began = now()
    assert now() - began < 4


async def test_a_plan_that_cannot_be_opened_hurts_its_own_run_only(sim: str, fleet: Fleet) -> None:
    async with opened(fleet.crew(plan_for(sim))) as good:
        bad = fleet.crew(plan_for(sim, tokenizer="/no/such/tokenizer.json"))
        await bad.open()
        broken = await report_of(bad, lambda r: isinstance(r, Broken))
        assert "/no/such/tokenizer.json" in broken.error
        await bad.aclose()
        assert len(await carry_out(good, FIVE)) == 5


async def test_a_process_that_hangs_is_killed_and_that_is_said(
    sim: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fleets, "SILENT_SECONDS", 4.0)
    async with opened(fleet.crew(plan_for(sim))) as one:
        load_processes()[0].send_signal(signal.SIGSTOP)
        assert await report_of(one, lambda r: isinstance(r, Died)) == Died(0, "signal 9")
        assert "has said nothing for 4 s" in caplog.text


async def test_a_process_that_takes_part_in_nothing_may_be_silent(
    sim: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "SILENT_SECONDS", 4.0)
    async with opened(fleet.crew(plan_for(sim))):
        pass
    (process,) = load_processes()
    await asyncio.sleep(6.5)
    assert [one.pid for one in load_processes()] == [process.pid]


async def test_ending_the_fleet_tells_runs_that_go_on(sim: str) -> None:
    fleet = Fleet(1)
    one = fleet.crew(plan_for(sim))
    async with opened(one):
        await fleet.aclose()
        broken = await report_of(one, lambda r: isinstance(r, Broken))
        assert "were ended while the run went on" in broken.error
    assert not load_processes()


async def test_hundreds_of_runs_leave_nothing_in_a_process(sim: str, fleet: Fleet) -> None:
    prompts = Inline(prompts=tuple(f"{number} {'x' * 100}" for number in range(2000)))

    async def run() -> None:
        async with opened(fleet.crew(plan_for(sim, prompts))) as one:
            assert len(await carry_out(one, FIVE)) == 5

    async def ten_at_once(times: int) -> None:
        for _ in range(times):
            await asyncio.gather(*(run() for _ in range(10)))

    async with opened(fleet.crew(plan_for(sim))) as lasting:  # the process is never idle
        lasting.order(RunStage(0, ON_AND_ON, now()))
        await ten_at_once(3)
        (process,) = load_processes()
        before, files = process.memory_info().rss, process.num_fds()
        await ten_at_once(20)
        lasting.order(Stop(force=True))
        assert {m.outcome for m in await rest_of(lasting)} <= {Outcome.OK, Outcome.CANCELLED}
    assert [one.pid for one in load_processes()] == [process.pid]
    assert process.memory_info().rss - before < 20 * 2**20  # if runs stayed it would be 100: 500 kB each
    assert process.num_fds() <= files
    assert truth(sim)["requests"]["started"] >= 230 * 5


async def test_the_pulse_of_two_runs_is_that_of_their_process(sim: str, fleet: Fleet) -> None:
    async with opened(fleet.crew(plan_for(sim))) as first, opened(fleet.crew(plan_for(sim))) as second:
        one, other = [
            [await report_of(crew, lambda r: isinstance(r, Pulse)) for _ in range(4)] for crew in (first, second)
        ]
        (process,) = load_processes()
        assert {pulse.process for pulse in one + other} == {process.pid}
        lags: dict[int, float] = {}
        for pulse in one + other:
            for number, lag in enumerate(pulse.loop_lag, pulse.ticks):
                assert lags.setdefault(number, lag) == lag
        assert [a.ticks + len(a.loop_lag) for a in one[:-1]] == [b.ticks for b in one[1:]]
        assert abs(one[0].cpu_seconds - other[0].cpu_seconds) < 1.0


async def test_ceilings_hold_for_all_runs_of_a_fleet_together(sim: str, fleet: Fleet) -> None:
    plan = plan_for(sim, ceiling={"rate": "20/s"})
    stage = OpenStage(label="r", rate=100.0, duration=1.0)
    async with opened(fleet.crew(plan)) as first, opened(fleet.crew(plan)) as second:
        found = await asyncio.gather(carry_out(first, stage), carry_out(second, stage))
        sent = [m for measured in found for m in measured]
        assert 35 <= len(sent) <= 41
        assert {m.outcome for m in sent} == {Outcome.OK}


async def test_a_throttle_lasts_over_stages_and_is_told_by_its_reason(sim: str, fleet: Fleet) -> None:
    async with opened(fleet.crew(plan_for(sim))) as one:
        one.order(Throttle(0.5, "budget"))
        for number in range(2):
            one.order(RunStage(number, OpenStage(label="r", rate=100.0, duration=0.2), now()))
            seen: list[object] = []
            await report_of(one, lambda r: isinstance(r, StageDone), seen)  # type: ignore[arg-type]
            pulses = [report for report in seen if isinstance(report, Pulse)]
            through = sum(passes(place, 0.5) for place in range(20))
            assert sum(len(pulse.measurements) for pulse in pulses) == through
            assert sum(pulse.withheld.get("budget", [0])[0] for pulse in pulses) == 20 - through
            assert {pulse.stage for pulse in pulses} >= {number}


class Slow(Inline):
    """Takes its time to be opened, as a large data set does."""

    def open(self, seed: int) -> FinitePrompts:
        time.sleep(1.0)
        return super().open(seed)


async def test_a_run_that_is_opened_does_not_hold_up_the_others(sim: str) -> None:
    fleet = Fleet("inline")
    async with opened(fleet.crew(plan_for(sim))) as first:
        first.order(RunStage(0, ON_AND_ON, now()))
        second = fleet.crew(plan_for(sim, Slow(prompts=("hi",))))
        await second.open()
        began = now()
        pulses = 0
        while second.reports.empty():
            pulses += isinstance(await first.reports.get(), Pulse)
        assert pulses >= 3
        assert now() - began > 0.8
        await second.aclose()
    await fleet.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_run_that_does_not_listen_loses_pulses_and_learns_how_much(
    sim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "MOST_PULSES", 3)
    mail = crews.Mail()

    for count in (1, 1, 1, 4, 5):
        mail.put(pulse(measurements=[measured()] * count))
    mail.put(StageDone(0, 0))  # is never lost
    assert mail.queue.qsize() == 4
    for _ in range(4):
        mail.queue.get_nowait()
    mail.put(pulse(measurements=[measured()]))
    mail.put(pulse(measurements=[measured()]))
    found = [mail.queue.get_nowait() for _ in range(2)]
    assert [report.lost for report in found if isinstance(report, Pulse)] == [9, 0]


async def test_a_shard_keeps_what_it_measured_until_somebody_takes_it(
    sim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "MOST_PULSES", 2)
    monkeypatch.setattr(shards, "MOST_KEPT", 10)
    fleet = Fleet("inline")
    async with opened(fleet.crew(plan_for(sim))) as one:
        one.order(RunStage(0, ClosedStage(label="c", users=2, requests=60), now()))
        await asyncio.sleep(1.5)
        seen: list[object] = []
        await report_of(one, lambda r: isinstance(r, StageDone), seen)  # type: ignore[arg-type]
        pulses = [report for report in seen if isinstance(report, Pulse)]
        taken = sum(len(pulse.measurements) for pulse in pulses)
        assert taken + sum(pulse.lost for pulse in pulses) == 60
        assert len(pulses) <= 4


async def test_a_connection_that_does_not_close_does_not_hold_up_the_end(
    sim: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shards, "CLOSE_SECONDS", 0.2)
    one = Fleet("inline").crew(plan_for(sim))
    assert isinstance(one, InlineCrew)
    async with opened(one):
        assert len(await carry_out(one, FIVE)) == 5
        pool = one._shard._clients[0].pool
        closing = pool.aclose

        async def never() -> None:
            await closing()
            await asyncio.sleep(60)

        monkeypatch.setattr(pool, "aclose", never)
    assert "are not closed after 0.2 s" in caplog.text


async def test_a_process_whose_hub_has_gone_ends(sim: str, tmp_path: Path) -> None:
    script = tmp_path / "hub.py"
    script.write_text(
        "import asyncio, os, sys\n"
        "from crews import opened, plan_for, load_processes\n"
        "from swelld.engine.fleet import Fleet\n"
        "async def main():\n"
        f"    async with opened(Fleet(1).crew(plan_for({sim!r}))):\n"
        "        print(load_processes()[0].pid, flush=True)\n"
        "        os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    hub = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    out, _ = await hub.communicate()
    deadline = now() + 15
    while psutil.pid_exists(int(out)) and psutil.Process(int(out)).status() != psutil.STATUS_ZOMBIE:
        assert now() < deadline
        await asyncio.sleep(0.05)
