"""Sheets as pictures, by matplotlib (extra `report`)."""

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from swelld.plots.chart import PALETTE, Chart, Series, Sheet, log_ticks
from swelld.plots.library import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PictureFormat = Literal["png", "svg", "pdf"]

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
"""Lines differ in shape as well as in colour."""

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
    "grid.color": "#e2e2e2",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "svg.hashsalt": "swelld",
    "text.parse_math": False,  # a model may have dollar signs in its name
}  # fmt: skip

_COLUMNS: Final = 3
_PANEL: Final = (6.4, 4.3)
_ROW_HEIGHT: Final = 0.32
_LINE: Final = 17
"""Points from one line of text above a chart to the next."""
_LEGEND_WIDTH: Final = 58
"""Characters that fit beside each other above a chart."""
FEW_DOTS: Final = 100
"""Up to so many are drawn larger, lest nobody see them."""
_REMARK_WIDTH: Final = 84
_HEAD: Final = 1.0
"""Inches for title and subtitle."""


def draw(sheet: Sheet, form: PictureFormat = "png") -> bytes:
    """The picture of a sheet that has something to show. The same sheet gives the same bytes."""
    require("matplotlib", "plots need")
    import warnings

    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in a script that the font lacks
        figure = Figure(figsize=_size(sheet), dpi=110, layout=ConstrainedLayoutEngine(rect=_below_head(sheet)))
        FigureCanvasAgg(figure)
        _fill(figure, sheet)
        out = io.BytesIO()
        figure.savefig(out, format=form, metadata=_metadata(form))
    return out.getvalue()


def _metadata(form: PictureFormat) -> dict[str, str | None]:
    """Without what differs from one drawing to the next."""
    return {{"png": "Software", "svg": "Date", "pdf": "CreationDate"}[form]: None}


def _grid(sheet: Sheet) -> tuple[int, int]:
    columns = min(_COLUMNS, len(sheet.charts)) if len(sheet.charts) != 4 else 2
    return math.ceil(len(sheet.charts) / columns), columns


def _size(sheet: Sheet) -> tuple[float, float]:
    rows, columns = _grid(sheet)
    return columns * _PANEL[0], rows * _PANEL[1] + _HEAD + _foot(sheet)


def _below_head(sheet: Sheet) -> tuple[float, float, float, float]:
    return 0.005, 0.01, 0.99, 0.99 - _HEAD / _size(sheet)[1]


def _foot(sheet: Sheet) -> float:
    """Height of what is below the charts."""
    if not (sheet.table or sheet.remarks):
        return 0.0
    return max(1.8, _ROW_HEIGHT * (len(sheet.table) + 1), 0.34 * (len(_wrapped(sheet)) + 1))


def _fill(figure: "Figure", sheet: Sheet) -> None:
    height = _size(sheet)[1]
    figure.text(0.01, 1 - 0.15 / height, sheet.title, fontsize=17, fontweight="bold", va="top")
    figure.text(0.01, 1 - 0.55 / height, sheet.subtitle, fontsize=11, color="#555555", va="top")
    rows, columns = _grid(sheet)
    foot = _foot(sheet)
    heights = [_PANEL[1]] * rows + ([foot] if foot else [])
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights, hspace=0.06)
    legend = max(map(_legend_rows, sheet.charts))
    for place, chart in enumerate(sheet.charts):
        _draw_chart(figure.add_subplot(grid[place // columns, place % columns]), chart, legend)
    if foot:
        below = grid[rows, :].subgridspec(1, 2, width_ratios=(1.35, 1))
        if sheet.table:
            _table(figure.add_subplot(below[0, 0]), sheet.table)
        _remarks(figure.add_subplot(below[0, 1]), _wrapped(sheet))


def _draw_chart(axes: "Axes", chart: Chart, legend: int) -> None:
    """One coordinate system with room for so many rows of a legend above it."""
    axes.set_title(chart.title, pad=_LINE * (1.4 + legend))
    place = (0, 4 + _LINE * legend)
    text = f"{chart.unit}   {chart.samples}"
    axes.annotate(text, (0, 1), place, "axes fraction", "offset points", fontsize=10, color="#555555")
    if chart.empty:
        axes.text(0.5, 0.5, textwrap.fill(chart.note or "", 44), transform=axes.transAxes, ha="center", va="center")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        return
    if chart.bars:
        _bars(axes, chart)
    else:
        _lines(axes, chart)
    _scales(axes, chart)
    for level in chart.levels:
        axes.axhline(level.y, color="#333333", linestyle=":", linewidth=1.3)
        text = f"{level.name} {level.y:g} {chart.unit}"
        axes.annotate(
            text, (0.01, level.y), xycoords=("axes fraction", "data"), va="bottom", fontsize=9,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7},
        )  # fmt: skip
    _legend(axes, chart)


def _scales(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xlabel(chart.x.title)
    if chart.x.names:
        many = len(chart.x.names) > 6 and not chart.x.numeric
        axes.set_xticks(chart.x.places, chart.x.names, rotation=30 if many else 0, ha="right" if many else "center")
    axes.grid(visible=not chart.bars, axis="x")
    if chart.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_ylim())))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        room = 1.15 if chart.bars else 1.08  # so that neither a marker nor a label is cut
        top = max(0.0, axes.dataLim.y1)
        axes.set_ylim(chart.lowest - (room - 1) * (top - chart.lowest) * (chart.lowest < 0), top * room or 1)
        if chart.lowest < 0:
            axes.axhline(0, color="#666666", linewidth=1)
        if chart.top is not None:
            axes.set_ylim(0, chart.top * (1.1 if chart.bars else 1.04))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _lines(axes: "Axes", chart: Chart) -> None:
    for dots in chart.dots:
        size, alpha = (4, 0.25) if len(dots.x) > FEW_DOTS else (8, 0.5)
        axes.plot(dots.x, dots.y, ".", color=_colour(dots.colour), alpha=alpha, markersize=size, markeredgewidth=0)
    for series in chart.series:
        y = [math.nan if value is None else value for value in series.y]
        style = "--" if series.dashed else "-"
        marker = MARKERS[series.colour % len(MARKERS)]
        axes.plot(
            series.x, y, style, color=_colour(series.colour), marker=marker, markersize=6, linewidth=2,
            label=series.name, markerfacecolor="white" if series.dashed else None,
        )  # fmt: skip
        if series.spans:
            _whiskers(axes, series)


