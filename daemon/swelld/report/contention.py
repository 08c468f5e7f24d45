"""What the targets lost to each other, for a terminal."""

from collections.abc import Sequence

from swelld.analysis.compare import changed, written
from swelld.analysis.measures import MEASURES
from swelld.report.compare import figure_name
from swelld.report.layout import Column
from swelld.result import Contention, ContentionFigure


def contention_columns(found: Sequence[Contention]) -> list[Column]:
    """A row for each figure of each target: alone, together, and how much worse that is."""
    rows = [(one, name, figure) for one in found for name, figure in one.figures.items() if figure.loss is not None]
    columns = [Column("target", _once([one.target for one, _, _ in rows]), left=True, style="bold")]
    if len({one.stage for one in found}) > 1:
        columns.insert(0, Column("stage", _once([one.stage for one, _, _ in rows]), left=True))
    return [
        *columns,
        Column("", [figure_name(name) for _, name, _ in rows], left=True),
        Column("alone", [written(MEASURES[name].kind, figure.alone) for _, name, figure in rows]),
        Column("together", [written(MEASURES[name].kind, figure.together) for _, name, figure in rows]),
        Column(
            "loss",
            [changed(MEASURES[name].kind, figure.loss) for _, name, figure in rows],
            cell_styles=[_style(figure) for _, _, figure in rows],
        ),
        Column("95% interval", [_interval(name, figure) for _, name, figure in rows], 60, style="dim"),
    ]


def _once(names: Sequence[str]) -> list[str]:
    """A name only where it is another one than in the row before."""
    return ["" if number and names[number - 1] == name else name for number, name in enumerate(names)]


def _style(figure: ContentionFigure) -> str:
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return "dim"
    return "bold red" if figure.low > 0 else "green"


def _interval(name: str, figure: ContentionFigure) -> str:
    kind = MEASURES[name].kind
    if figure.low is None or figure.high is None:
        return "-"
    return f"{changed(kind, figure.low)} .. {changed(kind, figure.high)}"
