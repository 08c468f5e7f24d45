"""The daemon, what it is given, and what stands beside it."""

from pathlib import Path
from typing import Annotated

import typer

from swelld.cli.options import bad_input

commands = typer.Typer()


@commands.command()
def daemon(
    config: Annotated[Path | None, typer.Argument(help="YAML file; without it everything comes from SWELLD_* variables.")] = None,
) -> None:  # fmt: skip
    """Run the scenarios of a file or of the environment for as long as it lives; serve /metrics."""
    from swelld.app import commands as doing

    with bad_input():
        doing.daemon(config)


@commands.command()
def check(
    config: Annotated[Path | None, typer.Argument(help="YAML file; the environment goes over it.")] = None,
) -> None:
    """Validate a configuration and print what it comes to, secrets redacted."""
    from swelld.app import commands as doing

    with bad_input():
        doing.check(config)


@commands.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sim(context: typer.Context) -> None:
    """A simulated LLM server that knows the truth about its own timing; `swelld sim --help` shows its options."""
    from swelld.sim.__main__ import main as simulate

    raise typer.Exit(simulate(context.args, "swelld sim"))


@commands.command()
def demo(
    stay: Annotated[bool, typer.Option("--stay/--exit", help="Stay up after the result, until Ctrl-C.")] = True,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Of /metrics and the API; 127.0.0.1:9464 if that is free.")] = None,
) -> None:  # fmt: skip
    """Show the whole thing: simulator, daemon, a scenario with live progress, its result, and where to look next."""
    from swelld.app import demo as show

    with bad_input():
        raise typer.Exit(show.run(listen, stay=stay))


@commands.command()
def token(
    name: Annotated[str, typer.Option(help="Who will use it, for the audit log.")] = "me",
    role: Annotated[str, typer.Option(help="read, operate or admin.")] = "operate",
) -> None:
    """A new token for the API, and its hash for `web.tokens`."""
    from swelld.app import token as tokens

    with bad_input():
        tokens.show(name, role)
