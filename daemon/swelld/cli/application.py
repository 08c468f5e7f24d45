"""Every command, with its arguments."""

from typing import Annotated

import typer

from swelld.app import history
from swelld.cli import kept, machine, recommend, run, service

app = typer.Typer(
    name="swelld",
    help="Puts load on LLM inference servers and tells the truth about what came back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for part in (run, recommend, service, kept, machine):
    app.add_typer(part.commands)
app.add_typer(history.commands, name="runs")


def _show_version(wanted: bool) -> None:
    if wanted:
        import swelld

        typer.echo(f"swelld {swelld.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Puts load on LLM inference servers and tells the truth about what came back."""
