"""`swelld validate`: whether client and server say the same of a run, kept or made for the purpose."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swelld.app.flags import FlagError, Flags

if TYPE_CHECKING:
    from swelld.result import Result

CONCURRENCY: Final = "4"
"""Of the run that is made for it: light, so that both see the same server."""


def validate(run: str | None, flags: Flags, config: Path | None, store: str | None, *, as_json: bool) -> int:
    """Print both figures of everything; 0 if they agree, else 1, also where they could not be compared."""
    from swelld.report.validation import ValidationReport, agrees

    if (run is None) == (flags.server is None):
        raise FlagError("give a RUN that is kept, or --server URL (and --model NAME) for a short run of its own")
    if run is not None:
        from swelld.app.kept import load

        result = load(run, config, store).result
    else:
        result = _fresh(flags)
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result.server or []), indent=2).decode() + "\n")
    else:
        from rich.console import Console

        Console().print(ValidationReport(result))
    return 0 if agrees(result) else 1


def _fresh(flags: Flags) -> "Result":
    import uvloop

    from swelld.app import commands
    from swelld.app.logs import configure_plain
    from swelld.app.once import run_scenarios
    from swelld.report.progress import LiveReport

    settings = commands.settings_of(None, flags, save=False)
    configure_plain("warning")
    commands.warn_of_proxies()
    with LiveReport() as live:
        (finished,) = uvloop.run(run_scenarios(settings, list(settings.scenarios), live.update, sys.argv))
    return finished.result
