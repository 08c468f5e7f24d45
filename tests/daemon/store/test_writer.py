"""The way into the database: nobody waits for it, the newest state wins, and what is lost is counted."""

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from stored import result, row, spread, value
from swelld.store import writer
from swelld.store.metrics import StoreMetrics
from swelld.store.record import Record
from swelld.store.spool import Spool
from swelld.store.writer import Health, Writer
from swelld_exporters.prometheus.registry import Registry

UNREACHABLE = ConnectionRefusedError("nobody there")
REFUSED = IntegrityError("INSERT", {}, sqlite3.IntegrityError("not that one"))


def record(run_id: str = "r1", state: str = "running") -> Record:
    run = result(run_id)
    whole = tuple(spread(run, "ttft")) if state == "completed" else ()
    return Record(row(run), state, 5.0, run, whole)  # type: ignore[arg-type]


class Fake:
    """A database that works, waits or fails as it is told."""

    def __init__(self) -> None:
        self.saved: list[Record] = []
        self.instances: list[str | None] = []
        self.errors: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()

    async def save(self, record: Record, instance: str | None = None) -> None:
        self.entered.set()
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.saved.append(record)
        self.instances.append(instance)


class Bench:
    """A writer in front of it, with its metrics."""

    def __init__(self, folder: Path) -> None:
        self.registry = Registry()
        self.fake = Fake()
        self.spool = Spool(folder / "spool", "here")
        self.writer = Writer(self.fake, Health("the place", StoreMetrics(self.registry)), self.spool, 0.001)

    def value(self, name: str, *labels: str) -> float | None:
        return value(self.registry, f"swelld_store_{name}", *labels)

    async def idle(self) -> None:
        await asyncio.wait_for(self.writer._idle.wait(), 10)


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_only_the_newest_state_of_a_run_is_written(bench: Bench) -> None:
    bench.fake.open.clear()
    bench.writer.submit(record("other"))
    await bench.fake.entered.wait()
    states = [record(), record(), record(state="completed")]
    for one in states:
        bench.writer.submit(one)
    assert bench.value("pending_runs") == 2
    bench.fake.open.set()
    await bench.idle()
    assert [one.row.id for one in bench.fake.saved] == ["other", "r1"]
    assert bench.fake.saved[1] is states[-1]
    assert (bench.value("writes_total"), bench.value("pending_runs"), bench.value("up")) == (2, 0, 1)
    await bench.writer.aclose()


async def test_what_comes_while_it_is_being_written_is_written_after_it(bench: Bench) -> None:
    bench.fake.open.clear()
    first, second = record(), record()
    bench.writer.submit(first)
    await bench.fake.entered.wait()
    bench.writer.submit(second)
    bench.fake.open.set()
    await bench.idle()
    assert bench.fake.saved == [first, second]
    await bench.writer.aclose()


async def test_trouble_is_counted_told_once_and_tried_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "swelld")
    assert bench.value("up") is None
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    bench.fake.errors = [UNREACHABLE, UNREACHABLE, OperationalError("INSERT", {}, full)]
    bench.writer.submit(record())
    await bench.idle()
    assert len(bench.fake.saved) == 1
    assert bench.value("write_failures_total", "unreachable") == 2
    assert bench.value("write_failures_total", "full") == 1
    assert bench.value("write_failures_total", "readonly") == 0
    assert (bench.value("writes_total"), bench.value("up"), bench.value("lost_total")) == (1, 1, 0)
    assert [message.split(":")[0] for message in caplog.messages] == [
        "the store the place does not work (unreachable",
        "the store the place does not work (full",
        "the store the place works again",
    ]
    await bench.writer.aclose()


async def test_one_run_that_is_refused_does_not_stop_the_others(bench: Bench) -> None:
    bench.fake.errors = [REFUSED]
    bench.writer.submit(record("bad"))
    bench.writer.submit(record("good"))
    await bench.idle()
    assert [one.row.id for one in bench.fake.saved] == ["good"]
    assert (bench.value("write_failures_total", "refused"), bench.value("lost_total")) == (1, 1)
    await bench.writer.aclose()


