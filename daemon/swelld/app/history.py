"""`swelld runs`: what was run, as the store has it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from swelld.store.base import Filter, Listing, RunSummary
    from swelld.store.runs import StoredRuns
    from swelld.store.settings import Store

T = TypeVar("T")

BAD_INPUT: Final = 2
LATEST: Final = "latest"

commands = typer.Typer(help="Runs that were kept: list, show, delete, annotate.", no_args_is_help=False)

ConfigFlag = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file whose `store` holds the runs.")]
StoreFlag = Annotated[str | None, typer.Option("--store", help="Its directory, or the URL of a database.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or `latest`.")]


@commands.callback(invoke_without_command=True)
def runs(context: typer.Context) -> None:
    """Runs that were kept; without a command the latest ones."""
    if context.invoked_subcommand is None:
        list_runs()


@commands.command("list")
def list_runs(
    scenario: Annotated[str | None, typer.Option(help="Only of this scenario.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; repeatable.")] = None,
    target: Annotated[str | None, typer.Option(help="Only with this target.")] = None,
    model: Annotated[str | None, typer.Option(help="Only with this model.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Only with NAME=VALUE, or with a label NAME.")] = None,
    since: Annotated[str | None, typer.Option(help="Begun then or later: 7d, 12h, 2026-11-14.")] = None,
    until: Annotated[str | None, typer.Option(help="Begun before.")] = None,
    text: Annotated[str | None, typer.Option(help="In the id, scenario, note or a label.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Runs shown.")] = 30,
    after: Annotated[str | None, typer.Option(help="The page behind another: what that one said.")] = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    store: StoreFlag = None,
) -> None:
    """The latest runs, newest first."""
    with _mendable():
        from swelld.store.base import Filter, Page

        wanted = Filter(
            scenario=scenario,
            states=tuple(state or ()),
            target=target,
            model=model,
            labels=dict(_label(one, lone=True) for one in label or ()),
            since=moment(since),
            until=moment(until),
            text=text,
        )
        found = _ask(config, store, lambda kept: kept.list(wanted, Page(limit, after)))
        _print_json(found) if as_json else _print_list(found, wanted)


@commands.command()
def show(run: RunName, as_json: JsonFlag = False, config: ConfigFlag = None, store: StoreFlag = None) -> None:
    """The result of a run; of one under way or interrupted, up to its last checkpoint."""
    with _mendable():

        async def look(kept: "StoredRuns") -> tuple["RunSummary", Any]:
            summary = await find(kept, run)
            return summary, await kept.get(summary.id)

        summary, result = _ask(config, store, look)
        if as_json:
            _print_json({"run": summary, "result": result})
            return
        from rich.console import Console

        from swelld.report.tables import ResultReport

        console = Console()
        console.print(ResultReport(result))
        for line in _remarks(summary):
            console.print(line, style="dim", highlight=False, markup=False)


@commands.command()
def delete(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs' ids.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigFlag = None,
    store: StoreFlag = None,
) -> None:
    """Delete runs from the store, for good. Directories below `results` stay."""
    with _mendable():
        if not yes:
            typer.confirm(f"Delete {', '.join(runs)} from the store?", abort=True)

        async def remove(kept: "StoredRuns") -> None:
            for run in runs:
                if not await kept.delete(run):
                    raise ValueError(_unknown(run))
                print(f"{run} is deleted")

        _ask(config, store, remove)


@commands.command()
def note(
    run: RunName,
    text: Annotated[str, typer.Argument(help="Replaces the note; an empty one takes it away.")],
    config: ConfigFlag = None,
    store: StoreFlag = None,
) -> None:
    """Write a note at a run."""
    with _mendable():

        async def write(kept: "StoredRuns") -> None:
            await kept.annotate((await find(kept, run)).id, note=text)

        _ask(config, store, write)


@commands.command()
def label(
    run: RunName,
    labels: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Labels to set.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A label to take away; repeatable.")] = None,
    config: ConfigFlag = None,
    store: StoreFlag = None,
) -> None:
    """Set labels on a run, or take some away."""
    with _mendable():
        changes: dict[str, str | None] = dict.fromkeys(remove or ())
        changes |= dict(_label(one) for one in labels or ())
        if not changes:
            raise ValueError("nothing to do: give NAME=VALUE or --remove NAME")

        async def write(kept: "StoredRuns") -> None:
            await kept.annotate((await find(kept, run)).id, labels=changes)

        _ask(config, store, write)


async def find(kept: "StoredRuns", run: str) -> "RunSummary":
    """The one run of that id, or whose id begins like that, or the latest; ValueError if there is no such one."""
    from swelld.store.base import LARGEST_PAGE, Filter, Page

    if run == LATEST:
        newest = (await kept.list(Filter(), Page(1))).runs
        if newest:
            return newest[0]
        raise ValueError("no run is kept here yet")
    if summary := await kept.summary(run):
        return summary
    near = [one for one in (await kept.list(Filter(text=run), Page(LARGEST_PAGE))).runs if one.id.startswith(run)]
    if len(near) > 1:
        raise ValueError(f"{len(near)} runs begin with {run}: {near[0].id}, {near[1].id}, ...; write more of the id")
    if not near:
        raise ValueError(_unknown(run))
    return near[0]


def store_settings(config: Path | None, store: str | None) -> "Store":
    """Where runs are: as said on the command line, else in a file, else in the environment, else below here."""
    import os

    from swelld.settings import Settings, load_settings
    from swelld.settings.environment import FILE_VARIABLE, read_environment
    from swelld.store.settings import Store

    if store is not None:
        return Store.model_validate({"url": store} if "://" in store else {"dir": store})
    if config is not None or os.environ.get(FILE_VARIABLE):
        return load_settings(config, os.environ).store
    return Store.model_validate(read_environment(os.environ, Settings, {}).data.get("store", {}))


def moment(text: str | None) -> float | None:
    """Unix seconds of `7d` (ago) or of a date with or without a time of day; ValueError for anything else."""
    if text is None:
        return None
    import time
    from datetime import datetime

    from swelld.config import parse_duration

    try:
        return time.time() - float(parse_duration(text))
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is no moment: write 7d or 12h (ago), 2026-11-14 or 2026-11-14T08:00") from None


def _label(text: str, *, lone: bool = False) -> tuple[str, str]:
    import re

    name, equals, value = text.partition("=")
    if not (equals or lone) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", name):
        raise ValueError(f"{text!r} is no label: write NAME=VALUE, the name of letters, digits, `_`, `.` and `-`")
    return name, value


def _unknown(run: str) -> str:
    return f"there is no run {run}: `swelld runs` lists those that are kept"


@asynccontextmanager
async def _opened(settings: "Store") -> "AsyncIterator[StoredRuns]":
    from swelld.store.runs import StoredRuns

    kept = StoredRuns(settings)
    try:
        yield kept
    finally:
        await kept.aclose()


def _ask(config: Path | None, store: str | None, question: "Callable[[StoredRuns], Coroutine[Any, Any, T]]") -> T:
    from swelld.app.entering import enter, left_out
    from swelld.store.settings import FILE

    settings = store_settings(config, store)
    elsewhere = store is not None and "://" in store  # then what lies about here is not meant for it
    new = [] if elsewhere else left_out(settings.dir)
    if settings.url is None and not new and not (settings.dir / FILE).exists():
        place = settings.dir / FILE
        text = "no runs are kept in %s yet: use `swelld run`, start a daemon, or say where they are with --store or -c"
        raise ValueError(text % place)

    async def ask() -> T:
        async with _opened(settings) as kept:
            await enter(kept, new)
            return await question(kept)

    return asyncio.run(ask())


def _print_json(data: object) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")


def _print_list(found: "Listing", wanted: "Filter") -> None:
    from rich.console import Console

    from swelld.app.history_table import RunsTable

    if not found.runs:
        print("No run matches." if wanted != type(wanted)() else "No run is kept here yet.")
        return
    console = Console()
    console.print(RunsTable(found.runs))
    if found.next:
        rest = f"{len(found.runs)} of {found.count} runs; the next ones: --after {found.next}"
        console.print(rest, style="dim", highlight=False, soft_wrap=True)


def _remarks(summary: "RunSummary") -> Iterator[str]:
    yield ""
    yield f"Run {summary.id} on {summary.instance}, seed {summary.seed}, swelld {summary.version}"
    if summary.reason:
        yield f"It {summary.state}: {summary.reason}"
    if summary.labels:
        yield "Labels: " + ", ".join(f"{name}={value}" for name, value in summary.labels.items())
    if summary.note:
        yield f"Note: {summary.note}"


@contextmanager
def _mendable() -> Iterator[None]:
    """Whatever the user can mend ends with its message and exit code 2, without a traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"swelld: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except Exception as error:
        from swelld.app.commands import MENDABLE

        if not isinstance(error, MENDABLE):
            raise
        typer.echo(f"swelld: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
