"""Sessions of two targets that were measured alone first, made by flags: shown wherever people look at a run."""

import csv
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from command import Done, swelld
from swelld.result import Result
from swelld.sim import SimOptions, simulated
from workbook import Book


class Kept(NamedTuple):
    """A real run, and what was printed of it."""

    done: Done
    path: Path
    result: Result


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The server takes 4 sequences at a time, and each target has 4 users: together they wait for each other."""
    folder = tmp_path_factory.mktemp("run")
    options = SimOptions(mode="realistic", max_num_seqs=4, max_batched_tokens=256, step_base=0.01)
    with simulated(options) as url:
        targets = [word for name in ("a", "b") for word in ("--target", f"{name}={url},model=sim")]
        load = ["--solo-first", "--concurrency", "4", "--duration", "2s", "--turns", "2..3", "--think-time", "5ms"]
        done = swelld("run", *targets, *load, "--input-len", "16", "--output-len", "8", cwd=folder, timeout=120)
    assert done.code == 0, done.err
    path = next(folder.glob("results/*/result.json"))
    return Kept(done, path, msgspec.json.decode(path.read_bytes(), type=Result))


def loss(kept: Kept, target: str, figure: str) -> float:
    found = next(one for one in kept.result.contention or [] if one.target == target)
    value = found.figures[figure].loss
    assert value is not None
    return value


def export(kept: Kept, *arguments: str) -> Path:
    out = kept.path.parent / f"document.{arguments[-1]}"
    done = swelld("export", str(kept.path), "--format", arguments[-1], "-o", str(out), "--force", cwd=kept.path.parent)
    assert done.code == 0, done.err
    return out


def test_the_flags_made_sessions_and_lone_stages(kept: Kept) -> None:
    names = [(one.stage, one.target, one.solo_of) for one in kept.result.stages]
    assert names == [
        ("concurrency=4 solo=a", "a", "concurrency=4"),
        ("concurrency=4 solo=b", "b", "concurrency=4"),
        ("concurrency=4", "a", None),
        ("concurrency=4", "b", None),
    ]
    assert loss(kept, "a", "ttft.p50") > 0.2
    for one in kept.result.stages:
        assert one.sessions is not None
        assert one.sessions.completed > 0
        assert [turn.turn for turn in one.sessions.turns] == [1, 2, 3]
        requests = [turn.requests for turn in one.sessions.turns]
        assert requests[0] >= requests[1] > requests[2] > 0


def test_it_is_printed(kept: Kept) -> None:
    out = kept.done.out
    place = out.index("Contention ─")
    assert f"{100 * loss(kept, 'a', 'ttft.p50'):+.1f}%" in out[place:]
    sessions = kept.result.stages[-1].sessions
    assert sessions is not None
    assert f"{sessions.begun} sessions begun, {sessions.completed} completed" in out
    rows = re.findall(r"^([123]) +(\d+) ", out, re.M)
    assert len(rows) == 4 * 3
    assert rows[-3:] == [(str(turn.turn), str(turn.requests)) for turn in sessions.turns]


def test_it_is_in_markdown(kept: Kept) -> None:
    text = export(kept, "md").read_text()
    rows = [
        line.split(" | ") for line in text.splitlines() if line.startswith("| concurrency=4") and "| TTFT p50 |" in line
    ]
    assert [row[5] for row in rows] == [f"{100 * loss(kept, name, 'ttft.p50'):+.1f}%" for name in ("a", "b")]
    assert "**Sessions**" in text
    assert "The highest request rate was" in text


def test_it_is_in_the_page(kept: Kept) -> None:
    page = export(kept, "html").read_text()
    heads = re.findall(r"<h2>([^<]+)</h2>", page)
    assert heads.index("Stages") < heads.index("Contention") < heads.index("Sessions") < heads.index("Charts: a")
    assert page.count("<svg") == 6 + 4 + 2 * 6 + 2
    assert f"{100 * loss(kept, 'b', 'e2e.p50'):+.1f}%" in page


def test_it_is_in_the_workbook(kept: Kept) -> None:
    book = Book(export(kept, "xlsx").read_bytes())
    losses = dict(zip(book.column("Contention", "target"), book.column("Contention", "loss"), strict=True))
    assert set(losses) >= {"a", "b"}
    assert book.column("Contention", "loss")[0] == pytest.approx(loss(kept, "a", "ttft.p50"))
    turns = book.column("Sessions", "turn")
    assert turns[:3] == ["1", "2", "3"]
    assert book.column("Stages", "stage") == ["concurrency=4", "concurrency=4 solo=a", "concurrency=4",
                                              "concurrency=4 solo=b"]  # fmt: skip


def test_it_is_in_the_table_for_programs(kept: Kept) -> None:
    rows = list(csv.DictReader(io.StringIO(export(kept, "csv").read_text())))
    found = {(row["target"], row["solo_of"]): row for row in rows}
    assert float(found["a", ""]["loss_ttft_p50"]) == loss(kept, "a", "ttft.p50")
    assert found["a", "concurrency=4"]["loss_ttft_p50"] == ""
    sessions = kept.result.stages[-1].sessions
    assert sessions is not None
    assert int(found["b", ""]["turn_2_requests"]) == sessions.turns[1].requests


def test_it_is_drawn(kept: Kept) -> None:
    done = swelld("plot", str(kept.path), "-o", "plots", cwd=kept.path.parent)
    assert done.code == 0, done.err
    drawn = {path.stem for path in (kept.path.parent / "plots").glob("*.png")}
    assert {"contention", "turns", "saturation-a", "saturation-b", "latency"} <= drawn
    only = swelld("plot", str(kept.path), "-o", "one", "--only", "contention", cwd=kept.path.parent)
    assert only.out.split() == ["one/contention.png"]


BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n" + "".join(
    f"{n / 10},GPT-4,{10 + n},{3 + n % 4},{13 + n + n % 4},Conversation log\n" for n in range(20)
)


def test_a_trace_is_replayed_by_flags(tmp_path: Path) -> None:
    """20 requests in two seconds, and again twice as fast."""
    (tmp_path / "trace.csv").write_text(BURST)
    with simulated(SimOptions(ttft=0.005, itl=0.001)) as url:
        done = swelld("run", "-s", url, "-m", "sim", "--trace", "trace.csv", "--trace-speed", "1x,4x", cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    path = next(tmp_path.glob("results/*/result.json"))
    result = json.loads(path.read_bytes())
    assert [one["stage"] for one in result["stages"]] == ["speed=1", "speed=4"]
    assert [one["requests"]["ok"] for one in result["stages"]] == [20, 20]
    lines = [json.loads(line) for line in (path.parent / "requests.jsonl").read_text().splitlines()]
    due = sorted(line["due"] for line in lines if line["stage"] == "speed=1")
    assert due[-1] - due[0] == pytest.approx(1.9, abs=0.05)
    fast = sorted(line["due"] for line in lines if line["stage"] == "speed=4")
    assert fast[-1] - fast[0] == pytest.approx(1.9 / 4, abs=0.05)
    assert sorted(line["output_tokens"] for line in lines if line["stage"] == "speed=1") == sorted(
        3 + n % 4 for n in range(20)
    )
