"""Targets from real files, while they change."""

import json
import logging
import os
from pathlib import Path

import pytest

from swelld.discovery.by_file import FileSource
from swelld.discovery.settings import FileSD
from watching import Watching


def put(path: Path, *addresses: str, **labels: str) -> None:
    """Replace a file as one should: at once."""
    text = json.dumps([{"targets": addresses, "labels": labels}])
    put_text(path, text)


def put_text(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.replace(path)


async def test_files_are_read_and_read_again(watching: Watching, tmp_path: Path) -> None:
    put(tmp_path / "one.json", "a:1", "b:1")
    (tmp_path / "two.yaml").write_text("- targets: [c:1]\n  labels: {name: sea, __scheme__: https}\n")
    (tmp_path / "three.txt").write_text("no list")
    found = await watching.first({"file_sd": [f"{tmp_path}/*.json", f"{tmp_path}/*.yaml"]})
    assert found == {"a-1": "http://a:1", "b-1": "http://b:1", "sea": "https://c:1"}
    assert 'swelld_discovered_targets{kind="file"} 3' in watching.lines()

    put(tmp_path / "one.json", "b:1", "d:1")
    assert await watching.next() == {"b-1": "http://b:1", "d-1": "http://d:1", "sea": "https://c:1"}
    put(tmp_path / "four.json", "e:1")
    assert "e-1" in await watching.next()
    (tmp_path / "two.yaml").unlink()
    assert await watching.next() == {"b-1": "http://b:1", "d-1": "http://d:1", "e-1": "http://e:1"}
    assert 'swelld_discovered_targets{kind="file"} 3' in watching.lines()
    assert watching.value('swelld_discovery_refresh_failures_total{kind="file"}') == 0


async def test_nothing_is_kept_of_files_that_are_gone(tmp_path: Path) -> None:
    source = FileSource(FileSD(files=[f"{tmp_path}/*.json"]))
    for number in range(20):  # a file for each pod, under ever new names
        file = tmp_path / f"pod-{number}.json"
        put(file, f"pod-{number}:1")
        (place,) = await source.places()
        (labels,) = await source.read(place)
        assert labels["__address__"] == f"pod-{number}:1"
        file.unlink()
    assert list(await source.places()) == []
    assert source._known == {}


async def test_what_does_not_change_is_not_told(watching: Watching, tmp_path: Path) -> None:
    put(tmp_path / "a.json", "a:1")
    await watching.first({"file_sd": f"{tmp_path}/a.json"})
    put(tmp_path / "a.json", "a:1", unused="label")
    await watching.looks("file")
    put(tmp_path / "a.json", "a:1", "b:1")
    assert await watching.next() == {"a-1": "http://a:1", "b-1": "http://b:1"}
    assert watching.news.empty()


async def test_a_label_that_matters_is_told(watching: Watching, tmp_path: Path) -> None:
    put(tmp_path / "a.json", "a:1", model="one")
    await watching.first({"file_sd": f"{tmp_path}/a.json"})
    put(tmp_path / "a.json", "a:1", model="two")
    assert await watching.next() == {"a-1": "http://a:1"}


async def test_a_bad_file_changes_nothing(watching: Watching, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path / "a.json", "a:1")
    put(tmp_path / "b.json", "b:1")
    await watching.first({"file_sd": f"{tmp_path}/*.json"})
    with caplog.at_level(logging.INFO, "swelld.discovery"):
        put_text(tmp_path / "a.json", '[{"targets": ["x:1"]')
        await watching.until('swelld_discovery_refresh_failures_total{kind="file"} 3')
        put(tmp_path / "b.json", "c:1")
        assert await watching.next() == {"a-1": "http://a:1", "c-1": "http://c:1"}
        put(tmp_path / "a.json", "x:1")
        assert await watching.next() == {"x-1": "http://x:1", "c-1": "http://c:1"}
    said = [record.getMessage() for record in caplog.records if "a.json" in record.getMessage()]
    why = "is no list of groups of targets: Input data was truncated; what is known of it still holds"
    assert said == [
        f"discovery: {tmp_path}/a.json {why}",
        f"discovery: {tmp_path}/a.json can be read again",
    ]


async def test_a_file_that_is_named_and_missing_is_told(
    watching: Watching, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"file_sd": [f"{tmp_path}/a.json", f"{tmp_path}/b*.json"]}
    assert await watching.first(entry) == {}
    assert watching.value('swelld_discovery_refresh_failures_total{kind="file"}') == 1
    assert caplog.messages == [f"discovery: {tmp_path}/a.json there is no such file; it has no targets"]
    put(tmp_path / "a.json", "a:1")
    assert await watching.next() == {"a-1": "http://a:1"}
    (tmp_path / "a.json").unlink()
    assert await watching.next() == {}


async def test_a_mounted_config_map_is_swapped(watching: Watching, tmp_path: Path) -> None:
    """Its files are links through a link that is replaced."""
    for version, address in (("v1", "a:1"), ("v2", "b:1")):
        (tmp_path / version).mkdir()
        put(tmp_path / version / "targets.json", address)
    (tmp_path / "data").symlink_to("v1")
    (tmp_path / "targets.json").symlink_to("data/targets.json")
    assert await watching.first({"file_sd": f"{tmp_path}/targets.json"}) == {"a-1": "http://a:1"}
    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").replace(tmp_path / "data")
    assert await watching.next() == {"b-1": "http://b:1"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read(watching: Watching, tmp_path: Path) -> None:
    put(tmp_path / "a.json", "a:1")
    (tmp_path / "a.json").chmod(0)
    assert await watching.first({"file_sd": f"{tmp_path}/a.json"}) == {}
    (tmp_path / "a.json").chmod(0o600)
    assert await watching.next() == {"a-1": "http://a:1"}


async def test_a_file_that_is_too_large(watching: Watching, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(16 * 2**20 + 1)
    assert await watching.first({"file_sd": f"{tmp_path}/a.json"}) == {}
    assert "a.json is larger than 16777216 bytes" in caplog.text


async def test_what_is_not_used_is_counted(
    watching: Watching, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "a.json", "a:1", "b b", "c:1", *(f"x:{port}" for port in range(1, 1002)))
    found = await watching.first({"file_sd": f"{tmp_path}/a.json"}, reserved=("c-1",))
    assert len(found) == 1000
    assert {line for line in watching.lines() if "{" in line and "refresh" not in line} == {
        'swelld_discovered_targets{kind="file"} 1000',
        'swelld_discovery_ignored_targets{kind="file",reason="invalid"} 1',
        'swelld_discovery_ignored_targets{kind="file",reason="name_taken"} 1',
        'swelld_discovery_ignored_targets{kind="file",reason="overflow"} 2',
    }
    assert "discovery: 'x:1001' is one too many: 1000 are used; look in fewer places" in caplog.messages
    await watching.looks("file")
    assert len(caplog.messages) == 4, "it is said once"
