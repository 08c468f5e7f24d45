"""The pages on searches and recommendations: every scenario there loads, every flag exists."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from swelld.cli.application import app
from swelld.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", (DOCS / "capacity-search.md").read_text(), re.DOTALL))
def test_scenarios_load(text: str) -> None:
    settings = Settings.model_validate(yaml.safe_load(text))
    (scenario,) = settings.scenarios.values()
    assert scenario.load.levels()[0] in ("rate=1", "concurrency=1")


def test_flags_exist() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    known = {option for parameter in commands["recommend"].params for option in parameter.opts}
    named = set(re.findall(r"--[a-z][a-z0-9-]+", (DOCS / "recommend.md").read_text()))
    assert named <= known
    assert len(named) > 12


def test_the_ranges_in_the_table() -> None:
    text = (DOCS / "capacity-search.md").read_text()
    rows = re.findall(r"^\| `(concurrency|rate): ([^`]+)` \| (\d+), (\d+),", text, re.MULTILINE)
    assert len(rows) == 4
    for key, value, first, second in rows:
        scenario = {"load": {key: value}, "duration": 1}
        settings = Settings.model_validate({"targets": {"a": {"url": "http://a"}}, "scenarios": {"s": scenario}})
        assert settings.scenarios["s"].load.levels()[:2] == [f"{key}={first}", f"{key}={second}"]
