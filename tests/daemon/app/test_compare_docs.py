"""What the pages on comparing and on contention say is what the code does."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from swelld.analysis.measures import MEASURES
from swelld.analysis.thresholds import DEFAULTS, threshold
from swelld.app.spec import specify
from swelld.cli.application import app
from swelld.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"
COMPARING, CONTENTION = (DOCS / "comparing.md").read_text(), (DOCS / "contention.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", CONTENTION, re.MULTILINE | re.DOTALL)


def test_the_usual_thresholds_are_listed() -> None:
    assert re.findall(r"^- `(.* [<>] .*)`$", COMPARING, re.MULTILINE) == list(DEFAULTS)


@pytest.mark.parametrize("text", sorted(set(re.findall(r"[\w.]+ [<>] [+-][\w.]+%?", COMPARING))))
def test_every_threshold_of_the_page_is_one(text: str) -> None:
    assert threshold(text).measure.name == text.split(maxsplit=1)[0]


def test_every_figure_is_named() -> None:
    words = set(re.findall(r"`\.?(\w+)`", COMPARING))
    assert {part for name in MEASURES for part in name.split(".")} - words == set()


def test_the_options_are_those_of_the_command() -> None:
    named = set(re.findall(r"--[a-z][a-z-]+", " ".join(re.findall(r"^\| `--.*$|^swelld compare .*$", COMPARING, re.M))))
    known = CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert [option for option in named if option not in known] == []


def test_the_example_has_the_stages_that_the_page_names() -> None:
    (example,) = EXAMPLES
    stages = specify(Settings.model_validate(yaml.safe_load(example)), "mixed").stages(None)
    assert [(stage.label, getattr(stage, "rate", None)) for stage in stages] == [
        ("rate=10 solo=small", 3.0),
        ("rate=10 solo=large", 7.0),
        ("rate=10", 10.0),
    ]
    assert all(f"`{stage.label}`" in CONTENTION for stage in stages)
