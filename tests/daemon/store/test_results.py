"""Results on disk: whole, never overwritten, and read back with errors that help."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from sample_results import empty_stage, goodput, open_stage, result, stage, statistics
from swelld.analysis.verdict import verdict
from swelld.store.files import StoreError, replace
from swelld.store.metadata import describe
from swelld.store.results import RunDirectory, check_output, load_result, write_output

STARTED = datetime(2026, 11, 14, 11, 20, 30, tzinfo=timezone(timedelta(hours=1)))
WHOLE = result([stage(goodput=goodput(87)), open_stage(), empty_stage()], verdict([open_stage(), empty_stage()]))


def test_run_directory_is_named_by_the_start_in_utc_and_never_taken_twice(tmp_path: Path) -> None:
    made = [RunDirectory.create(tmp_path / "results", STARTED).path for _ in range(3)]
    assert [path.name for path in made] == ["2026-11-14T10-20-30Z", "2026-11-14T10-20-30Z-2", "2026-11-14T10-20-30Z-3"]
    assert all(path.is_dir() for path in made)


def test_run_directory_where_none_can_be_names_the_place(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError, match="results is no directory"):
        RunDirectory.create(tmp_path / "results", STARTED)


def test_result_reads_back_as_it_was_written(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, STARTED)
    path = directory.write_result(WHOLE)
    assert path == directory.path / "result.json"
    assert load_result(path) == WHOLE
    assert load_result(directory.path) == WHOLE
    assert [file.name for file in directory.path.iterdir()] == ["result.json"]


def test_chosen_percentiles_survive_and_are_absent_where_none_were_chosen(tmp_path: Path) -> None:
    chosen = msgspec.structs.replace(statistics(1.0, 2.0), quantiles={"p75": 1.75})
    path = write_output(tmp_path / "result.json", result([stage(ttft=chosen)]))
    assert load_result(path).stages[0].ttft.percentile(75) == 1.75
    written = json.loads(path.read_text())["stages"][0]
    assert written["ttft"]["quantiles"] == {"p75": 1.75}
    assert "quantiles" not in written["e2e"]


def test_metadata_is_there_from_the_start_and_completed_at_the_end(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, STARTED)
    metadata = describe(run_id="r1", started="2026-11-14T10:20:30+00:00", command=["swelld", "run"], config={"seed": 7})
    directory.write_metadata(metadata)
    assert json.loads((directory.path / "metadata.json").read_text())["finished"] is None
    directory.write_metadata(msgspec.structs.replace(metadata, finished="2026-11-14T10:21:32+00:00"))
    written = json.loads((directory.path / "metadata.json").read_text())
    assert written["finished"] == "2026-11-14T10:21:32+00:00"
    assert written["schema"] == "swelld.metadata/1"
    assert written["config"] == {"seed": 7}
    assert [file.name for file in directory.path.iterdir()] == ["metadata.json"]


def test_output_is_refused_before_the_run_where_something_is(tmp_path: Path) -> None:
    taken = tmp_path / "result.json"
    taken.write_text("mine")
    with pytest.raises(StoreError, match=r"result.json exists already and is not overwritten: name another file"):
        check_output(taken)
    dangling = tmp_path / "link.json"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="exists already"):
        check_output(dangling)
    with pytest.raises(StoreError, match="is a directory: name a file"):
        check_output(tmp_path)
    with pytest.raises(StoreError, match="does not exist; create it first"):
        check_output(tmp_path / "missing" / "result.json")
    assert taken.read_text() == "mine"


def test_output_that_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    check_output(tmp_path / "result.json")
    assert list(tmp_path.iterdir()) == []


def test_output_taken_during_the_run_goes_beside_it(tmp_path: Path) -> None:
    taken = tmp_path / "result.json"
    taken.write_text("mine")
    assert write_output(taken, WHOLE) == tmp_path / "result-2.json"
    assert write_output(taken, WHOLE) == tmp_path / "result-3.json"
    assert taken.read_text() == "mine"
    assert load_result(tmp_path / "result-3.json") == WHOLE
    assert sorted(file.name for file in tmp_path.iterdir()) == ["result-2.json", "result-3.json", "result.json"]


def test_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    place = tmp_path / "result.json"
    place.mkdir()
    (place / "in-the-way").touch()
    with pytest.raises(StoreError, match=r"cannot write .*result\.json: .*; free some space or choose"):
        replace(place, b"{}")
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: its run was killed"),
        (b'{"schema":"swelld.result/1","run":{"id":', r"ends in the middle \(truncated\)"),
        (b"PASS", "is no JSON"),
        (b"[1,2]", "names no schema"),
        (b'{"schema":"swelld.result/2"}', "is of schema 'swelld.result/2'; this version reads 'swelld.result/1'"),
        (b'{"schema":"swelld.metadata/1"}', "is of schema 'swelld.metadata/1'"),
        (b'{"stages":[]}', "names no schema"),
        (
            b'{"schema":"swelld.result/1","stages":[]}',
            "does not follow .*: .*missing required field `run`",
        ),
    ],
)
def test_broken_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=message) as raised:
        load_result(path)
    assert str(raised.value).startswith(str(path))


def test_wrong_type_is_named_by_its_path(tmp_path: Path) -> None:
    data = msgspec.to_builtins(WHOLE)
    data["stages"][1]["requests"]["ok"] = "many"
    (tmp_path / "result.json").write_text(json.dumps(data))
    with pytest.raises(StoreError, match=r"\$\.stages\[1\]\.requests\.ok"):
        load_result(tmp_path)


def test_missing_file_says_when_results_are_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="a result is written when its run is over"):
        load_result(tmp_path)


def test_start_in_utc_needs_no_conversion(tmp_path: Path) -> None:
    assert RunDirectory.create(tmp_path, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)).requests == (
        tmp_path / "2026-01-02T03-04-05Z" / "requests.jsonl"
    )
