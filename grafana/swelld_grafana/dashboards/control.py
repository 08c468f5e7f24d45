"""Buttons that start, pause and change runs: Grafana's panel actions, which the reader's browser sends to the API."""

from typing import Any, Final

from swelld_exporters.names import RUN_STATE
from swelld_grafana.dashboards.model import Json, Override, Panel, Query
from swelld_grafana.dashboards.page import UNDER_WAY, typed
from swelld_grafana.dashboards.panels import columns, table, words
from swelld_grafana.dashboards.promql import series
from swelld_grafana.dashboards.style import GREY, STATE_COLORS

API: Final = typed(
    "api",
    "API",
    "http://localhost:9464",
    "Where the reader's browser reaches the daemon's API: its address, or a path of Grafana's own origin.",
)
NEW_RATE: Final = typed("rate", "New rate", "5", "Requests per second for the button that changes the rate.")
ACTIONS_SINCE: Final = "11.6"
"""The first version of Grafana that shows buttons in tables without a switch."""


def action(title: str, path: str, confirmation: str, body: str = "") -> Json:
    """A POST to the API; Grafana adds `X-Grafana-Action`, which no page of another origin can send unasked."""
    return {
        "type": "fetch",
        "title": title,
        "confirmation": confirmation,
        "oneClick": False,
        "fetch": {
            "method": "POST",
            "url": f"${{api}}{path}",
            "body": body,
            "headers": [["Content-Type", "application/json"]],
            "queryParams": [],
        },
    }


_NAME: Final = "${__data.fields.Scenario}"
_SCENARIO: Final = f"/api/v1/scenarios/{_NAME}"
ACTIONS: Final = (
    action("Start", f"{_SCENARIO}/start", f"Start a run of {_NAME}?"),
    action("Stop", f"{_SCENARIO}/cancel", f"Drain and end the run of {_NAME}?"),
    action("Pause", f"{_SCENARIO}/pause", f"Send nothing new in {_NAME}, and start no more runs of it?"),
    action("Resume", f"{_SCENARIO}/resume", f"Go on with {_NAME}?"),
    action("Change rate", f"{_SCENARIO}/change", f"Go on with ${{rate}} requests/s in {_NAME}?", '{"rate": ${rate}}'),
)


def buttons(**more: Any) -> Panel:
    """One row for each scenario, with what can be done to it."""
    scenarios = f"max by (scenario) ({series(RUN_STATE, free=('scenario',))})"
    under_way = f"sum by (scenario) ({series(RUN_STATE, UNDER_WAY, free=('scenario',))})"
    control = {
        "custom.cellOptions": {"type": "actions"},
        "custom.width": 420,
        "actions": list(ACTIONS),
        "mappings": [],
    }
    state = {
        "mappings": list(words({0: ("idle", GREY), 1: ("under way", STATE_COLORS["running"])})),
        "custom.cellOptions": {"type": "color-text"},
    }
    return table(
        "Control",
        f"Start, pause and change scenarios. The buttons need Grafana {ACTIONS_SINCE} or newer, and a daemon whose API "
        "takes requests of this page.",
        Query(expr=under_way, format="table", instant=True),
        Query(expr=scenarios, format="table", instant=True),
        transformations=columns({"scenario": "Scenario", "Value #A": "Now", "Value #B": "Control"}),
        overrides=(Override(name="Control", properties=control), Override(name="Now", properties=state)),
        **more,
    )
