"""What commands have in common: how an option is declared, and how bad input ends."""

from typing import Any, NoReturn

import typer

from swelld.cli.streams import lost_output

TARGETS, LOAD, PROMPTS, OUTPUT = "What to load", "How", "What to ask", "What comes of it"
BAD_INPUT = 2


def option(name: str, text: str, panel: str) -> Any:
    """An option without a default to show; `name` is one or more of its names."""
    return typer.Option(*name.split(), help=text, rich_help_panel=panel, show_default=False)


class bad_input:  # noqa: N801 - reads as the block it opens
    """Whatever the user can mend ends with its message and exit code 2, without a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from swelld.app.commands import MENDABLE

        if isinstance(error, MENDABLE) and error is not lost_output():  # of that one `main` tells
            _refuse(error)


def _refuse(error: BaseException) -> NoReturn:
    typer.echo(f"swelld: {error}", err=True)
    raise typer.Exit(BAD_INPUT) from None
