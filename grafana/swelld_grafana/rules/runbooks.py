"""The parts of the runbooks that are made from the rules: the head of every page, and the index."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from swelld_grafana.rules.durations import duration
from swelld_grafana.rules.model import Alert, Group, alerts

MARK: Final = "<!-- Above: made from the rule. Below: written by hand. -->"
INDEX: Final = "index.md"
HEADINGS: Final = ("What it means", "How to see it", "Causes, the likeliest first", "What to do")
"""What every page has below the mark."""


def runbook(rules: list[Alert], page: str) -> str:
    """The page of an alert with its head made anew; `page` as it is, empty for one still to be written."""
    first = rules[0]
    _, _, written = page.partition(MARK)
    written = written or "\n" + "".join(f"\n## {heading}\n" for heading in HEADINGS)
    lines = [f"# {first.name}", "", first.summary, "", *_table(rules)]
    for rule in rules:
        lines += ["", "```promql", rule.expr, "```"]
    return "\n".join([*lines, "", MARK]) + written


def index(groups: tuple[Group, ...]) -> str:
    """All alerts by group."""
    lines = ["# Runbooks", "", "One page for every alert: what it means, how to see it, why it happens, what to do."]
    for group in groups:
        found = [list(rules) for _, rules in groupby(alerts((group,)), lambda alert: alert.name)]
        if not found:
            continue
        lines += ["", f"## {group.name}", "", "| alert | severity | after | says |", "|---|---|---|---|"]
        lines += [
            f"| [{rules[0].name}]({rules[0].name}.md) | {_severities(rules)} | {_after(rules)} | {rules[0].summary} |"
            for rules in found
        ]
    return "\n".join(lines) + "\n"


def by_name(groups: tuple[Group, ...]) -> dict[str, list[Alert]]:
    """Alerts that share a name, and so a page."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts(groups):
        found.setdefault(alert.name, []).append(alert)
    return found


def _table(rules: list[Alert]) -> Iterator[str]:
    yield from ("| severity | after | labels | dashboard |", "|---|---|---|---|")
    for rule in rules:
        labels = " ".join(f'`{name}="{value}"`' for name, value in rule.labels.items())
        yield f"| {rule.severity} | {_pending(rule)} | {labels} | `swelld-{rule.dashboard}` |"


def _pending(rule: Alert) -> str:
    return duration(rule.pending) if rule.pending else "at once"


def _severities(rules: list[Alert]) -> str:
    return ", ".join(dict.fromkeys(rule.severity for rule in rules))


def _after(rules: list[Alert]) -> str:
    return ", ".join(dict.fromkeys(_pending(rule) for rule in rules))
