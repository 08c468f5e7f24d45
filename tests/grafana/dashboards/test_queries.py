"""Every query of every panel, asked of a real Prometheus while it holds real runs; prints what each found."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from dashboard_chain import Chain, chain
from prometheus_server import program
from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.model import Panel, Query

DEADLINE: Final = 110.0
SCENARIO_OF: Final = {"swelld-capacity": "search", "swelld-run": "canary"}
"""Dashboards of one scenario."""
SILENT: Final = {
    "Tokens": "the simulators do not reason",
    "In flight and users": "the scenario is an open loop",
    "Offered and achieved rate": "the search is a closed loop",
    "Loads that the search found": "the server turns nobody away",
    "Time to first token, p95, now and before": "Prometheus is a minute old",
    "Answered well, now and before": "Prometheus is a minute old",
    "Difference to the baseline run": "the baseline run has no errors to compare with",
    "Regression alerts": "whether anything is worse than the made-up past hangs on how busy this machine is",
    "Regression against the baseline run": "stages of seconds are too short for a p95",
    "Errors of the GPU": "the fake driver reports no XID",
    "Spans": "metrics are not exported over OTLP",
    "Pushes": "nothing is pushed",
    "Versions": "every call to the fake driver succeeds",
}
"""Panels of which some query finds nothing here, and why."""
FORMATS: Final = {"classic": ("exemplar-storage",), "native": ("native-histograms", "exemplar-storage")}


class Found(NamedTuple):
    """One line of the table."""

    board: str
    panel: Panel
    query: Query
    samples: int


def prometheus_queries() -> Iterator[tuple[str, Panel, Query]]:
    for board in all_dashboards():
        for panel in board.panels():
            for query in panel.queries:
                if isinstance(query, Query):
                    yield board.uid, panel, query


async def ask_everything(here: Chain) -> list[Found]:
    found = []
    for board, panel, query in prometheus_queries():
        scenario = SCENARIO_OF.get(board, ".*")
        run = next((one["id"] for one in here.runs if one["scenario"] == scenario), ".*")
        variables = here.variables(scenario=scenario, run=run)
        answer = await here.ask(query.expr, query.instant, variables)
        found.append(Found(board, panel, query, answer.samples))
    return found


def show(found: list[Found]) -> None:
    print(f"\n{'dashboard':18} {'panel':45} {'query':70} samples")
    for one in found:
        short = re.sub(r"\{[^{}]*\}", "", one.query.expr)
        print(f"{one.board:18} {one.panel.title[:45]:45} {short[:70]:70} {one.samples}")
    print(f"{len(found)} queries, {sum(one.samples > 0 for one in found)} with data")


@pytest.mark.slow
@pytest.mark.parametrize("features", FORMATS.values(), ids=FORMATS)
async def test_every_query_finds_data_or_its_panel_says_why_not(features: tuple[str, ...], tmp_path: Path) -> None:
    program("prometheus")
    async with asyncio.timeout(DEADLINE), chain(tmp_path, *features) as here:
        found = await ask_everything(here)
        problems = await here.prometheus.problems()
    show(found)
    assert problems == []
    silent = [one for one in found if not one.samples]
    assert {one.panel.title for one in silent if not one.panel.empty} == set(), "their descriptions do not say why"
    assert {one.panel.title for one in silent} <= SILENT.keys()
