"""The pages on deploying, held against the files that they speak of."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from swelld.cli.application import app
from swelld.settings.loading import load_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/deploy").glob("*.md"))
MADE_LATER = re.compile(r"compose/(secrets(/|$)|\.env$)")


def shell(page: Path) -> list[str]:
    """Every line of every block of commands, continued ones joined."""
    found = re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line.strip() for block in found for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])compose/[\w./-]*[\w/]", page.read_text()))
    missing = {name for name in named if not (ROOT / name).exists() and not MADE_LATER.match(name)}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_that_are_shown_are_known(page: Path) -> None:
    command = typer.main.get_command(app)
    for line in shell(page):
        words = shlex.split(line, comments=True)
        if "swelld" not in words:
            continue
        name, *arguments = [*words[words.index("swelld") + 1 :], ""]
        if name not in command.commands:  # type: ignore[attr-defined]
            continue
        known = {option for one in command.commands[name].params for option in (*one.opts, *one.secondary_opts)}  # type: ignore[attr-defined]
        assert {word for word in arguments if word.startswith("--")} <= known, line


def test_variables_that_are_shown_are_a_configuration() -> None:
    (line,) = [line for line in shell(ROOT / "docs/deploy/one-shot.md") if "--env" in line]
    variables = dict(word.split("=", 1) for word in shlex.split(line) if word.startswith("SWELLD_"))
    settings = load_settings(None, variables)
    assert [target.model for target in settings.targets.values()] == ["chat"]
    assert settings.exporters.pushgateway.url == "http://pushgateway:9091"
    assert [len(scenario.stages(1)) for scenario in settings.scenarios.values()] == [3]


def test_addresses_of_the_api_are_in_its_description() -> None:
    known = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    text = "".join(page.read_text() for page in PAGES)
    assert "/api/v1/scenarios/sweep/start" in text
    assert "post" in known["/api/v1/scenarios/{name}/start"]
    assert "post" in known["/-/reload"]
