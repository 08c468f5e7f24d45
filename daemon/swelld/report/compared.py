"""Runs side by side for a pull request, and as rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

from swelld.analysis.compare import Comparison, Row, changed, written
from swelld.analysis.figures import MISSING
from swelld.report.compare import (
    INTERVAL,
    OUTCOMES,
    counted,
    figure_name,
    groups,
    headed,
    interval,
    nothing,
    place,
    shown_changes,
    title,
)
from swelld.report.safety import cell, markdown


def as_markdown(found: Comparison) -> str:
    """For a pull request: the verdict first, then a table for each stage."""
    base, *others = found.series
    names = ", ".join(markdown(one.name) for one in others)
    verdict = OUTCOMES[found.outcome][0].capitalize()
    lines = [f"### {verdict}: {names} beside {markdown(base.name)}", "", f"{counted(found)}.", ""]
    for check in found.checks:
        if check.outcome != "PASS":
            where = place(found, check.series, check.stage, check.target)
            lines.append(f"- **{check.outcome}** {markdown(where + check.text)}")
    lines += [f"- {remark.level.capitalize()}: {markdown(remark.text)}" for remark in found.remarks]
    for rows in groups(found.rows):
        lines += ["", f"**{markdown(title(rows[0]))}**", ""]
        head = ["", markdown(base.name)]
        for row in rows:
            head += [markdown(headed(found.series[row.series].name, row)), "change", INTERVAL, ""]
        lines += [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
        lines += [_line(cells) for cells in _cells(rows)]
    return "\n".join(lines) + "\n"


def _cells(rows: Sequence[Row]) -> Iterator[list[str]]:
    for first in shown_changes(rows[0]):
        cells = [figure_name(first.figure), written(first.kind, first.base)]
        for row in rows:
            one = next((one for one in row.changes if one.figure == first.figure), None) or nothing(first)
            change = changed(one.kind, one.change)
            change = f"**{change}**" if one.direction in ("worse", "better") else change
            cells += [written(one.kind, one.value), change, interval(one), one.direction or MISSING]
        yield cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_HEADS: Final = (
    "base", "series", "base_stage", "base_target", "stage", "target", "model", "valid", "figure", "kind", "base_value",
    "value", "change", "low", "high", "direction",
)  # fmt: skip


def as_csv(found: Comparison) -> str:
    """A row for each series, stage and figure; seconds, per second and shares as numbers."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(_HEADS)
    for row in found.rows:
        names = (found.series[0].name, found.series[row.series].name)
        where = (row.base_stage, row.base_target, row.stage, row.target, row.model, row.valid)
        for one in row.changes:
            numbers = (one.base, one.value, one.change, one.low, one.high, one.direction)
            rows.writerow([cell(value) for value in (*names, *where, one.figure, one.kind, *numbers)])
    return file.getvalue()
