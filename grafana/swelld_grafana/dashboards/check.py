"""Do the queries of the dashboards parse, and do they ask only for metrics and labels that there are?"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import promql_parser as promql

from swelld_exporters.names import CATALOGUE, MetricType
from swelld_grafana.dashboards.model import Dashboard, Json, Query, Sql
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.model import LEVELS, records
from swelld_grafana.rules.options import Options

_SCRAPED: Final = ("job", "instance")
"""Labels that Prometheus adds."""
_PARTS: Final = ("_bucket", "_sum", "_count")
_ELSEWHERE: Final[dict[str, tuple[str, ...]]] = {
    "process_resident_memory_bytes": (),
    "process_cpu_seconds_total": (),
    "process_open_fds": (),
    "process_max_fds": (),
    "ALERTS": ("alertname", "alertstate", "severity", *LEVELS["stage"]),
    **{
        f"{engine}:time_to_first_token_seconds{part}": ("le", "model_name")
        for engine in ("vllm", "sglang")
        for part in _PARTS
    },
}
"""Metrics that are not in the catalogue, with the labels that we use."""
_SAMPLES: Final = {
    "__rate_interval": "1m",
    "__range": "1h",
    "__interval": "15s",
    "by": "target",
    "peak": "500",
    "headroom": "20",
}
"""What stands in the place of a variable that is no value of a label."""
STORE_VIEWS: Final = ("run_history", "run_figures")


def problems(dashboards: tuple[Dashboard, ...]) -> list[str]:
    """What is wrong with any of them; each says where."""
    return [f"{board.uid}: {problem}" for board in dashboards for problem in _of_dashboard(board)]


def filled(text: str, values: Mapping[str, str] = _SAMPLES, other: str = ".*") -> str:
    """A query with its variables replaced, as Grafana does it before it asks."""
    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", lambda found: values.get(found[1] or found[2], other), text)


def variables_in(text: str) -> set[str]:
    """Names of the dashboard's variables that a text uses."""
    names = {braced or plain for braced, plain in re.findall(r"\$(?:\{([\w.]+)(?::\w+)?\}|(\w+))", text)}
    return {name for name in names if not name.startswith("__")}


def _of_dashboard(board: Dashboard) -> Iterator[str]:
    known = {variable["name"] for variable in board.variables}
    for panel in board.panels():
        for problem in _of_panel(panel.json(0, 0, 0), panel.queries):
            yield f"{panel.title}: {problem}"
        for name in sorted(variables_in(str(panel.json(0, 0, 0))) - known):
            yield f"{panel.title}: there is no variable {name}"
    for annotation in board.annotations:
        for problem in expression_problems(annotation["expr"]):
            yield f"annotation {annotation['name']}: {problem}"
    for variable in board.variables:
        for problem in _of_variable(variable, known):
            yield f"variable {variable['name']}: {problem}"


def _of_panel(panel: Json, queries: tuple[Query | Sql, ...]) -> Iterator[str]:
    if not panel["description"].strip():
        yield "it has no description"
    if queries and not panel["fieldConfig"]["defaults"]["unit"]:
        yield "it has no unit"
    for query in queries:
        if isinstance(query, Query):
            yield from expression_problems(query.expr)
        elif not any(view in query.sql for view in STORE_VIEWS):
            yield f"{query.sql} reads none of the views {', '.join(STORE_VIEWS)}"


def _of_variable(variable: Json, known: set[str]) -> Iterator[str]:
    asked = variable.get("definition", "")
    for name in sorted(variables_in(asked) - known):
        yield f"there is no variable {name}"
    if found := re.fullmatch(r"label_values\((.+), ([\w$]+)\)", asked):
        selector, label = found.groups()
        yield from expression_problems(f"count by ({label}) ({selector})")


def expression_problems(expr: str) -> list[str]:
    """What is wrong with one expression."""
    if re.search(r"\[\d", expr) and "rate(" in expr and "increase(" not in expr:
        return [f"{expr} has a rate over a fixed time; use $__rate_interval"]
    try:
        parsed = promql.parse(filled(expr))
    except ValueError as error:
        return [f"{expr} does not parse: {error}"]
    return list(_Walk().problems(parsed))


class _Walk:
    """One walk through an expression: its metrics, and the labels that each part of it has."""

    def __init__(self) -> None:
        self._known = wire_names()

    def problems(self, expr: Any) -> Iterator[str]:
        allowed = frozenset().union(*(self._known.get(name, frozenset()) for name in self._metrics(expr)))
        for node in _nodes(expr):
            if isinstance(node, promql.VectorSelector):
                yield from self._of_selector(node)
            for label in _grouping(node):
                if label not in allowed:
                    yield f"{label} is a label of no metric in {expr.prettify()}"

    def _metrics(self, expr: Any) -> set[str]:
        return {str(node.name) for node in _nodes(expr) if isinstance(node, promql.VectorSelector)}

    def _of_selector(self, node: Any) -> Iterator[str]:
        labels = self._known.get(str(node.name))
        if labels is None:
            yield f"{node.name} is not in the catalogue"
            return
        for matcher in node.matchers.matchers:
            if matcher.name not in labels:
                yield f"{node.name} has no label {matcher.name}"


def wire_names() -> dict[str, frozenset[str]]:
    """Every name that a query may use, with its labels, recorded ones too; a histogram by itself is a native one."""
    found = {name: frozenset((*labels, *_SCRAPED)) for name, labels in _ELSEWHERE.items()}
    found |= {record.name: frozenset(record.labels) for record in records(all_groups(Options()))}
    for metric in CATALOGUE:
        labels = frozenset((*metric.labels, *_SCRAPED))
        found[metric.name] = labels
        if metric.type is MetricType.HISTOGRAM:
            found |= {f"{metric.name}{part}": labels | ({"le"} if part == "_bucket" else set()) for part in _PARTS}
    return found


def _nodes(expr: Any) -> list[Any]:
    found: list[Any] = []
    promql.walk(expr, found.append)
    return found


def _grouping(node: Any) -> Iterator[str]:
    """Labels in `by`, `on`, `ignoring` and `group_left`."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, promql.AggregateExpr) and modifier:
        yield from modifier.labels
    elif isinstance(node, promql.BinaryExpr) and modifier:
        yield from modifier.matching.labels if modifier.matching else ()
        yield from modifier.group_labels or ()
