"""Service level objectives in PromQL: shares, budgets and burn rates of any window."""

from typing import Any, Final

from swelld_exporters.names import SLO_BAD_EVENTS, SLO_EVENTS, SLO_OBJECTIVE
from swelld_grafana.dashboards.model import Panel
from swelld_grafana.dashboards.panels import share
from swelld_grafana.dashboards.promql import RANGE, series, total

NO_OBJECTIVE: Final = "for scenarios without objectives"
OBJECTIVE: Final = ("scenario", "target", "model", "slo")
"""The labels that make one objective."""


def allowed() -> str:
    """The share of requests that may be bad."""
    return f"(1 - {total(series(SLO_OBJECTIVE), OBJECTIVE, 'max')})"


def bad_share(over: str = RANGE) -> str:
    """Bad requests as a share of those judged; absent where none was judged."""
    judged = total(f"increase({series(SLO_EVENTS)}[{over}])", OBJECTIVE)
    bad = total(f"increase({series(SLO_BAD_EVENTS)}[{over}])", OBJECTIVE)
    return f"({bad} or 0 * {judged}) / ({judged} > 0)"


def burn(over: str) -> str:
    """How many times faster than allowed the budget is being used."""
    return f"({bad_share(over)}) / {allowed()}"


def budget_left(over: str = RANGE) -> str:
    """What is left of the bad requests that a window allows; below 0 when more were bad."""
    return f"1 - ({burn(over)})"


def worst_budget(title: str, **more: Any) -> Panel:
    """What is left of the objective that is worst off."""
    about = "Of the objective that is worst off, for the time shown. Below 0 the objective is missed."
    return share(title, about, f"min ({budget_left()})", 0, 0.25, empty=NO_OBJECTIVE, **more)
