"""Dashboards against Grafana's own schema: what is checked in, and that the check finds what is wrong."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

import grafana_schema

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "grafana/out/dashboards").glob("*.json"))
OLDER: Final = {"10.4": "1769699796!10.4.0", "11.6": "1769699379!11.6.0"}
"""Versions of the SDK for older versions of Grafana; the one that is installed is for the newest."""
UNWRITTEN: Final = {"definition", "useValueForTime", "titleFormat", "textFormat", "tagKeys", "step"}
"""Keys that these versions read and write themselves, which their schema left out; that of newer ones has them."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_keeps_the_newest_schema(file: Path) -> None:
    pytest.importorskip("grafana_foundation_sdk")
    assert grafana_schema.problems(json.loads(file.read_text())) == []


def _break(board: dict[str, Any], *path: str | int, value: Any) -> dict[str, Any]:
    broken: Any = copy.deepcopy(board)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(broken)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("colour",), "red", "dashboard.colour is not in the schema"),
        (("title",), 5, "dashboard.title is no str: 5"),
        (("panels", 1, "fieldConfig", "defaults", "decimals"), "two", "decimals is no number: 'two'"),
        (("panels", 1, "options", "graphMode"), "volume", "graph_mode is 'volume', none of ['none', 'line', 'area']"),
        (("panels", 1, "options", "sparkle"), True, "dashboard.panels[1].options.sparkle is not in the schema"),
    ],
)
def test_what_is_not_in_the_schema_is_found(path: tuple[str | int, ...], value: Any, said: str) -> None:
    pytest.importorskip("grafana_foundation_sdk")
    board = json.loads((ROOT / "grafana/out/dashboards/swelld-overview.json").read_text())
    assert any(said in problem for problem in grafana_schema.problems(_break(board, *path, value=value)))


@pytest.mark.slow
@pytest.mark.parametrize("version", OLDER)
def test_dashboards_keep_the_schema_of_older_versions(version: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    wanted = f"grafana-foundation-sdk=={OLDER[version]}"
    got = subprocess.run([*command, wanted], check=False, capture_output=True, text=True, timeout=120)
    if got.returncode:
        pytest.skip(f"{wanted} cannot be had: {got.stderr[-300:]}")
    check = [sys.executable, str(ROOT / "tests/grafana_schema.py"), *map(str, FILES)]
    done = subprocess.run(
        check, check=False, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}, timeout=120
    )
    assert done.stderr == ""
    problems = [line for line in done.stdout.split("\n") if line]
    assert [problem for problem in problems if not _is_unwritten(problem)] == []


def _is_unwritten(problem: str) -> bool:
    path, _, what = problem.partition(" is ")
    return what == "not in the schema" and path.rpartition(".")[2] in UNWRITTEN
