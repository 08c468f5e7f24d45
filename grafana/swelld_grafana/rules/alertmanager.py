"""Who is told what: routes, grouping, and alerts that another one explains."""

from typing import Any, Final

_OURS: Final = 'alertname=~"Swelld.+"'
_BURN: Final = "SwelldErrorBudgetBurn"
_FELT: Final = (_BURN, "SwelldTtftRegression", "SwelldE2eRegression", "SwelldThroughputRegression", "SwelldTargetSlow")
"""Alerts on what users feel, as far as swelld can tell."""
_CLIENT: Final = ("SwelldErrorBudgetExhausted", "SwelldRequestsLate", "SwelldRateMissed")
_SERVER: Final = ("SwelldServerQueueGrowing", "SwelldServerKvCacheFull", "SwelldServerPreempting")

_Receiver = dict[str, Any]


def alertmanager(
    page: _Receiver | None = None, ticket: _Receiver | None = None, *, wait: str = "30s", interval: str = "5m"
) -> dict[str, Any]:
    """A whole configuration; receivers without integrations tell nobody, so name yours."""
    return {
        "route": {
            "receiver": "ticket",
            "group_by": ["alertname", "job", "scenario", "target"],
            "group_wait": wait,
            "group_interval": interval,
            "repeat_interval": "12h",
            "routes": [
                {"receiver": "page", "matchers": [_OURS, 'severity="page"'], "repeat_interval": "4h"},
                {"receiver": "ticket", "matchers": [_OURS, 'severity="ticket"'], "repeat_interval": "3d"},
            ],
        },
        "inhibit_rules": _inhibitions(),
        "receivers": [{"name": "page", **(page or {})}, {"name": "ticket", **(ticket or {})}],
    }


def _inhibitions() -> list[dict[str, Any]]:
    """The cause is told, what follows from it is not. An alert never silences itself: Alertmanager sees to that."""
    return [
        _inhibit("SwelldDown", [_OURS], ["job", "instance"]),
        _inhibit("SwelldInstrumentInvalid", [_any(*_FELT, *_CLIENT)], ["job", "scenario"]),
        _inhibit("SwelldTargetDown", [_any(*_FELT, "SwelldTargetErrors", *_SERVER)], ["job", "target"]),
        {
            "source_matchers": [_any(_BURN), 'severity="page"'],
            "target_matchers": [_any(_BURN, "SwelldErrorBudgetExhausted"), 'severity="ticket"'],
            "equal": ["job", "scenario", "target", "model", "slo"],
        },
    ]


def _inhibit(source: str, targets: list[str], equal: list[str]) -> dict[str, Any]:
    return {"source_matchers": [_any(source)], "target_matchers": targets, "equal": equal}


def _any(*alerts: str) -> str:
    return f'alertname="{alerts[0]}"' if len(alerts) == 1 else f'alertname=~"{"|".join(alerts)}"'
