"""The dashboards as Grafana gets them: complete, in place, reachable from each other, and not stale."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from swelld_grafana.__main__ import main
from swelld_grafana.dashboards import page, style
from swelld_grafana.dashboards.build import OUT, stale, wanted
from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.check import variables_in
from swelld_grafana.dashboards.control import ACTIONS

ROOT = Path(__file__).parents[3]
BOARDS = {board.uid: board.json() for board in all_dashboards()}
PANELS = [(uid, panel) for uid, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
BACKGROUNDS = ("#181b1f", "#ffffff")
SIGHTS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
}
"""How people see linear red, green and blue (Machado, Oliveira and Fernandes, 2009)."""


def linear(color: str) -> tuple[float, ...]:
    parts = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def luminance(color: str) -> float:
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))


def lab(color: str, sight: str) -> tuple[float, float, float]:
    """Oklab of a colour as it is seen."""
    given = linear(color)
    red, green, blue = (sum(a * b for a, b in zip(row, given, strict=True)) for row in SIGHTS[sight])
    cones = (
        0.4122 * red + 0.5363 * green + 0.0514 * blue,
        0.2119 * red + 0.6807 * green + 0.1074 * blue,
        0.0883 * red + 0.2817 * green + 0.6300 * blue,
    )
    long, middle, short = (max(0.0, cone) ** (1 / 3) for cone in cones)
    return (
        0.2105 * long + 0.7936 * middle - 0.0041 * short,
        1.9780 * long - 2.4286 * middle + 0.4506 * short,
        0.0259 * long + 0.7828 * middle - 0.8087 * short,
    )


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_the_files_are_what_the_code_says() -> None:
    assert stale(ROOT) == {}
    assert main(["--check"], ROOT) == 0


def test_every_dashboard_of_the_list_is_there_once() -> None:
    assert list(BOARDS) == list(page.PAGES)
    assert [board["title"] for board in BOARDS.values()] == [f"swelld / {title}" for title in page.PAGES.values()]


def test_stale_missing_and_left_over_files_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0
    assert sorted(path.name for path in (tmp_path / OUT).iterdir()) == sorted(f"{uid}.json" for uid in BOARDS)
    capsys.readouterr()
    (tmp_path / OUT / "old.json").write_text("{}")
    (tmp_path / OUT / "swelld-run.json").write_text("{}")
    (tmp_path / OUT / "swelld-slo.json").unlink()
    assert main(["--check"], tmp_path) == 1
    told = capsys.readouterr().out
    assert {Path(line.split(" is ")[0]).name for line in told.splitlines()} == {
        "old.json",
        "swelld-run.json",
        "swelld-slo.json",
    }
    assert main([], tmp_path) == 0
    assert {path: path.read_text() for path in (tmp_path / OUT).iterdir()} == wanted(tmp_path)


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=[f"{uid} {panel['title']}" for uid, panel in PANELS])
def test_a_panel_says_what_it_shows_in_which_unit_and_what_is_good(uid: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    values = [step["value"] for step in steps[1:]]
    assert values == sorted(values)
    for target in panel["targets"]:
        assert target["datasource"]["uid"] in ("${datasource}", "${store}")


def test_panels_stand_side_by_side_and_have_numbers_of_their_own() -> None:
    for board in BOARDS.values():
        places = [panel["gridPos"] for panel in board["panels"]]
        taken = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
        assert len(taken) == len(set(taken)), board["uid"]
        assert max(x for x, _ in taken) < 24
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers))


def test_links_lead_to_every_other_dashboard_and_keep_time_and_variables() -> None:
    for uid, board in BOARDS.items():
        assert [link["url"] for link in board["links"]] == [f"/d/{other}" for other in BOARDS if other != uid]
        assert all(link["keepTime"] and link["includeVars"] for link in board["links"])


def test_links_out_of_panels_lead_to_dashboards_and_set_variables_that_they_have() -> None:
    found = {text for uid, board in BOARDS.items() for text in texts(board) if text.startswith("/d/swelld-")}
    inside = {text for text in found if "?" in text}
    assert len(inside) >= 3
    for text in inside:
        uid, _, parameters = text.removeprefix("/d/").partition("?")
        names = {variable["name"] for variable in BOARDS[uid]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", parameters)) <= names
        assert variables_in(parameters) - {"datasource"} == set()


def test_no_data_source_is_written_down() -> None:
    for board in BOARDS.values():
        sources = {text for text in texts(board) if re.fullmatch(r"[A-Za-z0-9_-]*(prom|postgres)[a-z0-9_-]*", text)}
        assert sources <= {"prometheus", "grafana-postgresql-datasource", "postgres"}


def test_what_happened_is_drawn_over_every_dashboard() -> None:
    for board in BOARDS.values():
        names = [annotation["name"] for annotation in board["annotations"]["list"]]
        assert names == [
            "Runs under way",
            "Run starts",
            "Run ends",
            "Configuration reloads",
            "Configuration refused",
        ]


def test_rates_are_over_the_interval_that_fits_the_scrapes() -> None:
    rates = [text for board in BOARDS.values() for text in texts(board) if "rate(" in text]
    windows = {window for text in rates for window in re.findall(r"rate\([^\[]*\[([^\]]+)\]", text)}
    assert windows == {"$__rate_interval", "$__range"}


def test_latencies_lead_to_their_traces() -> None:
    panels = {panel["title"]: panel for uid, panel in PANELS if uid == "swelld-run"}
    for title in ("Time to first token", "Gap between tokens", "Whole answer"):
        assert [target["exemplar"] for target in panels[title]["targets"]].count(True) == 1


@pytest.mark.parametrize("ground", BACKGROUNDS)
@pytest.mark.parametrize("color", style.PALETTE)
def test_colours_can_be_read_on_dark_and_on_light(color: str, ground: str) -> None:
    one, other = sorted((luminance(color), luminance(ground)))
    assert (other + 0.05) / (one + 0.05) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_figures_and_lines_that_stand_together_are_told_apart_by_everybody(sight: str) -> None:
    quantiles = [style.QUANTILE_COLORS[name] for name in ("p50", "p95", "p99", "objective")]
    for one, other in [
        *combinations((style.GOOD, style.WARNING, style.BAD, style.NEUTRAL), 2),
        *combinations(quantiles, 2),
    ]:
        distance = sum((a - b) ** 2 for a, b in zip(lab(one, sight), lab(other, sight), strict=True)) ** 0.5
        assert distance > 0.06, (one, other)


def test_colours_of_one_legend_differ() -> None:
    for colors in (style.QUANTILE_COLORS, style.STATE_COLORS, style.OUTCOME_COLORS):
        assert len(set(colors.values())) == len(colors)


def test_buttons_call_what_the_api_has() -> None:
    paths = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    for action in ACTIONS:
        path = action["fetch"]["url"].removeprefix("${api}").replace("${__data.fields.Scenario}", "{name}")
        assert action["fetch"]["method"].lower() in paths[path], path
        assert action["confirmation"].endswith("?")


def test_buttons_hold_no_secret() -> None:
    assert {header for action in ACTIONS for header, _ in action["fetch"]["headers"]} == {"Content-Type"}
