"""The life of runs in a store, on both databases."""

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

import sample_results
from postgres_server import Postgres
from stored import distribution, opened, result, row, spread
from swelld.analysis.verdict import verdict
from swelld.result import ErrorCount, GpuSummary, GpuUse, Requests
from swelld.store.base import Filter, Page, StageDistributions, TargetRow, merge
from swelld.store.files import StoreError
from swelld.store.metadata import config_hash
from swelld.store.runs import StoredRuns

DAY = 86400.0


async def written(runs: StoredRuns) -> None:
    """Wait until nothing waits."""
    await asyncio.wait_for(runs._writer._idle.wait(), 30)


async def test_a_run_from_its_begin_to_its_end(tmp_path: Path, database_url: str) -> None:
    run = result("r1")
    run = msgspec.structs.replace(run, verdict=verdict(run.stages))
    async with opened(tmp_path, database_url, instance="here") as runs:
        await runs.begin(row(run, labels={"branch": "main"}, note="first"))
        await written(runs)
        begun = await runs.summary("r1")
        assert begun is not None
        assert (begun.state, begun.finished, begun.requests, begun.verdict) == ("pending", None, None, None)
        empty = await runs.get("r1")
        assert empty is not None
        assert (empty.stages, empty.run.config, empty.run.seed) == ([], run.run.config, 7)

        await runs.checkpoint(msgspec.structs.replace(run, stages=run.stages[:1]))
        await written(runs)
        under_way = await runs.summary("r1")
        assert under_way is not None
        assert (under_way.state, under_way.finished, under_way.stages, under_way.requests) == ("running", None, 1, 100)

        await runs.finish(run)
        await written(runs)
        (over,) = (await runs.list()).runs
        assert over.labels == {"branch": "main"}
        assert (over.state, over.note, over.instance) == ("completed", "first", "here")
        assert over.targets == (TargetRow("local", "tiny"),)
        assert (over.started, over.finished, over.duration) == (1794651630.0, 1794651630.0, 62.0)
        assert (over.stages, over.requests, over.ok, over.failed, over.dropped) == (2, 200, 195, 3, 2)
        assert (over.request_rate, over.output_token_rate, over.goodput_ratio) == (12.5, 1600.0, 0.87)
        assert (over.ttft_p95, over.e2e_p95) == (run.stages[1].ttft.p95, run.stages[1].e2e.p95)
        assert (over.verdict, over.valid, over.seed) == ("FAIL", True, 7)
        assert over.config_hash == config_hash(run.run.config)
        assert await runs.get("r1") == run
        assert await runs.get("r2") is None
        assert await runs.summary("r2") is None


async def test_everything_is_there_after_a_restart(tmp_path: Path, database_url: str) -> None:
    run = result("r1")
    async with opened(tmp_path, database_url) as runs:
        await runs.finish(run, spread(run, "ttft"))
    async with opened(tmp_path, database_url) as runs:
        assert await runs.get("r1") == run
        assert [one.by_name["ttft"].count for one in await runs.distributions("r1")] == [500, 500]


async def test_distributions_of_two_daemons_add_up_to_the_whole(tmp_path: Path, database_url: str) -> None:
    values = [[0.01 * n for n in range(1, 400)], [0.02 * n for n in range(1, 700)]]
    for number, part in enumerate(values):
        run = sample_results.result([sample_results.stage()])
        run = msgspec.structs.replace(run, run=msgspec.structs.replace(run.run, id=f"half{number}"))
        kept = [StageDistributions("concurrency=10", "local", {"ttft": distribution(part)})]
        async with opened(tmp_path, database_url, instance=f"daemon{number}") as runs:
            await runs.finish(run, kept)
    async with opened(tmp_path, database_url) as runs:
        (whole,) = merge([*await runs.distributions("half0"), *await runs.distributions("half1")])
    expected = distribution([*values[0], *values[1]])
    found = whole.by_name["ttft"]
    assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)
    assert found.sum == pytest.approx(expected.sum)
    assert found.std == pytest.approx(expected.std)
    assert [found.quantile(q) for q in (0.5, 0.9, 0.99)] == [expected.quantile(q) for q in (0.5, 0.9, 0.99)]


