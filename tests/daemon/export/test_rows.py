"""Requests read back from what a run left, in any form."""

from pathlib import Path
from typing import Any

import pytest

from measurements import measured
from swelld.clock import WallClock
from swelld.export.rows import NAMES, find_requests, read_requests
from swelld_exporters.files import RequestsFile
from swelld_exporters.sinks import Format, Rotation

WALL = WallClock(monotonic=0.0, unix=1_763_115_630.0)


def write(folder: Path, form: Format, count: int = 3, rotation: Rotation | None = None) -> None:
    with RequestsFile(
        folder / "requests.jsonl", stages=["rate=1"], targets=[("t", "=m")], origin=0.0, wall=WALL, formats=[form],
        rotation=rotation,
    ) as file:  # fmt: skip
        for index in range(count):
            file.write([measured(index=index, sent=1.0, tokens_at=(1.25, 1.5, 2.0), end=2.5, output_tokens=3)])


def rows(folder: Path) -> list[dict[str, Any]]:
    found = read_requests(folder)
    assert found is not None
    return [dict(row) for row in found]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_every_form_gives_the_same_rows(tmp_path: Path, form: Format) -> None:
    write(tmp_path, form)
    found = rows(tmp_path)
    assert [row["index"] for row in found] == [0, 1, 2]
    first = found[0]
    assert tuple(first) == NAMES
    assert (first["time"], first["model"], first["ttft"], first["e2e"]) == (
        "2025-11-14T10:20:31.000000+00:00", "=m", 0.25, 1.0,
    )  # fmt: skip
    assert (first["itl_count"], first["itl_max"]) == (2, 0.5)
    assert (first["warmup"], first["status"], first["due"]) == (False, None, None)


def test_full_files_come_first_the_oldest_before_all(tmp_path: Path) -> None:
    write(tmp_path, "jsonl", count=12, rotation=Rotation(max_size=1, keep=11))
    assert [path.name for path in find_requests(tmp_path)][:2] == ["requests.11.jsonl", "requests.10.jsonl"]
    assert [row["index"] for row in rows(tmp_path)] == list(range(1, 12))


def test_the_line_that_a_killed_run_was_writing_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "jsonl")
    whole = (tmp_path / "requests.jsonl").read_bytes()
    (tmp_path / "requests.jsonl").write_bytes(whole[:-40])
    assert len(rows(tmp_path)) == 2


@pytest.mark.parametrize(("form", "broken"), [("jsonl", "{oops}"), ("csv", "x,rate=1,t,m,many")])
def test_a_broken_line_is_named(tmp_path: Path, form: Format, broken: str) -> None:
    write(tmp_path, form, count=1)
    path = tmp_path / f"requests.{form}"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, broken, lines[-1]]) + "\n")
    with pytest.raises(ValueError, match=rf"requests\.{form}:{len(lines) + 1}: .*edited by hand"):
        rows(tmp_path)


def test_lines_of_older_versions_lack_fields(tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text('{"stage": "rate=1", "outcome": "ok", "itl": null}\n')
    (row,) = rows(tmp_path)
    assert (row["stage"], row["outcome"], row["itl_mean"], row["failed_check"]) == ("rate=1", "ok", None, None)


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read_requests(tmp_path) is None
