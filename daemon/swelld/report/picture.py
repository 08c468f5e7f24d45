"""The terminal result as an SVG, for a README."""

import re

from swelld.result import Result


def svg(result: Result, width: int = 110) -> str:
    """What a terminal of `width` columns shows, in the reader's own monospace font: the picture fetches nothing."""
    from io import StringIO

    from rich.console import Console

    from swelld.report.tables import ResultReport

    console = Console(record=True, width=width, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(ResultReport(result))
    picture = console.export_svg(title=f"swelld run: {result.run.scenario}")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
