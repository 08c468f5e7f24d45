"""What survives a restart: written whole, read back, and never fatal."""

import asyncio
import errno
import json
import logging
import os
from pathlib import Path

import pytest

from swelld.schedule.memory import Memory
from swelld.schedule.timing import Remembered

STATE = Remembered(schedule="{}", paused=True, next_fire=1795179600.25, last_fire=1795176000.5)


def loaded(path: Path, *scenarios: str) -> Memory:
    memory = Memory(path)
    memory.load(scenarios)
    return memory


def test_what_was_remembered_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "schedules.json"  # the directory is made
    memory = loaded(path, "a", "b")
    memory.remember("a", STATE)
    memory.remember("b", Remembered(schedule="x"))
    memory.write()
    again = loaded(path, "a", "b", "c")
    assert (again.of("a"), again.of("b"), again.of("c")) == (STATE, Remembered(schedule="x"), None)
    assert json.loads(path.read_text())["scenarios"]["a"]["next_fire"] == 1795179600.25
    assert [file.name for file in path.parent.iterdir()] == ["schedules.json"]


def test_nothing_is_kept_of_scenarios_that_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "schedules.json"
    memory = loaded(path, "a", "b", "c")
    for name in ("a", "b", "c"):
        memory.remember(name, STATE)
    memory.forget("c")
    memory.write()
    again = loaded(path, "b", "c")
    again.write()
    assert list(json.loads(path.read_text())["scenarios"]) == ["b"]


def test_without_a_file_nothing_is_known_and_nothing_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(tmp_path / "schedules.json", "a").of("a") is None
    assert caplog.messages == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"schema": "swelld.schedules/1", "scenarios": {"a": {"schedule": "{}", "pau',
        b"\xff\xfe\x00",
        b"[]",
        b'{"schema": "swelld.schedules/9", "scenarios": {}}',
        b'{"schema": "swelld.schedules/1", "scenarios": {"a": {"schedule": "{}", "next_fire": "soon"}}}',
    ],
)
def test_a_broken_file_is_set_aside_and_said(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "schedules.json"
    path.write_bytes(content)
    memory = loaded(path, "a")
    assert memory.of("a") is None
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("schedules.json.broken-")
    assert aside.read_bytes() == content
    [said] = caplog.messages
    assert f"{path} is broken" in said
    assert f"it is kept as {aside.name}, and schedules begin anew" in said
    memory.remember("a", STATE)
    memory.write()
    assert loaded(path, "a").of("a") == STATE


def test_what_cannot_be_written_is_said_once_until_it_can(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file" / "schedules.json"
    path.parent.write_text("no directory")
    memory = loaded(tmp_path / "nothing.json", "a")
    memory._path = path
    memory.remember("a", STATE)
    for _ in range(3):
        memory.write()
    assert len([text for text in caplog.messages if "schedules will not survive a restart" in text]) == 1
    path.parent.unlink()
    memory.write()
    assert loaded(path, "a").of("a") == STATE


async def test_changes_are_written_soon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    path = tmp_path / "schedules.json"
    memory = loaded(path, "a")
    writing = asyncio.create_task(memory.keep_written())
    try:
        memory.remember("a", STATE)
        async with asyncio.timeout(30):
            while loaded(path, "a").of("a") != STATE:  # noqa: ASYNC110 - the file cannot tell
                await asyncio.sleep(0.01)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert caplog.messages == []


def test_a_disk_that_is_read_only_is_told_in_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    memory = loaded(tmp_path / "schedules.json", "a")
    memory.remember("a", STATE)
    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    memory.write()
    monkeypatch.setattr(Path, "mkdir", refused)
    memory.write()
    place = f"schedules will not survive a restart: cannot write {tmp_path / 'schedules.json'}"
    assert caplog.messages == [
        f"{place}: Read-only file system; free some space or choose another place",
        f"schedules will not survive a restart: cannot create {tmp_path}: Read-only file system; choose another place",
    ]
