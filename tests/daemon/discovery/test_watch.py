"""Several places at once, and a configuration that changes."""

import json
from pathlib import Path

from swelld.discovery.settings import Discovery
from watching import Watching


def put(path: Path, *addresses: str) -> str:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([{"targets": addresses}]))
    beside.replace(path)
    return str(path)


async def test_changes_that_come_together_are_told_once(watching: Watching, tmp_path: Path) -> None:
    files = [put(tmp_path / f"{number}.json", f"a:{number}") for number in range(1, 6)]
    watching.watch._settle = 0.5
    await watching.first(*({"file_sd": file} for file in files))
    for number in range(1, 6):
        put(tmp_path / f"{number}.json", f"b:{number}")
    told: list[dict[str, str]] = []
    while not told or len(told[-1]) < 5 or any(name.startswith("a") for name in told[-1]):
        told.append(await watching.next())
    assert len(told) <= 2, "five changes within some milliseconds"
    assert told[-1] == {f"b-{number}": f"http://b:{number}" for number in range(1, 6)}


async def test_a_change_that_is_taken_back_is_not_told(watching: Watching, tmp_path: Path) -> None:
    watching.watch._settle = 600.0
    file = put(tmp_path / "a.json", "a:1")
    await watching.first({"file_sd": file})
    put(tmp_path / "a.json", "b:1")
    await watching.looks("file", 2)
    put(tmp_path / "a.json", "a:1")
    await watching.looks("file", 2)
    assert watching.watch._telling is not None
    watching.watch._tell()
    assert watching.news.empty()


async def test_entries_that_stay_keep_what_they_know(watching: Watching, tmp_path: Path) -> None:
    stays = {"file_sd": put(tmp_path / "a.json", "a:1")}
    goes = {"file_sd": put(tmp_path / "b.json", "b:1")}
    comes = {"file_sd": put(tmp_path / "c.json", "c:1"), "target": {"model": "m"}}
    assert await watching.first(stays, goes) == {"a-1": "http://a:1", "b-1": "http://b:1"}
    (tmp_path / "a.json").write_text("no list")
    await watching.until('swelld_discovery_refresh_failures_total{kind="file"} 1')
    assert await watching.first(stays, comes) == {"a-1": "http://a:1", "c-1": "http://c:1"}
    assert await watching.first(comes, reserved=("c-1",)) == {}
    assert watching.news.empty(), "who called was told"


async def test_new_entries_are_looked_at_at_once_and_told(watching: Watching, tmp_path: Path) -> None:
    first = {"file_sd": put(tmp_path / "a.json", "a:1"), "refresh": "1h"}
    second = {"file_sd": put(tmp_path / "b.json", "b:1"), "refresh": "1h"}
    await watching.first(first)
    entries = [Discovery.model_validate(entry) for entry in (first, second)]
    assert list(watching.watch.change(entries)) == ["a-1"]
    assert await watching.next() == {"a-1": "http://a:1", "b-1": "http://b:1"}
    assert list(watching.watch.change(entries[1:])) == ["b-1"]
    assert list(watching.watch.change(entries[1:], ["b-1"])) == []
    assert watching.news.empty(), "who called knows"


async def test_series_of_a_kind_that_is_gone_vanish(watching: Watching, tmp_path: Path) -> None:
    await watching.first({"file_sd": put(tmp_path / "a.json", "a:1")})
    assert 'swelld_discovered_targets{kind="file"} 1' in watching.lines()
    assert await watching.first() == {}
    assert [line for line in watching.lines() if "_targets" in line] == []


async def test_it_can_be_closed_twice(watching: Watching, tmp_path: Path) -> None:
    await watching.first({"file_sd": put(tmp_path / "a.json", "a:1")})
    await watching.watch.aclose()
    await watching.watch.aclose()
    put(tmp_path / "a.json", "b:1")
    assert watching.news.empty()