async def test_a_checkpoint_replaces_the_one_before(tmp_path: Path, database_url: str) -> None:
    whole = result("r1")
    early = sample_results.stage(requests=Requests(scheduled=10, started=10, ok=10, failed=0, dropped=0))
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(whole))
        for stages in ([early], [whole.stages[0]], whole.stages, whole.stages):
            standing = msgspec.structs.replace(whole, stages=stages)
            await runs.checkpoint(standing, spread(standing, "ttft", "itl"))
            await written(runs)
            found = await runs.get("r1")
            assert found is not None
            assert found.stages == stages
            kept = await runs.distributions("r1")
            assert [(one.stage, sorted(one.by_name)) for one in kept] == [(s.stage, ["itl", "ttft"]) for s in stages]
            summary = await runs.summary("r1")
            assert summary is not None
            assert summary.requests == sum(stage.requests.scheduled for stage in stages)


async def test_a_run_that_came_to_nothing_has_failed(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(result("r1")))
        await runs.fail("r1", 1794651640.0, "gone.jsonl \0 is not there")
        await written(runs)
        summary = await runs.summary("r1")
        assert summary is not None
        assert (summary.state, summary.reason) == ("failed", "gone.jsonl \ufffd is not there")
        found = await runs.get("r1")
        assert found is not None
        assert (found.run.state, found.run.duration_seconds, found.stages) == ("failed", 10.0, [])
        assert found.run.finished == "2026-11-14T10:20:40.000+00:00"
        assert found.run.reason == "gone.jsonl \ufffd is not there"


