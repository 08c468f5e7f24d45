"""The command line: arguments only; what they do is in `swelld.app`."""

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


def main() -> None:
    """Entry point of the `swelld` command."""
    app()
