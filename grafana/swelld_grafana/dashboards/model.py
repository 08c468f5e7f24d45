"""Dashboards as plain data, and the classic JSON that Grafana provisions from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from swelld_grafana.dashboards.style import PLAIN, Step

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39
"""Of Grafana 10.4; later versions bring it up to theirs when they load it."""
COLUMNS: Final = 24
PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
STORE: Final[Json] = {"type": "grafana-postgresql-datasource", "uid": "${store}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression of a panel."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    format: Literal["time_series", "table", "heatmap"] = "time_series"
    exemplars: bool = False

    def json(self, ref: str) -> Json:
        return {
            "refId": ref,
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend,
            "format": self.format,
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": self.exemplars,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """One query of the run store in PostgreSQL."""

    sql: str
    format: Literal["time_series", "table"] = "table"

    def json(self, ref: str) -> Json:
        return {
            "refId": ref,
            "datasource": STORE,
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Other options for some fields: those with a `name`, or whose name a `/regex/` matches."""

    name: str
    properties: Mapping[str, Any]

    def json(self) -> Json:
        by = "byRegexp" if self.name.startswith("/") else "byName"
        properties = [{"id": key, "value": value} for key, value in self.properties.items()]
        return {"matcher": {"id": by, "options": self.name}, "properties": properties}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel; `about` says what is seen, `empty` when nothing may be."""

    kind: str
    title: str
    about: str
    queries: tuple[Query | Sql, ...] = ()
    unit: str = "short"
    width: int = 12
    height: int = 8
    thresholds: tuple[Step, ...] = PLAIN
    decimals: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    empty: str = ""
    no_value: str = ""
    color: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    mappings: tuple[Json, ...] = ()
    overrides: tuple[Override, ...] = ()
    transformations: tuple[Json, ...] = ()
    links: tuple[Json, ...] = ()

    @property
    def description(self) -> str:
        return f"{self.about} Empty {self.empty}." if self.empty else self.about

    def json(self, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "datasource": STORE if any(isinstance(query, Sql) for query in self.queries) else PROMETHEUS,
            "targets": [query.json(_letter(index)) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": [each.json() for each in self.overrides]},
            "options": dict(self.options),
            "transformations": list(self.transformations),
        }

    def _defaults(self) -> Json:
        found: Json = {
            "unit": self.unit,
            "color": {"mode": self.color or "palette-classic"},
            "thresholds": {"mode": "absolute", "steps": [_step(step) for step in self.thresholds]},
            "mappings": list(self.mappings),
            "custom": dict(self.custom),
        }
        optional = {
            "decimals": self.decimals,
            "min": self.minimum,
            "max": self.maximum,
            "noValue": self.no_value or None,
            "links": list(self.links) or None,
        }
        return found | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, from left to right, in as many lines as they need."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page; `uid` is its address and never changes."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Json, ...]
    annotations: tuple[Json, ...] = ()
    links: tuple[Json, ...] = ()
    since: str = "now-1h"
    refresh: str = "10s"

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["swelld"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "refresh": self.refresh,
            "templating": {"list": list(self.variables)},
            "annotations": {"list": list(self.annotations)},
            "links": list(self.links),
            "panels": list(_placed(self.rows)),
        }

    def panels(self) -> Iterator[Panel]:
        """Every panel, in the order of the page."""
        return (panel for row in self.rows for panel in row.panels)


def _step(step: Step) -> Json:
    return {"color": step.color, "value": step.value}


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _placed(rows: tuple[Row, ...]) -> Iterator[Json]:
    """Rows and panels with their places on the grid; a collapsed row holds its panels."""
    y, number = 0, 0
    for row in rows:
        number += 1
        heading: Json = {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": row.collapsed,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        y += 1
        placed, end = _flow(row.panels, number, y)
        if row.collapsed:
            yield heading | {"panels": placed}
        else:
            yield heading
            yield from placed
            y = end
        number += len(placed)


def _flow(panels: tuple[Panel, ...], number: int, y: int) -> tuple[list[Json], int]:
    """The panels in lines below `y`, and where the last line ends."""
    placed: list[Json] = []
    x, tallest = 0, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        number += 1
        placed.append(panel.json(number, x, y))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return placed, y + tallest
