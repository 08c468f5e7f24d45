"""What every dashboard has around its panels: variables, links and annotations."""

from typing import Any, Final

from swelld_exporters.names import (
    CONFIG_RELOAD_OK,
    CONFIG_RELOAD_TIME,
    GPU_INFO,
    LAST_RUN_DURATION,
    LAST_RUN_START,
    REQUESTS_STARTED,
    RUN_INFO,
    RUN_STATE,
)
from swelld_grafana.dashboards.model import PROMETHEUS, Dashboard, Json, Panel, Row
from swelld_grafana.dashboards.model import STORE as STORE_SOURCE
from swelld_grafana.dashboards.promql import series
from swelld_grafana.dashboards.style import BLUE, GREEN, PURPLE, RED

UNDER_WAY: Final = 'state=~"warmup|running|draining"'

DATASOURCE: Final[Json] = {
    "type": "datasource",
    "name": "datasource",
    "label": "Prometheus",
    "query": "prometheus",
    "current": {},
    "hide": 0,
    "refresh": 1,
    "regex": "",
    "multi": False,
    "includeAll": False,
}
STORE: Final[Json] = DATASOURCE | {
    "name": "store",
    "label": "Run store (PostgreSQL)",
    "query": "grafana-postgresql-datasource",
}


def choice(name: str, label: str, query: str, *, several: bool = True, newest_first: bool = False) -> Json:
    """Values of a label, all of them at first, or only one at a time."""
    found: Json = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": PROMETHEUS,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}", "qryType": 1},
        "refresh": 2,
        "regex": "/^(?!warmup$).*/" if name == "stage" else "",
        "sort": 2 if newest_first else 1,
        "hide": 0,
        "multi": several,
        "includeAll": several,
        "current": {"text": ["All"], "value": ["$__all"]} if several else {},
    }
    return found | {"allValue": ".*"} if several else found


def fixed(name: str, label: str, values: tuple[str, ...]) -> Json:
    """One of a few known values, the first at first."""
    options = [{"text": value, "value": value, "selected": value == values[0]} for value in values]
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(values),
        "current": options[0],
        "options": options,
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def typed(name: str, label: str, value: str, about: str) -> Json:
    """A text that people type."""
    one = {"text": value, "value": value, "selected": True}
    return {
        "type": "textbox",
        "name": name,
        "label": label,
        "description": about,
        "query": value,
        "current": one,
        "options": [one],
        "hide": 0,
    }


SCENARIO: Final = choice("scenario", "Scenario", f"label_values({RUN_STATE.name}, scenario)")
ONE_SCENARIO: Final = choice("scenario", "Scenario", f"label_values({RUN_STATE.name}, scenario)", several=False)
_OF_SCENARIO: Final = f'{REQUESTS_STARTED.name}{{scenario=~"$scenario"}}'
TARGET: Final = choice("target", "Target", f"label_values({_OF_SCENARIO}, target)")
MODEL: Final = choice("model", "Model", f"label_values({_OF_SCENARIO}, model)")
STAGE: Final = choice("stage", "Stage", f"label_values({_OF_SCENARIO}, stage)")
_RUNS: Final = f'label_values({RUN_INFO.name}{{scenario=~"$scenario"}}, run_id)'
RUN: Final = choice("run", "Run", _RUNS, newest_first=True)
ONE_RUN: Final = choice("run", "Run", _RUNS, several=False, newest_first=True)
GPU: Final = choice("gpu", "GPU", f"label_values({GPU_INFO.name}, gpu)")
STORED: Final[Json] = {
    "type": "query",
    "name": "stored",
    "label": "Scenario in the store",
    "datasource": STORE_SOURCE,
    "definition": "SELECT DISTINCT scenario FROM run_history ORDER BY 1",
    "query": "SELECT DISTINCT scenario FROM run_history ORDER BY 1",
    "refresh": 2,
    "regex": "",
    "sort": 1,
    "hide": 0,
    "multi": True,
    "includeAll": True,
    "current": {"text": ["All"], "value": ["$__all"]},
}
USUAL: Final = (DATASOURCE, SCENARIO, TARGET, MODEL, STAGE, RUN)

PAGES: Final = {
    "swelld-overview": "Overview",
    "swelld-run": "Run",
    "swelld-capacity": "Capacity",
    "swelld-compare": "Compare",
    "swelld-history": "History",
    "swelld-server": "Client and server",
    "swelld-gpu": "GPU and contention",
    "swelld-slo": "SLO",
    "swelld-instrument": "Instrument",
}
"""Address -> title of every dashboard, in the order in which people need them."""


def page(uid: str, about: str, *rows: Row, variables: tuple[Json, ...] = USUAL, **more: Any) -> Dashboard:
    """A dashboard with links to all others, and with what happened drawn over its panels."""
    return Dashboard(
        uid=uid,
        title=f"swelld / {PAGES[uid]}",
        about=about,
        rows=rows,
        variables=variables,
        links=tuple(_link(other, title) for other, title in PAGES.items() if other != uid),
        annotations=ANNOTATIONS,
        **more,
    )


def row(title: str, *panels: Panel, collapsed: bool = False) -> Row:
    """A heading with its panels."""
    return Row(title, panels, collapsed)


def to_page(uid: str, title: str, variables: str) -> Json:
    """A link out of a panel to another dashboard; `variables` are those of the value that is clicked."""
    return {"title": title, "url": f"/d/{uid}?{variables}", "targetBlank": False}


RUN_LINK: Final = to_page(
    "swelld-run",
    "This run",
    "${datasource:queryparam}&var-scenario=${__data.fields.Scenario}&var-run=${__data.fields.Run}"
    "&from=${__data.fields.Began.numeric}&to=${__data.fields.Ended.numeric}",
)
"""To the run of a row with the columns Scenario, Run, Began and Ended."""


def _link(uid: str, title: str) -> Json:
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}",
        "icon": "dashboard",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }


def _annotation(name: str, color: str, expr: str, title: str, text: str, *, at_value: bool = False) -> Json:
    """Marks where a query has a value, or at the moment that its value is, in milliseconds."""
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "datasource": PROMETHEUS,
        "expr": expr,
        "step": "10s",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "scenario,state",
        "useValueForTime": at_value,
    }


_START: Final = series(LAST_RUN_START, free=("run_id",))
_DURATION: Final = series(LAST_RUN_DURATION, free=("run_id",))
_INFO: Final = series(RUN_INFO, free=("run_id",))
_ENDED: Final = f"1000 * ({_START} + {_DURATION}) * on (scenario, run_id) group_left (state) {_INFO}"

ANNOTATIONS: Final = (
    _annotation(
        "Runs under way",
        BLUE,
        f"sum by (scenario) ({series(RUN_STATE, UNDER_WAY)}) > 0",
        "Run of {{scenario}} under way",
        "",
    ),
    _annotation("Run starts", GREEN, f"1000 * {_START}", "{{scenario}} started", "run {{run_id}}", at_value=True),
    _annotation("Run ends", PURPLE, _ENDED, "{{scenario}} {{state}}", "run {{run_id}}", at_value=True),
    _annotation(
        "Configuration reloads",
        GREEN,
        f"1000 * {series(CONFIG_RELOAD_TIME)}",
        "Configuration read",
        "{{instance}}",
        at_value=True,
    ),
    _annotation(
        "Configuration refused", RED, f"{series(CONFIG_RELOAD_OK)} == 0", "Configuration refused", "{{instance}}"
    ),
)
