"""Tables that fit: numbers under one unit and one number of decimals, the least important columns dropped first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, OverflowMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from swelld.analysis.figures import MISSING

_STEPS: Final = ((0.01, "ms", 1e3, 3), (0.1, "ms", 1e3, 2), (10.0, "ms", 1e3, 1), (1000.0, "s", 1.0, 2))


class Scale(NamedTuple):
    """How a set of seconds is written so that its figures line up."""

    unit: str
    factor: float
    decimals: int

    def __call__(self, value: float | None) -> str:
        return MISSING if value is None else f"{value * self.factor:.{self.decimals}f}"


def scale(values: Iterable[float | None]) -> Scale:
    """The unit and decimals that suit the largest of some seconds."""
    top = max((abs(value) for value in values if value is not None), default=0.0)
    for below, unit, factor, decimals in _STEPS:
        if top < below:
            return Scale(unit, factor, decimals)
    return Scale("s", 1.0, 1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column before it is known whether there is room for it: the lower `keep`, the sooner it goes."""

    head: str
    cells: Sequence[str]
    keep: int = 100
    left: bool = False
    style: str = ""
    cell_styles: Sequence[str] = field(default=())
    wraps: bool = False
    """Whether its text goes on in the next line, which leaves the other columns their room."""


def seconds_column(head: str, values: Sequence[float | None], keep: int) -> Column:
    """A column of seconds under one unit, which stands in its head."""
    written = scale(values)
    return Column(f"{head} {written.unit}", [written(value) for value in values], keep)


def fit(console: Console, options: ConsoleOptions, columns: Sequence[Column]) -> Table:
    """The table of as many columns as the width holds; columns without any figure are left out first."""
    kept = [column for column in columns if any(cell != MISSING for cell in column.cells)]
    while True:
        table = _table(kept)
        wide = Measurement.get(console, options.update(max_width=1000), table).maximum > options.max_width
        droppable = [column for column in kept if column.keep < 100]
        if not wide or not droppable:
            return table
        kept.remove(min(reversed(droppable), key=lambda column: column.keep))


def _table(columns: Sequence[Column]) -> Table:
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", border_style="dim"
    )
    for column in columns:
        head = Text(column.head)
        if column.left:
            overflow: OverflowMethod = "fold" if column.wraps else "ellipsis"
            table.add_column(head, justify="left", style=column.style, overflow=overflow, no_wrap=not column.wraps)
        else:
            table.add_column(head, justify="right", style=column.style, no_wrap=True)
    for row in zip(*(_cells(column) for column in columns), strict=True):
        table.add_row(*row)
    return table


def _cells(column: Column) -> list[Text]:
    styles = column.cell_styles or [""] * len(column.cells)
    return [Text(cell, style=style) for cell, style in zip(column.cells, styles, strict=True)]
