"""Runs made from raw settings, as a file would hold them, and what they leave on disk."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swelld.app.once import run_scenarios
from swelld.result import Progress, Result, StageResult
from swelld.settings import Settings

HERE = "here"
"""Name of the target of `one_target`."""


@dataclass(frozen=True)
class Kept:
    """A run that is over."""

    result: Result
    path: Path

    def stage(self, number: int = 0) -> StageResult:
        """The figures of one stage and target, in the order of the result."""
        return self.result.stages[number]

    def lines(self) -> list[dict[str, Any]]:
        """Every exchange of `requests.jsonl`."""
        return [json.loads(line) for line in (self.path / "requests.jsonl").read_bytes().splitlines()]


def one_target(url: str, **target: Any) -> dict[str, Any]:
    """A single target; its own metrics are left alone if not said: raw servers answer to prompts only."""
    return {HERE: {"url": url, "model": "tiny", "metrics": "off", **target}}


def settings_for(folder: Path, targets: Mapping[str, Any], scenario: Mapping[str, Any], **more: Any) -> Settings:
    """Settings of one scenario whose results are kept below `folder`; the load runs in this process if not said."""
    data = {"targets": targets, "scenarios": {"test": scenario}, "store": {"dir": folder}, "shards": "inline", **more}
    return Settings.model_validate(data)


async def carry_out(
    settings: Settings, watch: Callable[[Progress], None] = lambda _: None, command: tuple[str, ...] = ("swelld",)
) -> Kept:
    """Its one scenario, by the way that the command line takes."""
    (finished,) = await run_scenarios(settings, ["test"], watch, command)
    assert finished.path is not None
    return Kept(finished.result, finished.path)