async def test_a_run_that_fails_after_a_checkpoint_keeps_that_and_says_why(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        run = result("r1")
        await runs.begin(row(run))
        await runs.checkpoint(run)
        await written(runs)
        await runs.fail("r1", 1794651640.0, "load processes died")
        await written(runs)
        found = await runs.get("r1")
        assert found is not None
        assert (found.run.state, found.run.reason, found.stages) == ("failed", "load processes died", run.stages)
        over = result("r2", state="failed", reason="load processes died")
        await runs.finish(over)
        await written(runs)
        assert await runs.get("r2") == over
        assert [one.reason for one in (await runs.list()).runs] == ["load processes died"] * 2


async def test_runs_from_elsewhere_are_entered_once(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        run = result("r1")
        await runs.enter(run)
        assert await runs.get("r1") == run
        await runs.annotate("r1", note="by hand")
        await runs.enter(result("r1", state="cancelled"))
        summary = await runs.summary("r1")
        assert summary is not None
        assert (summary.state, summary.note, summary.reason) == ("completed", "by hand", None)


async def test_lists_are_filtered(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        for day, name in enumerate(("chat", "chat", "batch"), start=10):
            run = result(f"r{day}", f"2026-11-{day}T00:00:00+00:00", scenario=name)
            labels = {"branch": "main"} if day == 10 else {"branch": "next", "50%": "yes"} if day == 11 else {}
            await runs.begin(row(run, labels=labels, note="Größe_1" if day == 12 else ""))
            if day != 11:
                await runs.finish(run)
        await written(runs)

        async def found(**wanted: object) -> list[str]:
            listing = await runs.list(Filter(**wanted))  # type: ignore[arg-type]
            assert listing.count == len(listing.runs)
            return [run.id for run in listing.runs]

        assert await found() == ["r12", "r11", "r10"]
        assert await found(scenario="chat") == ["r11", "r10"]
        assert await found(states=("completed",)) == ["r12", "r10"]
        assert await found(states=("pending", "running")) == ["r11"]
        assert await found(target="local", model="tiny") == ["r12", "r11", "r10"]
        assert await found(target="other") == []
        assert await found(labels={"branch": "main"}) == ["r10"]
        assert await found(labels={"branch": ""}) == ["r11", "r10"]
        assert await found(labels={"branch": "next", "50%": "yes"}) == ["r11"]
        eleventh = 1794355200.0
        assert await found(since=eleventh) == ["r12", "r11"]
        assert await found(until=eleventh) == ["r10"]
        assert await found(text="CHAT") == ["r11", "r10"]
        assert await found(text="größe_") == ["r12"]
        assert await found(text="r_1") == []  # no wildcard
        assert await found(text="50%") == ["r11"]
        assert await found(text="a\0b") == []
        assert await found(scenario="chat", states=("completed",), text="r1") == ["r10"]


async def test_pages_follow_each_other_while_runs_come_in(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        for number in range(7):
            second = number // 2  # two runs begin in the same moment
            await runs.finish(result(f"r{number}", f"2026-11-14T00:00:0{second}+00:00"))
        await written(runs)
        first = await runs.list(page=Page(3))
        await runs.finish(result("r9", "2026-11-14T00:00:09+00:00"))
        await written(runs)
        second_page = await runs.list(page=Page(3, first.next))
        last = await runs.list(page=Page(3, second_page.next))
        pages = [[run.id for run in page.runs] for page in (first, second_page, last)]
        assert pages == [["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]
        assert (first.count, second_page.count, last.next) == (7, 8, None)
        for page in (Page(0), Page(501), Page(3, "nonsense"), Page(3, "bm9uZQ")):
            with pytest.raises(ValueError, match=r"a page holds 1 to 500 runs|give the `next` of the page before"):
                await runs.list(page=page)


async def test_notes_and_labels_outlive_checkpoints(tmp_path: Path, database_url: str) -> None:
    run = result("r1")
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(run, labels={"a": "1", "b": "2"}))
        await written(runs)
        assert await runs.annotate("r1", "seen", {"a": None, "c": "3"}) is True
        await runs.checkpoint(run)
        await runs.finish(run)
        await written(runs)
        assert await runs.annotate("r1", labels={"b": "20"}) is True
        found = await runs.summary("r1")
        assert found is not None
        assert (found.note, found.labels) == ("seen", {"b": "20", "c": "3"})
        assert await runs.annotate("r2", "nobody") is False


async def test_a_run_is_deleted_with_all_its_parts(tmp_path: Path, database_url: str) -> None:
    run = result("r1")
    gpu = GpuUse(window_seconds=8.0, gpus=[GpuSummary(gpu="0", uuid="GPU-1", name="H200", energy_joules=9.0)])
    run = msgspec.structs.replace(run, gpu=gpu, verdict=verdict(run.stages))
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(run, labels={"a": "1"}))
        await written(runs)
        with pytest.raises(StoreError, match="run r1 is under way: cancel it first"):
            await runs.delete("r1")
        await runs.finish(run, spread(run, "ttft"))
        await written(runs)
        assert await runs.delete("r1") is True
        assert await runs.delete("r1") is False
        assert (await runs.list()).count == 0
        from swelld.store.tables import METADATA

        async with runs._database.read() as connection:
            left = [(t.name, (await connection.execute(t.select())).all()) for t in METADATA.tables.values()]
    assert [name for name, rows in left if rows] == []


async def test_texts_and_numbers_that_a_database_may_not_like(tmp_path: Path, database_url: str) -> None:
    run = result("r1", seed=2**80, config={"prompt": "nul \0"})
    error = ErrorCount(1, "failed", "a NUL \0 in it")
    first = msgspec.structs.replace(run.stages[0], errors={"http_5xx": error}, request_rate=float("inf"))
    run = msgspec.structs.replace(run, stages=[first])
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(run, labels={"x": "a\0b"}, note="half a letter \ud83d"))
        await runs.finish(run)
        await written(runs)
        found = await runs.summary("r1")
        assert found is not None
        assert (found.seed, found.note, found.labels) == (2**80, "half a letter ?", {"x": "a\ufffdb"})
        assert found.request_rate == float("inf")
        again = await runs.get("r1")
        assert again is not None
        assert again.run.config == {"prompt": "nul \0"}
        assert again.stages[0].errors["http_5xx"] == error


async def test_old_runs_and_too_many_of_a_scenario_are_forgotten(tmp_path: Path, database_url: str) -> None:
    now = time.time()

    def ago(days: float) -> str:
        moment = time.gmtime(now - days * DAY)
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", moment)

    async with opened(tmp_path, database_url, keep_runs=None, keep_for=None) as runs:
        for days in (1, 2, 3, 40):
            await runs.finish(result(f"chat{days}", ago(days), scenario="chat"))
        for days in (20, 50):
            await runs.finish(result(f"sweep{days}", ago(days), scenario="sweep"))
        await runs.begin(row(result("endless", ago(60), scenario="chat")))
        await written(runs)
        assert await runs.prune() == 0
    async with opened(tmp_path, database_url, keep_runs=2, keep_for="30d") as runs:
        assert [run.id for run in (await runs.list()).runs] == ["chat1", "chat2", "sweep20", "endless"]
        assert await runs.prune() == 0
        await runs.finish(result("chat0", ago(0), scenario="chat"))
        await written(runs)
        assert await runs.prune() == 1
        assert [run.id for run in (await runs.list()).runs] == ["chat0", "chat1", "sweep20", "endless"]


async def test_forgetting_goes_in_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swelld.store import changes

    monkeypatch.setattr(changes, "AT_A_TIME", 2)
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'runs.db'}", keep_runs=1) as runs:
        for number in range(6):
            await runs.finish(result(f"r{number}", f"2026-11-14T00:00:0{number}+00:00"))
        await written(runs)
        async with runs._database.change() as connection:
            assert await changes.prune(connection, 1, None, 0.0) == 2
        assert await runs.prune() == 3
        assert [run.id for run in (await runs.list()).runs] == ["r5"]


async def test_two_daemons_may_forget_at_once(tmp_path: Path, database_url: str) -> None:
    async with (
        opened(tmp_path / "a", database_url, instance="a", keep_runs=1) as first,
        opened(tmp_path / "b", database_url, instance="b", keep_runs=1) as second,
    ):
        for number in range(12):
            await first.finish(result(f"r{number:02}", f"2026-11-14T00:00:{number:02}+00:00"))
        await written(first)
        assert sum(await asyncio.gather(first.prune(), second.prune(), first.prune(), second.prune())) == 11
        assert [run.id for run in (await second.list()).runs] == ["r11"]


async def test_a_note_is_not_lost_to_a_write_under_way(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        for number in range(20):
            await runs.begin(row(result(f"r{number}")))
            await asyncio.sleep(0.001 * (number % 5))
            assert await runs.annotate(f"r{number}", f"note {number}", {"n": str(number)})
            await runs.finish(result(f"r{number}"))
        await written(runs)
        found = {run.id: (run.note, run.labels) for run in (await runs.list()).runs}
    assert found == {f"r{number}": (f"note {number}", {"n": str(number)}) for number in range(20)}


async def test_two_daemons_leave_each_others_runs_alone(tmp_path: Path, database_url: str) -> None:
    async with (
        opened(tmp_path / "a", database_url, instance="a") as first,
        opened(tmp_path / "b", database_url, instance="b") as second,
    ):
        await asyncio.gather(first.begin(row(result("ra"))), second.begin(row(result("rb"))))
        await asyncio.gather(written(first), written(second))
        assert await first.interrupt_lost() == ()
        assert await second.interrupt_lost() == ()
        await first.finish(result("ra"))
        await written(first)
        assert {run.id: (run.instance, run.state) for run in (await second.list()).runs} == {
            "ra": ("a", "completed"),
            "rb": ("b", "pending"),
        }
        with pytest.raises(StoreError, match="run rb is under way"):
            await first.delete("rb")
        assert [run.id for run in (await first.list(Filter(instance="b"))).runs] == ["rb"]


async def test_only_silence_makes_a_run_of_elsewhere_lost(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url, instance="here") as runs:
        for name in ("same", "other"):
            await runs.begin(row(result(name)))
        await written(runs)

        async def as_if(run_id: str, instance: str, silence: float) -> None:
            from swelld.store.tables import RUNS

            async with runs._database.change() as connection:
                changed = {"instance": instance, "life": "elsewhere.1/5/77", "heartbeat": time.time() - silence}
                await connection.execute(RUNS.update().where(RUNS.c.id == run_id).values(changed))

        await as_if("same", "here", 20.0)
        await as_if("other", "gone", 3000.0)
        assert await runs.interrupt_lost() == ()
        await as_if("same", "here", 40.0)
        assert await runs.interrupt_lost() == ("same",)
        await as_if("other", "gone", 4000.0)
        assert await runs.interrupt_lost() == ("other",)
        assert await runs.interrupt_lost() == ()
        found = await runs.get("other")
        assert found is not None
        assert found.run.state == "interrupted"
        assert time.time() - (await runs.list()).runs[0].finished < 4100  # type: ignore[operator]


async def test_who_was_taken_for_lost_and_is_not_goes_on(tmp_path: Path, database_url: str) -> None:
    run = result("r1")
    async with opened(tmp_path, database_url) as runs:
        await runs.begin(row(run))
        await written(runs)
        from swelld.store.tables import RUNS

        async with runs._database.change() as connection:
            await connection.execute(RUNS.update().values(state="interrupted", finished=5.0))
        await runs.checkpoint(run)
        await written(runs)
        found = await runs.summary("r1")
        assert found is not None
        assert (found.state, found.finished) == ("running", None)


async def test_the_views_that_dashboards_read(tmp_path: Path, postgres_server: Postgres) -> None:
    url = postgres_server.new_database()
    run = result("r1")
    async with opened(tmp_path, url) as runs:
        await runs.finish(run)
    rows = postgres_server.query(
        url,
        "SELECT time AT TIME ZONE 'UTC', run_id, stage, target, ok, round(error_ratio::numeric, 4), ttft_p95, "
        "corrected_ttft_p50 IS NULL, itl_mean, goodput_ratio FROM run_figures "
        "WHERE time BETWEEN '2026-11-14T00:00:00Z' AND '2026-11-15T00:00:00Z' ORDER BY position",
    )
    calm, troubled = run.stages
    assert [(row[:6], row[7], row[9]) for row in rows] == [
        (["2026-11-14 10:20:30", "r1", "concurrency=10", "local", "100", "0.0000"], "t", ""),
        (["2026-11-14 10:20:30", "r1", "rate=10", "local", "95", "0.0306"], "f", "0.87"),
    ]
    assert [float(row[6]) for row in rows] == [calm.ttft.p95, troubled.ttft.p95]
    assert [float(row[8]) for row in rows] == [calm.itl.mean, troubled.itl.mean]
    (history,) = postgres_server.query(url, "SELECT run_id, scenario, state, requests, e2e_p95 FROM run_history")
    assert history == ["r1", "chat", "completed", "200", repr(troubled.e2e.p95)]
    kinds = postgres_server.query(url, "SELECT position, error_type, count FROM run_errors ORDER BY 3")
    assert kinds == [["1", "connect", "1"], ["1", "http_503", "2"]]


async def test_the_views_are_the_same_on_sqlite(tmp_path: Path) -> None:
    from sqlalchemy import text

    async with opened(tmp_path, f"sqlite:///{tmp_path / 'runs.db'}") as runs:
        await runs.finish(result("r1"))
        await written(runs)
        async with runs._database.read() as connection:
            found = (await connection.execute(text("SELECT * FROM run_figures ORDER BY position"))).mappings().all()
    assert [(row["time"], row["stage"], row["ok"]) for row in found] == [
        ("2026-11-14T10:20:30.000Z", "concurrency=10", 100),
        ("2026-11-14T10:20:30.000Z", "rate=10", 95),
    ]
    assert found[1]["ttft_p95"] == result("r1").stages[1].ttft.p95
