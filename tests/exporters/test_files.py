"""requests.jsonl and its likes: every line whole, derived as defined, without secrets, and nothing kept in memory."""

import csv
import errno
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from swelld import derived
from swelld.clock import WallClock
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld_exporters import sinks
from swelld_exporters.files import RequestLine, RequestsFile, summary
from swelld_exporters.sinks import Rotation, columns

ORIGIN = 1000.0
WALL = WallClock(monotonic=1000.0, unix=1_763_115_630.0)  # 2025-11-14T10:20:30Z


def moments(*values: float) -> bytes:
    return np.asarray(values, dtype=np.float64).tobytes()


ANSWERED = Measurement(
    stage=1,
    target=0,
    index=4,
    warmup=False,
    outcome=Outcome.OK,
    status=200,
    due=1001.0,
    sent=1001.5,
    connect=0.0004321,
    first_byte=1001.75,
    tokens_at=moments(1002.0, 1002.25, 1003.0),
    first_answer=1002.25,
    end=1003.5,
    input_tokens=256,
    output_tokens=5,
    token_source=TokenSource.SERVER,
    finish_reason="stop",
    prompt="synthetic-4",
    category="short",
)
DROPPED = Measurement(stage=0, target=1, index=0, warmup=False, outcome=Outcome.DROPPED, due=1002.0)


def written(path: Path, batches: Sequence[Sequence[Measurement]], **options: Any) -> list[dict[str, Any]]:
    with RequestsFile(
        path,
        stages=["concurrency=1", "concurrency=10"],
        targets=[("local", "tiny"), ("other", "big")],
        origin=ORIGIN,
        wall=WALL,
        **options,
    ) as file:
        for batch in batches:
            file.write(batch)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_line_of_a_streamed_answer(tmp_path: Path) -> None:
    assert written(tmp_path / "requests.jsonl", [[ANSWERED]]) == [
        {
            "time": "2025-11-14T10:20:31.500000+00:00",
            "stage": "concurrency=10",
            "target": "local",
            "model": "tiny",
            "index": 4,
            "warmup": False,
            "outcome": "ok",
            "error_type": None,
            "detail": None,
            "status": 200,
            "due": 1.0,
            "sent": 1.5,
            "first_byte": 1.75,
            "first_token": 2.0,
            "first_answer": 2.25,
            "last_token": 3.0,
            "end": 3.5,
            "connect": 0.000432,
            "lag": 0.5,
            "ttfb": 0.25,
            "ttft": 0.5,
            "ttfo": 0.75,
            "tpot": 0.25,
            "e2e": 1.5,
            "corrected_ttft": 1.0,
            "corrected_e2e": 2.0,
            "itl": {"count": 2, "mean": 0.5, "p50": 0.5, "p99": 0.745, "max": 0.75},
            "streamed": True,
            "resends": 0,
            "input_tokens": 256,
            "output_tokens": 5,
            "token_source": "server",
            "cached_tokens": None,
            "reasoning_tokens": None,
            "token_mismatch": False,
            "finish_reason": "stop",
            "failed_check": None,
            "prompt": "synthetic-4",
            "category": "short",
            "turn": None,
        }
    ]


def test_dropped_arrival_has_nulls_and_its_due_time(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "requests.jsonl", [[DROPPED]])
    assert line["time"] == "2025-11-14T10:20:32.000000+00:00"
    assert (line["due"], line["target"], line["model"], line["outcome"]) == (2.0, "other", "big", "dropped")
    never = ("sent", "first_byte", "first_token", "last_token", "end", "lag", "ttft", "tpot", "e2e", "itl")
    assert {name: line[name] for name in never} == dict.fromkeys(never)


