"""The report of the terminal, without its colours."""

import io
from collections.abc import Iterable
from typing import Final

from swelld.export.rows import Row
from swelld.result import Result

WIDTH: Final = 120


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """120 columns wide; requests are not part of it."""
    from rich.console import Console

    from swelld.report.tables import ResultReport

    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=False, color_system=None, record=True)
    console.print(ResultReport(result))
    return console.export_text().encode()
