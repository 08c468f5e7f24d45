"""The kinds of panels that the dashboards are made of, each with the options that make it readable."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from swelld_exporters.names import SLO_THRESHOLD, Metric
from swelld_grafana.dashboards.model import Json, Override, Panel, Query, Sql
from swelld_grafana.dashboards.promql import QUANTILES, heat, mean, quantile, series
from swelld_grafana.dashboards.style import NEUTRAL, QUANTILE_COLORS, falling

SECONDS: Final = "s"
RATIO: Final = "percentunit"
REQUESTS_PER_SECOND: Final = "reqps"
TOKENS_PER_SECOND: Final = "suffix: tok/s"
TOKENS: Final = "suffix: tok"
TIMESTAMP: Final = "dateTimeAsIso"
LEAST: Final = {REQUESTS_PER_SECOND: 0.1, "cps": 0.1, RATIO: 0.01}
"""How far the axis of a unit goes at least: one for zeros alone would go to 100, or to 10,000 %."""


def colored(colors: Mapping[str, str]) -> tuple[Override, ...]:
    """A fixed colour for each of the series that are named."""
    return tuple(
        Override(name=name, properties={"color": {"mode": "fixed", "fixedColor": color}})
        for name, color in colors.items()
    )


def dashed(name: str, color: str) -> Override:
    """A limit or a wish among the lines of what is."""
    return Override(
        name=name,
        properties={
            "color": {"mode": "fixed", "fixedColor": color},
            "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
            "custom.fillOpacity": 0,
            "custom.stacking": {"mode": "none", "group": "A"},
        },
    )


def lines(
    title: str, about: str, *queries: Query | Sql, stacked: bool = False, log: bool = False, **more: Any
) -> Panel:
    """Lines over time, in wide panels with figures below. Thresholds beyond the first are drawn as dashed lines."""
    wide = more.get("width", 12) >= 12
    least = LEAST.get(more.get("unit", "")) if more.get("maximum") is None else None
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "fillOpacity": 35 if stacked else 6,
        "gradientMode": "none",
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "axisPlacement": "auto",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "thresholdsStyle": {"mode": "dashed" if len(more.get("thresholds", ())) > 1 else "off"},
        **({"axisSoftMax": least} if least and not log else {}),
    }
    options = {
        "legend": {
            "showLegend": True,
            "displayMode": "list",
            "placement": "bottom",
            "calcs": ["lastNotNull", "max"] if wide else [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more = {"minimum": None if log else 0, **more}
    return Panel(kind="timeseries", title=title, about=about, queries=queries, custom=custom, options=options, **more)


def latency(title: str, about: str, metric: Metric, *, objective: str = "", **more: Any) -> Panel:
    """Mean and quantiles of a distribution over time, with exemplars, and the threshold of the objective."""
    queries = [Query(expr=quantile(q, metric), legend=name, exemplars=name == "p99") for name, q in QUANTILES.items()]
    queries.append(Query(expr=mean(metric), legend="mean"))
    overrides = [each for each in colored(QUANTILE_COLORS) if each.name in {*QUANTILES, "mean"}]
    if objective:
        threshold = series(SLO_THRESHOLD, f'metric="{objective}"')
        queries.append(Query(expr=f"min ({threshold})", legend="objective"))
        overrides.append(dashed("objective", QUANTILE_COLORS["objective"]))
    more.setdefault("unit", SECONDS)
    return lines(title, about, *queries, overrides=tuple(overrides), **more)


def number(title: str, about: str, query: Query | Sql | str, **more: Any) -> Panel:
    """One figure, coloured by its thresholds, with its course behind it."""
    asked = Query(expr=query, legend=title, instant=False) if isinstance(query, str) else query
    options = {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
    }
    more = {"width": 4, "height": 4, "color": "thresholds", "no_value": "no data", **more}
    return Panel(kind="stat", title=title, about=about, queries=(asked,), options=options, **more)


def over_range(title: str, about: str, expr: str, **more: Any) -> Panel:
    """One figure of the whole time that is shown."""
    return number(title, about, Query(expr=expr, legend=title, instant=True), **more)


def share(title: str, about: str, expr: str, bad: float, doubt: float, **more: Any) -> Panel:
    """One share of the whole time that is shown, which should be large: bad below the first limit."""
    return over_range(title, about, expr, unit=RATIO, thresholds=falling(bad, doubt), **more)


def bars(title: str, about: str, *queries: Query, **more: Any) -> Panel:
    """One bar for each series, its present value."""
    options = {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "minVizHeight": 16,
    }
    more = {"color": "thresholds", "minimum": 0, **more}
    return Panel(kind="bargauge", title=title, about=about, queries=queries, options=options, **more)


def heatmap(title: str, about: str, metric: Metric, unit: str = SECONDS, **more: Any) -> Panel:
    """How values are spread over time, with exemplars."""
    options = {
        "calculate": False,
        "yAxis": {"axisPlacement": "left", "unit": unit},
        "rowsFrame": {"layout": "auto"},
        "color": {"mode": "scheme", "scheme": "Viridis", "scale": "exponential", "exponent": 0.5, "steps": 64},
        "cellGap": 1,
        "filterValues": {"le": 1e-9},
        "showValue": "never",
        "legend": {"show": True},
        "exemplars": {"color": NEUTRAL},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
    }
    query = Query(expr=heat(metric), legend="{{le}}", format="heatmap", exemplars=True)
    more = {"unit": REQUESTS_PER_SECOND, **more}
    return Panel(kind="heatmap", title=title, about=about, queries=(query,), options=options, **more)


def states(title: str, about: str, *queries: Query, **more: Any) -> Panel:
    """A bar for each series whose colour says what held when."""
    options = {
        "showValue": "auto",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 80, "lineWidth": 0}
    more = {"color": "thresholds", **more}
    return Panel(
        kind="state-timeline", title=title, about=about, queries=queries, options=options, custom=custom, **more
    )


def table(title: str, about: str, *queries: Query | Sql, sort: str = "", **more: Any) -> Panel:
    """Rows with named columns."""
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": [], "countRows": False, "fields": []},
    }
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": True}]
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True, "minWidth": 70}
    more = {"width": 24, "color": "thresholds", **more}
    return Panel(kind="table", title=title, about=about, queries=queries, options=options, custom=custom, **more)


def values(*titles: str) -> dict[str, str]:
    """What a table calls the values of its queries -> their titles."""
    return {f"Value #{chr(ord('A') + index)}": title for index, title in enumerate(titles)}


def columns(names: Mapping[str, str], hidden: Sequence[str] = ("Time",), order: Sequence[str] = ()) -> tuple[Json, ...]:
    """Several queries as the columns of one table, by the labels that they share; fields under other names."""
    wanted = [*order, *(name for name in names if name not in order)]
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {name: index for index, name in enumerate(wanted)},
        "renameByName": dict(names),
    }
    return {"id": "merge", "options": {}}, {"id": "organize", "options": organize}


def curve(title: str, about: str, x: str, *queries: Query, names: Mapping[str, str], **more: Any) -> Panel:
    """Figures against another figure instead of time; `names` are the columns, `x` among them."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "fillOpacity": 0,
        "showPoints": "always",
        "pointSize": 7,
        "spanNulls": True,
        "axisPlacement": "auto",
        "scaleDistribution": {"type": "linear"},
        "thresholdsStyle": {"mode": "off"},
    }
    keep = {"id": "filterFieldsByName", "options": {"include": {"names": list(names.values())}}}
    sort = {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": x}]}}
    options = {
        "xField": x,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    more = {"minimum": 0, **more}
    return Panel(
        kind="trend",
        title=title,
        about=about,
        queries=queries,
        custom=custom,
        options=options,
        transformations=(*columns(names), keep, sort),
        **more,
    )


def note(title: str, about: str, markdown: str, **more: Any) -> Panel:
    """Text."""
    more = {"width": 24, "height": 3, **more}
    return Panel(kind="text", title=title, about=about, options={"mode": "markdown", "content": markdown}, **more)


def words(values: Mapping[int, tuple[str, str]]) -> tuple[Json, ...]:
    """A text and a colour in the place of each value."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(values.items())
    }
    return ({"type": "value", "options": options},)