def test_derived_values_are_those_of_the_definitions(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    batch = []
    for index in range(50):
        start = ORIGIN + float(rng.uniform(0, 60))
        events = np.sort(start + rng.uniform(0.01, 3, size=index))
        batch.append(
            msgspec.structs.replace(
                ANSWERED,
                index=index,
                due=start - float(rng.uniform(0, 0.1)),
                sent=start,
                tokens_at=events.tobytes(),
                streamed=index % 7 != 0,
                output_tokens=index,
                end=start + 4.0,
            )
        )
    lines = written(tmp_path / "requests.jsonl", [batch])
    for name in ("lag", "ttfb", "ttft", "ttfo", "tpot", "e2e", "corrected_ttft", "corrected_e2e"):
        wanted = [getattr(derived, name)(m) for m in batch]
        assert [line[name] for line in lines] == [None if value is None else round(value, 6) for value in wanted]


def test_summary_is_numpys() -> None:
    gaps = np.random.default_rng(5).exponential(0.01, size=127)
    found = summary(gaps)
    assert found is not None
    assert found.count == 127
    expected = [gaps.mean(), np.quantile(gaps, 0.5), np.quantile(gaps, 0.99), gaps.max()]
    assert [found.mean, found.p50, found.p99, found.max] == pytest.approx(expected, abs=1e-6)
    assert summary(np.zeros(0)) is None


def test_gaps_in_full_only_where_asked_for(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "full.jsonl", [[ANSWERED]], gaps=True)
    assert line["gaps"] == [0.25, 0.75]
    (line,) = written(tmp_path / "plain.jsonl", [[ANSWERED]])
    assert "gaps" not in line


def test_text_only_where_it_was_kept_and_without_secrets(tmp_path: Path) -> None:
    kept = msgspec.structs.replace(ANSWERED, text="the key is K1, on\ntwo lines")
    lines = written(tmp_path / "requests.jsonl", [[kept, ANSWERED]], secrets=["K1", ""])
    assert lines[0]["text"] == "the key is ***, on\ntwo lines"
    assert "text" not in lines[1]


def test_secret_that_a_server_repeats_is_masked(tmp_path: Path) -> None:
    refused = msgspec.structs.replace(
        ANSWERED,
        outcome=Outcome.REJECTED,
        error_type=ErrorType.HTTP_4XX,
        status=401,
        detail="Incorrect API key provided: K1.",
    )
    (line,) = written(tmp_path / "requests.jsonl", [[refused]], secrets=["K1"])
    assert line["detail"] == "Incorrect API key provided: ***."
    assert (line["outcome"], line["error_type"], line["status"]) == ("rejected", "http_4xx", 401)


def test_batches_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    with RequestsFile(path, stages=["a", "b"], targets=[("local", "tiny")], origin=ORIGIN, wall=WALL) as file:
        file.write([ANSWERED] * 3)
        assert path.read_bytes().count(b"\n") == 3
        file.write([])
        file.write([ANSWERED])
        assert path.read_bytes().endswith(b"}\n")
        assert path.read_bytes().count(b"\n") == 4


def test_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("mine\n")
    with pytest.raises(FileExistsError):
        written(path, [[ANSWERED]])
    assert path.read_text() == "mine\n"


def test_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "requests.jsonl"

    class Full:
        def write(self, content: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    file = RequestsFile(path, stages=["a", "b"], targets=[("local", "tiny")], origin=ORIGIN, wall=WALL)
    file.close()
    monkeypatch.setattr(file._sinks[0], "_file", Full())
    with pytest.raises(OSError, match=r"cannot write requests: No space left on device: .*requests\.jsonl") as raised:
        file.write([ANSWERED])
    assert raised.value.errno == errno.ENOSPC


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        content = b""

        def write(self, content: memoryview) -> int:
            self.content += bytes(content[:100])
            return min(100, len(content))

    file = RequestsFile(tmp_path / "r", stages=["a", "b"], targets=[("local", "tiny")], origin=ORIGIN, wall=WALL)
    file.close()
    slow = Slow()
    monkeypatch.setattr(file._sinks[0], "_file", slow)
    file.write([ANSWERED, ANSWERED])
    first, second = slow.content.decode().splitlines()
    assert first == second
    assert json.loads(first)["e2e"] == 1.5


def flat(line: dict[str, Any]) -> dict[str, Any]:
    """A line of JSON as a row of a table."""
    rest = {name: value for name, value in line.items() if name not in ("itl", "gaps")}
    gaps = line["itl"] or dict.fromkeys(("count", "mean", "p50", "p99", "max"))
    return {"text": None, **rest, **{f"itl_{name}": value for name, value in gaps.items()}}


def in_csv(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_a_table_has_every_field_of_a_line() -> None:
    names = [column.name for column in columns(RequestLine)]
    plain = [field for field in RequestLine.__struct_fields__ if field not in ("itl", "gaps")]
    assert sorted(names) == sorted([*plain, "itl_count", "itl_mean", "itl_p50", "itl_p99", "itl_max"])
    types = {column.name: column.type for column in columns(RequestLine)}
    assert (
        types
        | {
            "time": str,
            "outcome": str,
            "index": int,
            "warmup": bool,
            "ttft": float,
            "itl_count": int,
            "text": str,
        }
        == types
    )


def test_csv_says_what_the_lines_say(tmp_path: Path) -> None:
    awkward = msgspec.structs.replace(ANSWERED, text='He said "no", then\nleft', detail="a;b,c")
    lines = written(tmp_path / "requests.jsonl", [[awkward], [DROPPED]], formats=("jsonl", "csv"))
    with (tmp_path / "requests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{name: in_csv(value) for name, value in flat(line).items()} for line in lines]
    assert rows[0]["text"] == 'He said "no", then\nleft'
    assert (rows[1]["sent"], rows[1]["warmup"], rows[1]["index"]) == ("", "false", "0")


def test_parquet_says_what_the_lines_say(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches = [[ANSWERED, DROPPED], [ANSWERED]]
    lines = written(tmp_path / "requests.jsonl", batches, formats=("jsonl", "parquet"))
    table = pq.read_table(tmp_path / "requests.parquet")
    assert table.to_pylist() == [{**flat(line)} for line in lines]
    assert table.schema.field("ttft").type == pa.float64()
    assert table.schema.field("cached_tokens").type == pa.int64()  # also where nothing has a value


def test_parquet_keeps_a_bounded_number_of_rows_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(sinks, "ROW_GROUP", 100)
    written_batches = [[ANSWERED] * 30] * 10
    with RequestsFile(
        tmp_path / "r", stages=["a", "b"], targets=[("x", "y")], origin=ORIGIN, wall=WALL, formats=("parquet",)
    ) as file:
        for batch in written_batches:
            file.write(batch)
    metadata = pq.read_metadata(tmp_path / "r.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [120, 120, 60]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_files_take_turns(tmp_path: Path, form: sinks.Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "ROW_GROUP", 1)
    with RequestsFile(
        tmp_path / "requests.jsonl",
        stages=["a", "b"],
        targets=[("x", "y")],
        origin=ORIGIN,
        wall=WALL,
        formats=(form,),
        rotation=Rotation(max_size=1, keep=2),
    ) as file:
        for number in range(5):
            file.write([msgspec.structs.replace(ANSWERED, index=number)])
    found = {path.name: indexes(path) for path in tmp_path.iterdir()}
    # each write fills a file: the last one is the newest, one that is older than the two that are kept is gone
    assert found == {f"requests.{form}": [], f"requests.1.{form}": [4], f"requests.2.{form}": [3]}


def indexes(path: Path) -> list[int]:
    """The number of every exchange in a file, whatever its format."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return [int(number) for number in pq.read_table(path)["index"].to_pylist()]
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [int(row["index"]) for row in csv.DictReader(file)]
    return [json.loads(line)["index"] for line in path.read_bytes().splitlines()]


def test_a_file_is_full_only_at_its_size(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    line = line_size(tmp_path)
    with RequestsFile(
        path, stages=["a", "b"], targets=[("x", "y")], origin=ORIGIN, wall=WALL, rotation=Rotation(3 * line, keep=9)
    ) as file:
        for _ in range(7):
            file.write([ANSWERED])
    assert {found.name: len(indexes(found)) for found in tmp_path.glob("requests*")} == {
        "requests.jsonl": 1,
        "requests.1.jsonl": 3,
        "requests.2.jsonl": 3,
    }


def line_size(folder: Path) -> int:
    """The length of the one line that `ANSWERED` makes."""
    with RequestsFile(folder / "one.jsonl", stages=["a", "b"], targets=[("x", "y")], origin=ORIGIN, wall=WALL) as file:
        file.write([ANSWERED])
    return (folder / "one.jsonl").stat().st_size


def test_a_library_that_is_missing_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "find_spec", lambda name: None)
    assert sinks.missing_library("csv") is None
    assert "pip install 'swelld[parquet]'" in str(sinks.missing_library("parquet"))
