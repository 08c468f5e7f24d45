"""An Excel workbook, by XlsxWriter (extra `report`): sheets with numbers that are numbers, and native charts."""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from swelld.analysis import figures
from swelld.analysis.sweep import conclusions
from swelld.export.details import Table, details
from swelld.export.overview import (
    DEFINITIONS,
    Kind,
    columns,
    distributions,
    flat,
    folded,
    ordered,
    short_columns,
    subject_name,
    tally,
    worst,
)
from swelld.export.rows import NAMES, Row
from swelld.export.xlsx_charts import add_charts
from swelld.plots.library import require
from swelld.result import QUANTILES, Result

MOST_REQUESTS: Final = 20_000
"""Single requests in a workbook; the CSV export has all of them."""
MOST_TITLE: Final = 31
"""Characters of a sheet's name."""
_LONGEST: Final = 32_000
"""Characters of a cell; Excel holds a few more."""

_NUMBERS: Final[dict[Kind, str]] = {
    "text": "@", "yes": "@", "count": "#,##0", "share": "0.0%", "rate": "#,##0.00", "seconds": "0.0000",
    "tokens": "#,##0.0", "change": "+0.0%;-0.0%;0.0%", "points": "+0.0%;-0.0%;0.0%", "money": "#,##0.00####",
    "whole": "#,##0.######",
}  # fmt: skip
_COLOURS: Final = {"FAIL": "#F8CBCB", "WARNING": "#FCE8B2", "PASS": "#D5EBD3"}


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """Summary, stages, charts, distributions, objectives, errors, what else the run has, requests if given,
    configuration, definitions."""
    require("xlsxwriter", "Excel workbooks need")
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        started = datetime.fromisoformat(result.run.started).replace(tzinfo=None)
        book.set_properties({"title": f"swelld: {result.run.scenario}", "created": started})
        sheets = _Sheets(book)
        _summary(sheets, result)
        _stages(sheets, result)
        add_charts(book, result)
        _distributions(sheets, result)
        _objectives(sheets, result)
        _errors(sheets, result)
        for table in details(result):
            _detail(sheets, table)
        if requests is not None:
            _requests(sheets, requests)
        sheets.table(
            "Configuration", ("key", "value"), [[("text", path), (_plain(v), v)] for path, v in flat(result.run.config)]
        )
        sheets.table("Definitions", ("name", "meaning"), [[("text", n), ("text", t)] for n, t in DEFINITIONS.items()])
    return out.getvalue()


Cell = tuple[str, Any]
"""A kind, which says how a number is written, and a value."""


class _Sheets:
    """Writes tables; text is never a formula, a link or a number, whatever it looks like."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.head = book.add_format(
            {"bold": True, "bg_color": "#DCE6F1", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.formats: dict[str, Any] = {
            kind: book.add_format({"num_format": number}) for kind, number in _NUMBERS.items()
        }
        self.formats["timed"] = book.add_format({"num_format": '0.0000" s"'})
        self.formats["plain"] = book.add_format()
        for level, colour in _COLOURS.items():
            self.formats[level] = book.add_format({"bg_color": colour, "bold": True})

    def table(self, name: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A sheet of its own, its head frozen and filterable."""
        sheet = self.book.add_worksheet(name)
        self.rows(sheet, 0, heads, rows)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(1, len(rows)), len(heads) - 1)
        sheet.autofit(400)

    def rows(self, sheet: Any, top: int, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
        """Write a table from a row on; the row after it."""
        for column, head in enumerate(heads):
            sheet.write_string(top, column, head, self.head)
        for line, row in enumerate(rows, start=top + 1):
            for column, (kind, value) in enumerate(row):
                self.cell(sheet, line, column, kind, value)
        return top + 1 + len(rows)

    def cell(self, sheet: Any, line: int, column: int, kind: str, value: Any) -> None:
        """Nothing where there is no value."""
        style = self.formats[kind]
        if isinstance(value, bool):
            sheet.write_string(line, column, "yes" if value else "no", style)
        elif isinstance(value, (int, float)):
            sheet.write_number(line, column, value, style)
        elif value is not None:
            sheet.write_string(line, column, str(value)[:_LONGEST], style)


def _summary(sheets: _Sheets, result: Result) -> None:
    run = result.run
    sheet = sheets.book.add_worksheet("Summary")
    level = worst(result.verdict)
    sheet.write_string(0, 0, f"{run.scenario}", sheets.title)
    facts: Sequence[tuple[str, Any]] = (
        ("Verdict", f"{level} ({tally(result.verdict) or 'no finding'})"),
        ("Run", run.id),
        ("State", run.state),
        ("Started", run.started),
        ("Took", figures.clock(run.duration_seconds)),
        ("Seed", str(run.seed)),
        ("swelld", run.swelld_version),
    )
    for line, (name, value) in enumerate(facts, start=1):
        sheet.write_string(line, 0, name)
        sheets.cell(sheet, line, 1, level if name == "Verdict" else "text", value)
    line = len(facts) + 2
    found = [
        [(one.level, one.level), ("text", subject_name(one.subject)), ("text", "; ".join((*one.lines, *one.reasons)))]
        for one in folded(result)
    ]
    line = sheets.rows(sheet, line, ("level", "subject", "found"), found) + 1
    table = short_columns(result)
    rows = [[(column.kind, column.value(stage)) for column in table] for stage in ordered(result)]
    line = sheets.rows(sheet, line, [_head(column.head, column.kind) for column in table], rows) + 1
    for target, lines in conclusions(result):
        for text in lines:
            sheet.write_string(line, 0, f"{target}: {text}")
            line += 1
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 12, 13)