async def test_a_finished_run_waits_in_a_file_until_it_is_written(bench: Bench) -> None:
    bench.fake.errors = [UNREACHABLE] * 3
    bench.fake.open.clear()
    done = record(state="completed")
    bench.writer.submit(done)
    bench.writer.submit(record("r2"))
    bench.fake.open.set()
    await bench.idle()
    assert bench.value("write_failures_total", "unreachable") == 3
    assert {one.row.id for one in bench.fake.saved} == {"r1", "r2"}
    assert list(bench.spool.read()) == []
    await bench.writer.aclose()


async def test_what_cannot_be_written_at_the_end_is_read_at_the_next_start(bench: Bench) -> None:
    bench.fake.open.clear()
    done = record(state="completed")
    bench.writer.submit(done)
    bench.writer.submit(record("under way"))
    await bench.writer.aclose(seconds=0.05)
    ((again, instance),) = bench.spool.read()
    assert instance == "here"
    assert (again.row, again.state, again.at, again.result) == (done.row, "completed", 5.0, done.result)
    assert [one.by_name["ttft"].quantile(0.9) for one in again.distributions] == [
        one.by_name["ttft"].quantile(0.9) for one in done.distributions
    ]
    later = Fake()
    second = Writer(later, Health("", StoreMetrics(Registry())), bench.spool)
    second.submit(again, instance, spooled=True)
    await second.aclose()
    assert (later.saved, later.instances) == ([again], ["here"])
    assert list(bench.spool.read()) == []


async def test_no_more_than_so_many_runs_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_PENDING", 2)
    bench.fake.open.clear()
    for name in ("r1", "r2", "r3"):
        bench.writer.submit(record(name))
    assert (bench.value("pending_runs"), bench.value("lost_total")) == (2, 1)
    bench.fake.open.set()
    await bench.idle()
    assert [one.row.id for one in bench.fake.saved] == ["r2", "r3"]
    await bench.writer.aclose()


async def test_a_run_that_was_deleted_is_not_written(bench: Bench) -> None:
    assert bench.spool.put(record(state="completed"))
    bench.writer.submit(record(state="completed"), spooled=True)
    assert await bench.writer.forget("r1") is True
    await bench.idle()
    assert (bench.fake.saved, list(bench.spool.read())) == ([], [])
    assert await bench.writer.forget("r1") is False
    await bench.writer.aclose()


def test_the_spool_leaves_what_it_cannot_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool", "here")
    assert list(spool.read()) == []
    assert spool.put(record("../../etc", "completed"))
    (tmp_path / "spool" / "half.run").write_bytes(b"\x93half")
    assert [one.row.id for one, _ in spool.read()] == ["../../etc"]
    assert "half.run cannot be read and stays where it is" in caplog.text
    assert len(list((tmp_path / "spool").iterdir())) == 2
    spool.drop("../../etc")
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["half.run"]


def test_a_spool_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert Spool(tmp_path / "file" / "spool", "here").put(record()) is False
    monkeypatch.setattr("swelld.store.spool.MOST_FILES", 1)
    spool = Spool(tmp_path / "spool", "here")
    assert [spool.put(record(name)) for name in ("r1", "r2")] == [True, False]


@pytest.mark.parametrize(("names", "said"), [(["r1"], "1 run"), (["r1", "r2"], "2 runs")])
async def test_what_is_lost_at_the_end_is_counted_in_words(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, names: list[str], said: str
) -> None:
    monkeypatch.setattr(Spool, "put", lambda *_: False)
    bench.fake.open.clear()
    for name in names:
        bench.writer.submit(record(name, "completed"))
    await bench.writer.aclose(seconds=0.01)
    assert caplog.messages[-1] == f"the last state of {said} could not be written"
