"""A report as one HTML file that fetches nothing: verdict first, then figures, charts, and what was run."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Final

from swelld.analysis import figures
from swelld.analysis.sweep import conclusions, sweeps
from swelld.export.details import CONTENTION, SEARCH, SESSIONS, Table, details
from swelld.export.overview import (
    DEFINITIONS,
    distributions,
    flat,
    folded,
    ordered,
    setting,
    short_columns,
    subject_name,
    tally,
    worst,
    written,
)
from swelld.export.rows import Row
from swelld.plots.answers import answers
from swelld.plots.chart import Chart
from swelld.plots.comparison import Source, comparison_sheets
from swelld.plots.contention import contention_charts
from swelld.plots.markup import Markup, element, joined
from swelld.plots.saturation import saturation_charts
from swelld.plots.svg import chart_svg, legend
from swelld.plots.turns import turn_charts
from swelld.result import Result, StageResult

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser itself refuses to fetch or run anything, should something have slipped through."""

_FIGURES: Final = ("mean", "std", "min", "p50", "p90", "p95", "p99", "p999", "max")
LONG_TABLE: Final = 12
"""Rows beyond which a table beside charts, or one of details, is folded."""
_CHARTED: Final = {CONTENTION: contention_charts, SESSIONS: turn_charts}
_OF_REQUESTS: Final = ("latency-by-prompt-length", "complexity", "category")


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """UTF-8; with requests there are charts by length, complexity and category of the prompt, too."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{result.run.scenario}: {worst(result.verdict)}"),
        element("style", Markup(files("swelld.export").joinpath("report.css").read_text())),
    )
    body = element("body", element("main", *_sections(result, requests)))
    return ("<!doctype html>\n" + element("html", head, body, lang="en") + "\n").encode()


def _sections(result: Result, requests: Iterable[Row] | None) -> Iterator[Markup]:
    yield _header(result)
    yield _findings(result)
    yield from _readings(result)
    found = details(result)
    yield from (_detail(table) for table in found if table.title == SEARCH)
    if result.stages:
        yield _section("Stages", _stages(result))
    for table in found:
        if table.title in _CHARTED:
            yield _detail(table, _CHARTED[table.title](result))
    for sweep in sweeps(result):
        title = "Charts" if len(sweeps(result)) == 1 else f"Charts: {sweep.target}"
        yield _charts(title, saturation_charts(sweep))
    yield from _by_prompt(result, requests)
    yield _section("Distributions", *(_stage(stage, len(result.stages) == 1) for stage in ordered(result)))
    yield from _objectives(result)
    yield from _errors(result)
    yield from (_detail(table) for table in found if table.title not in (SEARCH, *_CHARTED))
    yield _section("Configuration", _folded("As it was used, without secrets", _configuration(result)))
    rows = [(name, meaning) for name, meaning in DEFINITIONS.items()]
    yield _section("Definitions", _folded("What the figures mean", _table(("name", "meaning"), rows)))
    yield element("footer", f"Made by swelld {result.run.swelld_version} from run {result.run.id}.")


def _header(result: Result) -> Markup:
    run, level = result.run, worst(result.verdict)
    models = list(dict.fromkeys(stage.model or stage.target for stage in result.stages))
    facts = [
        f"{run.state} in {figures.clock(run.duration_seconds)}",
        run.started.replace("T", " "),
        f"run {run.id}",
        f"seed {run.seed}",
        *models,
    ]
    badge = element("p", element("strong", level), f" {tally(result.verdict)}", class_=f"badge {level.lower()}")
    return element("header", element("h1", run.scenario), badge, element("p", " · ".join(facts), class_="quiet"))


def _findings(result: Result) -> Markup:
    found = folded(result)
    grave = [one for one in found if one.level != "PASS"]
    passed = [one for one in found if one.level == "PASS"]
    parts = []
    for some in (grave, passed):
        rows = [
            element(
                "li",
                element("strong", one.level, class_=one.level.lower()),
                element("b", subject_name(one.subject)),
                element("span", *(element("span", line, class_="line") for line in one.lines),
                        element("small", "; ".join(one.reasons)) if one.reasons else None),
            )
            for one in some
        ]  # fmt: skip
        if rows:
            parts.append(element("ul", *rows, class_="findings"))
    if grave and passed:
        parts[-1] = _folded(f"{len(passed)} checks passed", parts[-1])
    return _section("Verdict", *parts)


def _readings(result: Result) -> Iterator[Markup]:
    found = conclusions(result)
    for target, lines in found:
        title = "Capacity" if len(found) == 1 else f"Capacity: {target}"
        yield _section(title, element("ul", *(element("li", line) for line in lines), class_="reading"))


def _stages(result: Result) -> Markup:
    columns = short_columns(result)
    rows = [[column.text(stage) for column in columns] for stage in ordered(result)]
    return _table([column.head for column in columns], rows, left=sum(column.kind == "text" for column in columns))


def _charts(title: str, charts: Iterable[Chart]) -> Markup:
    return _section(title, element("div", *map(_figure, charts), class_="charts"))


def _figure(chart: Chart) -> Markup:
    caption = element("figcaption", element("b", chart.title), element("small", f"{chart.unit} · {chart.samples}"))
    return element("figure", caption, legend(chart), chart_svg(chart))


def _by_prompt(result: Result, requests: Iterable[Row] | None) -> Iterator[Markup]:
    if requests is None:
        return
    sheets = comparison_sheets([Source("", result, answers(requests))])
    for sheet in sheets:
        if sheet.name in _OF_REQUESTS and not sheet.missing:
            yield _charts(sheet.title, sheet.charts)


def _stage(stage: StageResult, opened: bool) -> Markup:
    rows = [
        [name, figures.count(statistics.count), *(written(kind, getattr(statistics, figure)) for figure in _FIGURES)]
        for name, kind, statistics in distributions(stage)
    ]
    name = " · ".join(dict.fromkeys((stage.stage, stage.target, stage.model)))
    doubts = (
        element("p", f"Not valid: {'; '.join(stage.validity.reasons)}", class_="fail")
        if not stage.validity.valid
        else None
    )
    table = _table(("", "count", *_FIGURES), rows) if rows else element("p", "No request was answered.", class_="quiet")
    return _folded(name, joined(doubts, table), opened)


def _objectives(result: Result) -> Iterator[Markup]:
    rows = [
        (stage.stage, stage.target, f"{name.upper()} ≤ {figures.seconds(share.threshold)}",
         f"{figures.count(share.good)} of {figures.count(share.total)}",
         figures.percent(share.good / share.total if share.total else None),
         figures.percent(stage.goodput.target_ratio))
        for stage in ordered(result)
        if stage.goodput is not None
        for name, share in stage.goodput.per_objective.items()
    ]  # fmt: skip
    if rows:
        heads = ("stage", "target", "objective", "met by", "share", "asked for all together")
        yield _section("Objectives", _table(heads, rows, left=3))


def _errors(result: Result) -> Iterator[Markup]:
    rows = [
        (stage.stage, stage.target, kind, error.outcome, error.sample or figures.MISSING, figures.count(error.count))
        for stage in ordered(result)
        for kind, error in stage.errors.items()
    ]
    if rows:
        yield _section(
            "Errors", _table(("stage", "target", "error", "outcome", "what was said", "count"), rows, left=5)
        )


def _detail(table: Table, charts: Sequence[Chart] = ()) -> Markup:
    """Charts first, where there are any; a long table is folded."""
    inner = _table(table.heads, table.texts(), table.left)
    if len(table.rows) > LONG_TABLE:
        inner = _folded(f"All {len(table.rows)} rows", inner)
    drawn = [element("div", *map(_figure, charts), class_="charts")] if charts else []
    notes = [element("p", note, class_="quiet") for note in table.notes]
    return _section(table.title, *drawn, inner, *notes)


def _configuration(result: Result) -> Markup:
    rows = [(path, setting(value)) for path, value in flat(result.run.config)]
    return _table(("key", "value"), rows, left=2)


def _section(title: str, *parts: Markup) -> Markup:
    return element("section", element("h2", title), *parts)


def _folded(summary: str, inner: Markup, opened: bool = False) -> Markup:
    return element("details", element("summary", summary), inner, open="" if opened else None)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Markup:
    """The first `left` columns hold text, the others figures, which line up at the right."""
    head = element("tr", *(element("th", name, class_=None if n < left else "n") for n, name in enumerate(heads)))
    body = [
        element("tr", *(element("td", cell, class_=None if n < left else "n") for n, cell in enumerate(row)))
        for row in rows
    ]
    return element("div", element("table", element("thead", head), element("tbody", *body)), class_="wide")
