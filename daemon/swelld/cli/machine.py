"""What this machine can do."""

from pathlib import Path
from typing import Annotated

import typer

from swelld.cli.options import bad_input

commands = typer.Typer()


@commands.command()
def calibrate(
    seconds: Annotated[float, typer.Option(help="Length of each rung of the two ladders.")] = 3.0,
    shards: Annotated[str, typer.Option(help="Load processes: auto, a number or inline.")] = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rungs to this file as JSON.")] = None,
) -> None:
    """How much this machine can measure with an error under 1 ms, simulator and load on it together: some 40 s."""
    from swelld.app import calibrate as calibration

    with bad_input():
        raise typer.Exit(calibration.run(seconds, shards, output))


@commands.command()
def gpu() -> None:
    """The GPUs of this machine, as they are now."""
    from swelld.app import gpu as gpus

    raise typer.Exit(gpus.show())


@commands.command()
def info() -> None:
    """What this installation can do, and what this machine lets it."""
    from swelld.app import commands as doing

    doing.info()
