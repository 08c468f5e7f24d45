"""The objectives of a configuration as specifications for Sloth and Pyrra.

Both want every objective by name and make rules of their own from it; they take the place of our SLO groups.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from swelld_grafana.rules.durations import duration
from swelld_grafana.rules.options import Options

_RUNBOOK: Final = "SwelldErrorBudgetBurn"
_GROUPED: Final = ("target", "model")
_SUMMARY: Final = "Too many requests miss the objective: its error budget burns too fast."


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective of a scenario: the share of its requests that has to be good."""

    scenario: str
    share: float
    slo: str = "goodput"

    @property
    def name(self) -> str:
        """As a Kubernetes object may be called."""
        plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in self.scenario.lower())
        return f"{plain.strip('-')}-{self.slo}"

    @property
    def percent(self) -> float:
        """The share in per cent, free of the rounding of binary fractions."""
        return round(self.share * 100, 9)

    def selector(self, metric: str) -> str:
        """Its series of a metric."""
        scenario = self.scenario.replace("\\", "\\\\").replace('"', '\\"')
        return f'{metric}{{scenario="{scenario}",slo="{self.slo}"}}'


def sloth(objectives: Iterable[Objective], options: Options) -> dict[str, Any]:
    """One service with all of them."""
    return {
        "apiVersion": "sloth.slok.dev/v1",
        "kind": "PrometheusServiceLevel",
        "metadata": {"name": "swelld"},
        "spec": {"service": "swelld", "slos": [_sloth(objective, options) for objective in objectives]},
    }


def pyrra(objectives: Iterable[Objective], options: Options) -> list[dict[str, Any]]:
    """One object for each, told apart by target and model."""
    return [_pyrra(objective, options) for objective in objectives]


def _sloth(objective: Objective, options: Options) -> dict[str, Any]:
    def rate(metric: str) -> str:
        return f"sum(rate({objective.selector(metric)}[{{{{.window}}}}]))"

    return {
        "name": objective.name,
        "objective": objective.percent,
        "description": f"{objective.percent:g} % of the scheduled requests of scenario {objective.scenario} are good.",
        "sli": {
            "events": {
                "errorQuery": rate("swelld_slo_bad_events_total"),
                "totalQuery": rate("swelld_slo_events_total"),
            }
        },
        "alerting": {
            "name": _RUNBOOK,
            "labels": {"scenario": objective.scenario},
            "annotations": {"summary": _SUMMARY, "runbook_url": f"{options.runbooks.rstrip('/')}/{_RUNBOOK}.md"},
            "pageAlert": {"labels": {"severity": "page"}},
            "ticketAlert": {"labels": {"severity": "ticket"}},
        },
    }


def _pyrra(objective: Objective, options: Options) -> dict[str, Any]:
    return {
        "apiVersion": "pyrra.dev/v1alpha1",
        "kind": "ServiceLevelObjective",
        "metadata": {"name": f"swelld-{objective.name}", "labels": {"pyrra.dev/scenario": objective.scenario}},
        "spec": {
            "target": f"{objective.percent:g}",
            "window": duration(options.period),
            "description": f"Scheduled requests of scenario {objective.scenario} that are good.",
            "indicator": {
                "ratio": {
                    "errors": {"metric": objective.selector("swelld_slo_bad_events_total")},
                    "total": {"metric": objective.selector("swelld_slo_events_total")},
                    "grouping": list(_GROUPED),
                }
            },
            "alerting": {"name": _RUNBOOK},
        },
    }