def _stages(sheets: _Sheets, result: Result) -> None:
    table = columns(result)
    rows = [[(column.kind, column.value(stage)) for column in table] for stage in ordered(result)]
    sheets.table("Stages", [_head(column.head, column.kind) for column in table], rows)


def _distributions(sheets: _Sheets, result: Result) -> None:
    names = ("mean", "std", "min", *QUANTILES, "max")
    rows: list[list[Cell]] = [
        [
            ("text", stage.stage),
            ("text", stage.target),
            ("text", name),
            ("text", "s" if kind == "seconds" else "tokens"),
            ("count", statistics.count),
            *((kind, getattr(statistics, figure)) for figure in names),
        ]
        for stage in ordered(result)
        for name, kind, statistics in distributions(stage)
    ]
    sheets.table("Distributions", ("stage", "target", "of", "unit", "count", *names), rows)


def _objectives(sheets: _Sheets, result: Result) -> None:
    rows: list[list[Cell]] = []
    for stage in ordered(result):
        if stage.goodput is None:
            continue
        place: list[Cell] = [("text", stage.stage), ("text", stage.target)]
        for name, share in stage.goodput.per_objective.items():
            met = share.good / share.total if share.total else None
            rows.append([*place, ("text", name), ("seconds", share.threshold), ("count", share.good),
                         ("count", share.total), ("share", met), ("share", None)])  # fmt: skip
        whole = stage.goodput
        rows.append([*place, ("text", "goodput"), ("seconds", None), ("count", whole.good), ("count", whole.total),
                     ("share", whole.ratio), ("share", whole.target_ratio)])  # fmt: skip
    heads = ("stage", "target", "objective", "threshold (s)", "good", "of", "share", "asked for")
    sheets.table("Objectives", heads, rows)


def _errors(sheets: _Sheets, result: Result) -> None:
    rows: list[list[Cell]] = [
        [
            ("text", stage.stage),
            ("text", stage.target),
            ("text", kind),
            ("text", error.outcome),
            ("count", error.count),
            ("share", error.count / stage.requests.started if stage.requests.started else None),
            ("text", error.sample),
        ]
        for stage in ordered(result)
        for kind, error in stage.errors.items()
    ]
    sheets.table("Errors", ("stage", "target", "error", "outcome", "count", "share", "sample"), rows)


def _detail(sheets: _Sheets, table: Table) -> None:
    """Columns of seconds say so in their heads; where figures of several kinds share a column, each has its unit."""
    kinds = [{kind for kind, _ in column} for column in zip(*table.rows, strict=True)]
    heads = [f"{head} (s)" if kind == {"seconds"} else head for head, kind in zip(table.heads, kinds, strict=True)]
    rows = [
        [(("timed", value) if kind == "seconds" and len(kinds[place]) > 1 else (kind, value))
         for place, (kind, value) in enumerate(row)]
        for row in table.rows
    ]  # fmt: skip
    rows += [[], *([("text", note)] for note in table.notes)] if table.notes else []
    sheets.table(table.title[:MOST_TITLE], heads, rows)


def _requests(sheets: _Sheets, requests: Iterable[Row]) -> None:
    """The first ones of the run; a last line says so where there are more."""
    found = iter(requests)
    rows: list[list[Cell]] = [
        [(_plain(row.get(name)), row.get(name)) for name in NAMES] for row in islice(found, MOST_REQUESTS)
    ]
    if next(found, None) is not None:
        rows.append(
            [("text", f"the first {MOST_REQUESTS:,} requests; `swelld export --format csv --what requests` has all")]
        )
    sheets.table("Requests", NAMES, rows)


def _plain(value: Any) -> str:
    return "text" if isinstance(value, str) else "plain"


def _head(head: str, kind: Kind) -> str:
    return f"{head} (s)" if kind == "seconds" else head
