"""Charts that Excel draws itself, from the figures of the sheet `Stages`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from swelld.analysis.sweep import Sweep, sweeps
from swelld.export.overview import columns, ordered
from swelld.plots.chart import PALETTE
from swelld.result import Result

_WIDTH: Final = 560
_HEIGHT: Final = 320
_ROWS: Final = 17
"""Rows of a sheet that one chart covers."""


class _Picture(NamedTuple):
    title: str
    unit: str
    heads: tuple[str, ...]


_PICTURES: Final = (
    _Picture("Request rate", "requests/s", ("requests/s",)),
    _Picture("Output tokens", "tokens/s", ("tokens/s",)),
    _Picture("Time to first token", "s", ("TTFT p50", "TTFT p95", "TTFT p99")),
    _Picture("Time per output token", "s", ("TPOT p50", "TPOT p95", "TPOT p99")),
    _Picture("Whole answer (E2E)", "s", ("E2E p50", "E2E p95", "E2E p99")),
    _Picture("Goodput and errors", "share", ("goodput", "errors")),
)


def add_charts(book: Any, result: Result) -> None:
    """A sheet with a row of charts for each target; every line of a target is a column of its rows in `Stages`."""
    sheet = book.add_worksheet("Charts")
    table = [column.head for column in columns(result)]
    rows = ordered(result)
    for number, sweep in enumerate(one for one in sweeps(result) if one.stages):
        top = 1 + rows.index(sweep.stages[0])
        sheet.write_string(number * 2 * _ROWS, 0, f"{sweep.target}  {sweep.model}")
        for place, chart in enumerate(_charts(book, table, sweep, top)):
            row = number * 2 * _ROWS + 1 + place // 3 * _ROWS
            sheet.insert_chart(row, place % 3 * 9, chart)


def _charts(book: Any, table: Sequence[str], sweep: Sweep, top: int) -> Iterator[Any]:
    for picture in _PICTURES:
        heads = [head for head in picture.heads if head in table]
        if heads:
            yield _chart(book, table, picture, heads, (top, top + len(sweep.stages) - 1))


def _chart(book: Any, table: Sequence[str], picture: _Picture, heads: Sequence[str], rows: tuple[int, int]) -> Any:
    """Lines over load; bars where there is only one stage."""
    first, last = rows
    chart = book.add_chart({"type": "line" if last > first else "column"})
    for number, head in enumerate(heads):
        column = table.index(head)
        colour = {"color": PALETTE[number]}
        chart.add_series(
            {
                "name": ["Stages", 0, column],
                "categories": ["Stages", first, 0, last, 0],
                "values": ["Stages", first, column, last, column],
                "line": {**colour, "width": 2.25},
                "fill": colour,
                "marker": {"type": ("circle", "square", "triangle")[number], "fill": colour, "border": colour},
            }
        )
    chart.set_title({"name": picture.title, "name_font": {"size": 12}})
    chart.set_y_axis(
        {"name": picture.unit, "min": 0, "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}}
    )
    chart.set_legend({"position": "bottom", "none": len(heads) == 1})
    chart.set_size({"width": _WIDTH, "height": _HEIGHT})
    chart.show_blanks_as("gap")
    return chart
