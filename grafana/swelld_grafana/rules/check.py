"""Do the expressions parse, and do they ask only for metrics and labels that there are?"""

from collections.abc import Iterator, Mapping
from typing import Final

import promql_parser as promql

from swelld_exporters.names import CATALOGUE, MetricType
from swelld_grafana.rules.model import Group, Record, records

_SCRAPED: Final = ("job", "instance")
"""Labels that Prometheus adds."""

_ELSEWHERE: Final[dict[str, tuple[str, ...]]] = {
    "up": (),
    "process_start_time_seconds": (),
    "process_resident_memory_bytes": (),
}
"""Metrics that are not in the catalogue, with their labels."""


def problems(groups: tuple[Group, ...]) -> list[str]:
    """What is wrong with any rule; each names its rule."""
    known = {**_wire_names(), **{record.name: frozenset(record.labels) for record in records(groups)}}
    return [
        f"{group.name}: {rule.name}: {problem}"
        for group in groups
        for rule in group.rules
        for problem in _expression_problems(rule.expr, known, rule.labels if isinstance(rule, Record) else None)
    ]


def _wire_names() -> dict[str, frozenset[str]]:
    """Every name a query may use -> its labels; a histogram by itself is a native one."""
    found = {name: frozenset((*labels, *_SCRAPED)) for name, labels in _ELSEWHERE.items()}
    for metric in CATALOGUE:
        labels = frozenset((*metric.labels, *_SCRAPED))
        found[metric.name] = labels
        if metric.type is MetricType.HISTOGRAM:
            found |= {f"{metric.name}_{part}": labels for part in ("sum", "count")}
            found[f"{metric.name}_bucket"] = labels | {"le"}
    return found


def _expression_problems(
    text: str, known: Mapping[str, frozenset[str]], recorded: tuple[str, ...] | None
) -> Iterator[str]:
    try:
        tree = promql.parse(text)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    found = list(_selectors(tree))
    for name, matched in found:
        if name not in known:
            yield f"{name or 'a selector without a name'} is neither in the catalogue nor recorded"
        elif strange := matched - known[name]:
            yield f"{name} has no label {', '.join(sorted(strange))}"
    here = frozenset[str]().union(*(known.get(name, frozenset()) for name, _ in found))
    for labels, inside in _groupings(tree):
        there = [known.get(name, frozenset()) for name, _ in inside] or [here]
        yield from (
            f"groups by {label}, which {text!r} has not" for label in labels if not all(label in t for t in there)
        )
    if recorded is not None and not set(recorded) <= here:
        yield f"its level promises labels that it cannot have: {sorted(set(recorded) - here)}"


def _nodes(tree: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(tree, found.append)
    return found


def _selectors(tree: promql.Expr) -> Iterator[tuple[str, frozenset[str]]]:
    """Name and matched labels of each; a range selector holds a plain one that is not walked into."""
    for node in _nodes(tree):
        selector = node.vector_selector if isinstance(node, promql.MatrixSelector) else node
        if isinstance(selector, promql.VectorSelector):
            yield selector.name or "", frozenset(matcher.name for matcher in selector.matchers.matchers)


def _groupings(tree: promql.Expr) -> Iterator[tuple[list[str], list[tuple[str, frozenset[str]]]]]:
    """Labels that are grouped by or matched on, with the selectors all of which must have them; none: any."""
    for node in _nodes(tree):
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            yield node.modifier.labels, list(_selectors(node.expr))
        elif isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
            yield node.modifier.matching.labels, []