def _whiskers(axes: "Axes", series: Series) -> None:
    reach = _reach(series)
    if reach is not None:
        y = [math.nan if value is None else value for value in series.y]
        axes.errorbar(series.x, y, reach, fmt="none", ecolor=_colour(series.colour), capsize=4, linewidth=1.2)


def _reach(series: Series) -> list[list[float]] | None:
    """How far the span of each value reaches below and above it."""
    if not series.spans:
        return None
    pairs = [
        (0.0, 0.0) if y is None or span is None else (max(0.0, y - span[0]), max(0.0, span[1] - y))
        for y, span in zip(series.y, series.spans, strict=True)
    ]
    return [[below for below, _ in pairs], [above for _, above in pairs]]


def _bars(axes: "Axes", chart: Chart) -> None:
    width = 0.8 / len(chart.series)
    for place, series in enumerate(chart.series):
        shift = (place - (len(chart.series) - 1) / 2) * width
        colour = _colour(series.colour)
        bars = axes.bar(
            [x + shift for x in series.x], [math.nan if y is None else y for y in series.y], width * 0.92,
            yerr=_reach(series), color="white" if series.dashed else colour, edgecolor=colour,
            hatch="///" if series.dashed else None, label=series.name, ecolor="#333333", capsize=4,
        )  # fmt: skip
        if len(chart.x.places) * len(chart.series) <= 12:
            axes.bar_label(bars, fmt="{:,.3g}", fontsize=9, padding=2)
    room = 1.2 if len(chart.x.places) == 1 else 0.7
    axes.set_xlim(min(chart.x.places) - room, max(chart.x.places) + room)
    axes.margins(y=0.12)


def _legend_columns(chart: Chart) -> int:
    longest = max((len(series.name) for series in chart.series), default=0)
    fitting = max(1, min(len(chart.series), _LEGEND_WIDTH // (longest + 5)))
    rows = math.ceil(len(chart.series) / fitting) or 1
    return math.ceil(len(chart.series) / rows) or 1


def _legend_rows(chart: Chart) -> int:
    """A lone line needs no name of its own: the title has it."""
    return math.ceil(len(chart.series) / _legend_columns(chart)) if len(chart.series) > 1 else 0


def _legend(axes: "Axes", chart: Chart) -> None:
    """Above the coordinate system, where it hides nothing."""
    if _legend_rows(chart):
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=_legend_columns(chart), borderaxespad=0, borderpad=0.2,
            handlelength=2.2, columnspacing=1.2, labelspacing=0.25,
        )  # fmt: skip


def _table(axes: "Axes", rows: Sequence[Sequence[str]]) -> None:
    axes.axis("off")
    table = axes.table(
        cellText=[list(row) for row in rows[1:]], colLabels=list(rows[0]), loc="upper left", cellLoc="right"
    )
    table.auto_set_font_size(False)
    table.set_fontsize(10)
    table.scale(1, 1.35)
    for (row, column), cell in table.get_celld().items():
        cell.set_linewidth(0)
        if row == 0:
            cell.set_text_props(color="#555555")
        elif row % 2 == 0:
            cell.set_facecolor("#f4f4f4")
        if column == 0:
            cell.set_text_props(ha="left")
    table.auto_set_column_width(list(range(len(rows[0]))))


def _remarks(axes: "Axes", lines: Sequence[str]) -> None:
    axes.axis("off")
    axes.text(
        0.02, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=12, linespacing=1.45,
        bbox={"boxstyle": "round,pad=0.7", "facecolor": "#eef5fb", "edgecolor": "#0072b2"},
    )  # fmt: skip


def _wrapped(sheet: Sheet) -> list[str]:
    return [
        line
        for remark in sheet.remarks
        for line in textwrap.wrap(f"• {remark}", _REMARK_WIDTH, subsequent_indent="   ")
    ]


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]
