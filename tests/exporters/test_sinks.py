"""Where lines end up: whole whatever the disk does, the same in every format, in turns, nothing kept in memory."""

import csv
import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from swelld_exporters import sinks
from swelld_exporters.files import RequestLine, RequestsFile
from swelld_exporters.sinks import Rotation, columns
from written_requests import ANSWERED, DROPPED, ORIGIN, WALL, written


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
