"""What a reload would change, and noticing that there is something to reload."""

import asyncio
from pathlib import Path
from typing import Any

from swelld.app.reload import Changes, compare, digest, watch
from swelld.settings import Settings

TARGETS: dict[str, Any] = {"a": {"url": "http://a"}, "b": {"url": "http://b"}}
SCENARIOS: dict[str, Any] = {
    "one": {"targets": "a", "load": 1, "duration": 5},
    "two": {"targets": "b", "load": 1, "duration": 5, "seed": 7},
    "both": {"load": 1, "duration": 5, "seed": 8},
}


def settings(**over: Any) -> Settings:
    return Settings.model_validate({"targets": TARGETS, "scenarios": SCENARIOS, **over})


def test_nothing() -> None:
    assert compare(settings(), settings()) == Changes((), (), (), ())
    assert str(compare(settings(), settings())) == "no changes"


def test_scenarios_come_change_and_go() -> None:
    new = {"one": {**SCENARIOS["one"], "load": 2}, "two": SCENARIOS["two"], "three": SCENARIOS["one"]}
    found = compare(settings(), settings(scenarios=new))
    assert found == Changes(added=("three",), changed=("one",), removed=("both",), restart=())
    assert str(found) == "added: three; changed: one; removed: both"


def test_a_target_changes_the_scenarios_that_load_it() -> None:
    new = {**TARGETS, "b": {"url": "http://elsewhere"}}
    assert compare(settings(), settings(targets=new)).changed == ("two", "both")
    more = {**TARGETS, "c": {"url": "http://c"}}
    assert compare(settings(), settings(targets=more)).changed == ("both",)


def test_the_seed_changes_scenarios_without_one_of_their_own() -> None:
    assert compare(settings(), settings(seed=5)).changed == ("one",)


def test_what_needs_a_restart() -> None:
    found = compare(settings(), settings(web={"listen": ":1"}, log={"level": "debug"}, shards=2))
    assert found.restart == ("web", "shards", "log")
    assert found.changed == ()


async def test_a_configmap_is_swapped(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "swelld.yaml").write_text(f"seed: {number}")
    (tmp_path / "data").symlink_to("v1")
    (tmp_path / "swelld.yaml").symlink_to("data/swelld.yaml")
    changed = asyncio.Event()
    watching = asyncio.create_task(watch(tmp_path / "swelld.yaml", 0.01, changed.set, digest(tmp_path / "swelld.yaml")))
    await asyncio.sleep(0.05)
    assert not changed.is_set()
    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").replace(tmp_path / "data")
    async with asyncio.timeout(10):
        await changed.wait()
    changed.clear()
    (tmp_path / "data").unlink()  # away for a moment, and back as it was
    await asyncio.sleep(0.05)
    (tmp_path / "data").symlink_to("v2")
    await asyncio.sleep(0.05)
    assert not changed.is_set()
    watching.cancel()
