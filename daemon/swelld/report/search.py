"""What a capacity search found, for a terminal: every level that was tried, and the sum of it in words."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from swelld.analysis import figures
from swelld.report.layout import Column, fit
from swelld.result import SearchLevel, SearchResult

_HEADS = {"rate": "requests/s", "concurrency": "users"}


class SearchReport:
    """A rich renderable; it drops columns to fit the console."""

    def __init__(self, found: SearchResult) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found = self._found
        levels = sorted(found.levels, key=lambda level: level.level)
        if levels:
            yield fit(console, options, _columns(found, levels))
            yield Text()
        for number, line in enumerate(found.lines):
            yield Text(line, style="bold" if number == 0 else "")


def _columns(found: SearchResult, levels: Sequence[SearchLevel]) -> list[Column]:
    return [
        Column(_HEADS[found.kind], [f"{level.level:.6g}" for level in levels], style="bold"),
        Column("", [_verdict(level) for level in levels], left=True, cell_styles=[_style(level) for level in levels]),
        Column("good", [figures.percent(level.good / level.total if level.total else None) for level in levels]),
        Column("at least", [figures.percent(level.low) for level in levels], 60),
        Column("at most", [figures.percent(level.high) for level in levels], 55),
        Column("of", [figures.count(level.total) for level in levels], 70),
        Column("after", [figures.seconds(level.seconds) for level in levels], 50),
        Column(
            "", ["; ".join(level_notes(level)) or figures.MISSING for level in levels], left=True, style="dim", keep=40
        ),
    ]


def _verdict(level: SearchLevel) -> str:
    if level.accepted is None:
        return "in doubt"
    return ("met" if level.accepted else "missed") + ("" if level.sure else "?")


def _style(level: SearchLevel) -> str:
    return "yellow" if level.accepted is None else "green" if level.accepted else "red"


def level_notes(level: SearchLevel) -> list[str]:
    """What the columns do not say."""
    notes = ["taken over"] if level.taken_over else []
    notes += ["cut short"] if level.cut_short and not level.accepted else []
    if not level.accepted and "requests were good" not in level.reason:
        notes.append(level.reason)
    return notes
