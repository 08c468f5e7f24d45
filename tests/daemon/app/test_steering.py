"""What the API makes of a real daemon: runs that wait, that come along, that are changed, and that cannot be."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from own_daemon import serving, settings, shown, until
from swelld.api.control import Annotation, Change, Conflict, Inline, NotFound, Refused, Start, Unavailable
from swelld.app import guests, steering
from swelld.engine.target import Target
from swelld.scenario import Scenario
from swelld.store.base import Filter, Page

LONG = {"load": "20/s", "duration": "1h", "schedule": "manual"}
QUEUE = {**LONG, "schedule": {"kind": "manual", "overlap": "queue"}}


def inline(url: str, name: str = "guest", **scenario: Any) -> Inline:
    """One that brings its target along."""
    wanted = {"targets": [name], "load": "20/s", "duration": "1h", **scenario}
    target = Target(url=url, model="m", metrics={"url": "off"})
    return Inline(Scenario.model_validate(wanted), {name: target}, {name: ("127.0.0.1",)})


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start is not waited for long."""
    monkeypatch.setattr(steering, "BEGIN_SECONDS", 0.1)


async def test_an_earlier_failure_does_not_refuse_a_start(sim: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    scenario = {**LONG, "prompts": {"kind": "jsonl", "file": str(file)}}
    async with serving(settings(tmp_path, sim, {"one": scenario})) as (daemon, control):
        daemon.scenes.keeper("one").fire_now()
        assert "prompts.jsonl" in await until(lambda: control.scenarios()[0].trouble)
        assert control.scenarios()[0].state == "failed"
        file.write_text('{"prompt": "tell me"}\n')
        run = await control.start(Start("one"))
        await until(lambda: (found := control.progress(run.id)) and found.state == "running")
        await control.cancel(run.id, force=True)
        await until(lambda: control.progress(run.id) is None)
        assert control.scenarios()[0].trouble is None


async def test_a_run_that_waits_for_another_is_there_and_can_be_taken_back(
    sim: str, tmp_path: Path, hasty: None
) -> None:
    async with serving(settings(tmp_path, sim, {"one": QUEUE})) as (daemon, control):
        first = await control.start(Start("one"))
        second = await control.start(Start("one", {"who": "me"}, "by hand"))
        assert second.state == "pending"
        with pytest.raises(Conflict):
            await control.start(Start("one"))  # one may wait, not two
        detail = await control.run(second.id)
        assert (detail.run.state, detail.run.note, detail.run.labels) == ("pending", "by hand", {"who": "me"})
        assert (await control.cancel(second.id, force=False)).state == "cancelled"
        with pytest.raises(NotFound):
            await control.run(second.id)
        await control.cancel(first.id, force=False)
        await until(lambda: not daemon.conductor.under_way)
        await asyncio.sleep(0.2)
        assert not daemon.conductor.under_way


async def test_a_run_that_waited_is_the_one_that_was_asked_for(sim: str, tmp_path: Path, hasty: None) -> None:
    async with serving(settings(tmp_path, sim, {"one": QUEUE})) as (daemon, control):
        first = await control.start(Start("one"))
        second = await control.start(Start("one", {}, "by hand"))
        await control.cancel(first.id, force=False)
        await until(lambda: second.id in daemon.conductor.under_way)
        assert (await control.run(second.id)).run.note == "by hand"


async def test_a_pause_drops_what_waits(sim: str, tmp_path: Path, hasty: None) -> None:
    async with serving(settings(tmp_path, sim, {"one": QUEUE})) as (daemon, control):
        first = await control.start(Start("one"))
        await until(lambda: (found := control.progress(first.id)) and found.state == "running")
        second = await control.start(Start("one"))
        assert (await control.pause("one")).paused
        with pytest.raises(NotFound):
            await control.run(second.id)
        assert control.progress(first.id).throttle == 0.0  # type: ignore[union-attr]
        assert (await control.pause("one")).paused  # once more changes nothing
        await control.resume("one")
        assert control.progress(first.id).throttle == 1.0  # type: ignore[union-attr]
        await control.cancel(first.id, force=True)
        await until(lambda: not daemon.conductor.under_way)


async def test_a_run_by_hand_in_a_paused_scenario(sim: str, tmp_path: Path) -> None:
    """A pause is for what begins by itself, and for what is under way when it comes."""
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (_, control):
        await control.pause("one")
        run = await control.start(Start("one"))
        done = await until(lambda: (found := control.progress(run.id)) and found.done)
        await control.pause("one")
        assert control.progress(run.id).throttled_by == "paused"  # type: ignore[union-attr]
        await control.resume("one")
        await until(lambda: control.progress(run.id).done > done + 3)  # type: ignore[union-attr]


async def test_a_note_at_a_run_under_way(sim: str, tmp_path: Path) -> None:
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (_, control):
        run = await control.start(Start("one", {"a": "1", "b": "2"}, "first"))
        noted = await control.annotate(run.id, Annotation(note="second", labels={"a": None, "c": "3"}))
        assert (noted.note, noted.labels) == ("second", {"b": "2", "c": "3"})
        again = (await control.annotate(run.id, Annotation(labels={"d": "4"}))).labels
        assert again == {"b": "2", "c": "3", "d": "4"}
        await control.cancel(run.id, force=False)
        await until(lambda: control.progress(run.id) is None)
        await asyncio.sleep(0.5)
        kept = (await control.run(run.id)).run
        assert (kept.note, kept.labels) == ("second", {"b": "2", "c": "3", "d": "4"})


CEILING = {"sim": {"model": "m", "metrics": "off", "ceiling": {"rate": "30/s"}}}


def with_ceiling(url: str) -> dict[str, Any]:
    return {"sim": {**CEILING["sim"], "url": url}}


async def test_two_scenarios_beyond_a_ceiling(sim: str, tmp_path: Path) -> None:
    """The first in the file is let in; the other says why it is not, everywhere."""
    both = {"first": {"load": "20/s", "schedule": "continuous"}, "second": {"load": "20/s", "schedule": "continuous"}}
    wanted = settings(tmp_path, sim, both, targets=with_ceiling(sim))
    async with serving(wanted) as (daemon, control):
        await until(lambda: shown(daemon, "swelld_run_state", "second", "failed"))
        await until(lambda: shown(daemon, "swelld_run_state", "first", "running"))
        first, second = control.scenarios()
        assert (first.state, first.trouble) == ("running", None)
        assert second.state == "failed"
        assert "the target sim has a ceiling of 30/s" in (second.trouble or "")
        assert "taken by first" in (second.trouble or "")
        with pytest.raises(Refused, match="ceiling of 30/s"):
            await control.start(Start("second"))
        assert first.run_id
        await until(lambda: control.progress(first.run_id or "").offered_rate == 20)  # type: ignore[union-attr]
        with pytest.raises(Refused, match="ceiling of 30/s"):
            await control.change(first.run_id, Change(rate=31))
        assert control.progress(first.run_id).offered_rate == 20  # type: ignore[union-attr]
        await control.change(first.run_id, Change(rate=10))
        run = await control.start(Start("second"))
        await until(lambda: (found := control.progress(run.id)) and found.state == "running")
        with pytest.raises(Refused, match="taken by second"):
            await control.change(first.run_id, Change(rate=11))
        assert daemon.complaints() == []


async def test_no_way_round_a_ceiling(sim: str, tmp_path: Path) -> None:
    """The same server under another name, with a request."""
    async with serving(settings(tmp_path, sim, {"one": LONG}, targets=with_ceiling(sim))) as (daemon, control):
        for url in (sim, sim.replace("127.0.0.1", "localhost")):
            with pytest.raises(Refused, match="is the target sim, which has limits"):
                await control.start(Start(inline(url)))
        assert not daemon.conductor.under_way
        own = Inline(Scenario.model_validate({"targets": ["sim"], "load": "31/s", "duration": "1s"}))
        with pytest.raises(Refused, match="ceiling of 30/s"):
            await control.start(Start(own))
        await control.start(Start(inline("http://127.0.0.1:1")))  # another server on the same machine


async def test_runs_that_come_along_are_few(sim: str, tmp_path: Path) -> None:
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (daemon, control):
        begun = await asyncio.gather(*(control.start(Start(inline(sim, f"t{n}"))) for n in range(guests.MOST)))
        with pytest.raises(Conflict, match="4 runs that came with a request are under way"):
            await control.start(Start(inline(sim, "t5")))
        with pytest.raises(Refused, match="shards"):
            await control.start(Start(inline(sim, shards=9999)))
        await control.cancel(begun[0].id, force=True)
        await until(lambda: len(daemon.conductor.under_way) < guests.MOST)
        await asyncio.sleep(0.1)
        await control.start(Start(inline(sim, "t5")))


async def test_series_of_runs_that_come_along_do_not_pile_up(sim: str, tmp_path: Path) -> None:
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (daemon, control):
        sizes = []
        for number in range(6):
            wanted = inline(sim, f"t{number}", load=f"{50 + number}/s", duration="100ms")
            run = await control.start(Start(wanted))
            await until(lambda: not daemon.conductor.under_way)
            await asyncio.sleep(0.05)
            labels = ("inline", f"t{number}", "m", f"rate={50 + number}", "ok")
            assert (shown(daemon, "swelld_requests_total", *labels) or 0) > 0
            assert shown(daemon, "swelld_last_run_start_timestamp_seconds", "inline", run.id)
            sizes.append(sum(len(f.series) for f in daemon.registry.families() if "run_id" not in f.metric.labels))
        assert max(sizes[1:]) == min(sizes[1:])
        state = await control.runs(Filter(), Page())
        assert {run.scenario for run in state.runs} == {"inline"}


async def test_one_that_comes_along_and_cannot_be_run(
    sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(settings(tmp_path, sim, {"one": LONG})) as (daemon, control):

        async def fail(*_: Any) -> None:
            raise KeyError("something that nobody has thought of")

        monkeypatch.setattr(daemon.conductor, "_execute", fail)
        with pytest.raises(Refused, match="nobody has thought of"):
            await control.start(Start(inline(sim)))


async def test_nothing_is_begun_or_read_anew_before_it_is_ready_or_when_it_ends(sim: str, tmp_path: Path) -> None:
    wanted = settings(tmp_path, sim, {"one": LONG})
    async with serving(wanted, reread=lambda: wanted) as (daemon, control):
        daemon.stop()
        for asked in (control.start(Start("one")), control.start(Start(inline(sim))), control.reload()):
            with pytest.raises(Unavailable):
                await asked
        with pytest.raises(ValueError, match="is stopping"):
            daemon.reload()


async def test_a_start_that_is_sent_again(sim: str, tmp_path: Path) -> None:
    """By five at once, over the wire: there is one run."""
    web = {"listen": "127.0.0.1:0", "allow_unauthenticated_control": True}
    async with serving(settings(tmp_path, sim, {"one": LONG, "two": LONG}, web=web)) as (daemon, _):
        headers = {"Idempotency-Key": "abc", "X-Swelld-Request": "1"}
        async with aiohttp.ClientSession(daemon._web.url, headers=headers) as session:

            async def start(scenario: str = "one") -> tuple[int, str]:
                async with session.post("/api/v1/runs", json={"scenario": scenario}) as response:
                    return response.status, (await response.json()).get("id", "")

            answers = await asyncio.gather(*(start() for _ in range(5)))
            assert {status for status, _ in answers} == {201}
            assert {run_id for _, run_id in answers} == {*daemon.conductor.under_way}
            assert len(daemon.conductor.under_way) == 1
            assert (await start("two"))[0] == 422  # the key belongs to another request
            assert len(daemon.conductor.under_way) == 1
