"""What a rule file is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Severity = Literal["page", "ticket"]
"""page: somebody has to look now; ticket: somebody has to look this week."""

Dashboard = Literal["overview", "run", "capacity", "server", "gpu", "slo", "instrument"]
"""Where to look: the dashboard whose uid is `swelld-` and this."""

LEVELS: Final = {
    "slo": ("job", "scenario", "target", "model", "slo"),
    "stage": ("job", "scenario", "target", "model", "stage"),
    "target": ("job", "scenario", "target", "model"),
}
"""What the first part of a recorded name stands for: the labels that are kept.

`job` is among them so that two installations with a scenario of the same name stay apart; `instance` is not, so that
the pods of a scenario that is shared out add up.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A series made from others; its name is `level:metric:operations`."""

    name: str
    expr: str

    @property
    def labels(self) -> tuple[str, ...]:
        """What its series carry."""
        return LEVELS[self.name.partition(":")[0]]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know; rules of the same name differ in their labels and share a runbook."""

    name: str
    severity: Severity
    expr: str
    summary: str
    """One sentence without values."""
    description: str
    """With labels and values, and their units."""
    dashboard: Dashboard
    pending: float = 0.0
    """Seconds for which it has to hold before anybody is told."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every `interval` seconds."""

    name: str
    interval: float
    rules: tuple[Record | Alert, ...]


def alerts(groups: tuple[Group, ...]) -> Iterator[Alert]:
    """All of them, in their order."""
    return (rule for group in groups for rule in group.rules if isinstance(rule, Alert))


def records(groups: tuple[Group, ...]) -> Iterator[Record]:
    """All of them, in their order."""
    return (rule for group in groups for rule in group.rules if isinstance(rule, Record))
