"""What is done with runs that are over."""

from pathlib import Path
from typing import Annotated

import typer

from swelld.app import history
from swelld.cli.options import bad_input

commands = typer.Typer()


@commands.command()
def analyze(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A result.json, the directory of a run, a run's id in the store, or `latest`.")],
    at: Annotated[str | None, typer.Option("--with", metavar="URL", help="An OpenAI-compatible server that writes it; without it rules do.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model there.")] = None,
    api_key_env: Annotated[str | None, typer.Option("--api-key-env", metavar="VAR", help="Environment variable that holds its API key.")] = None,
    language: Annotated[str, typer.Option(help="Of the report: en, ko; with a model any.")] = "en",
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer of the model; its server's default if not given.")] = None,
    extra_body: Annotated[str | None, typer.Option(help='JSON merged into the request, e.g. {"temperature": 0}.')] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest time for the answer (default: 10m).")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this Markdown file, too.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file whose `store` holds the runs.")] = None,
    store: Annotated[str | None, typer.Option(help="Its directory, or the URL of a database.")] = None,
) -> None:  # fmt: skip
    """Explain a run in words: by a model whose every number is looked up in the data, or by rules."""
    from swelld.app import analyze as analysis

    with bad_input():
        writer = analysis.model_of(at, model, api_key_env, max_tokens, extra_body, timeout)
        analysis.run(run, writer, language, output, config, store)


@commands.command()
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A results directory, result.json, a run's id, or latest.")],
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="json, csv, xlsx, md, html or text; by default as FILE ends.")
    ] = None,
    what: Annotated[str, typer.Option(help="summary, or the single requests (csv and json).")] = "summary",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="This file; - is standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: history.ConfigFlag = None,
    store: history.StoreFlag = None,
) -> None:
    """A run as JSON, CSV, an Excel workbook, Markdown for a pull request, an HTML report, or text."""
    from swelld.app import export as exporting

    with bad_input():
        exporting.export(run, form, what, output, config, store, force=force)


@commands.command()
def plot(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Results directories, files or ids; NAME=RUN names one.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for the pictures.")] = Path("plots"),
    form: Annotated[str, typer.Option("--format", "-f", help="png, svg or pdf.")] = "png",
    only: Annotated[list[str] | None, typer.Option(help="Only this plot, e.g. saturation or ttft; repeatable.")] = None,
    config: history.ConfigFlag = None,
    store: history.StoreFlag = None,
) -> None:
    """Draw the saturation sheet of each run, and all runs and targets side by side."""
    from swelld.app import plot as plotting

    with bad_input():
        raise typer.Exit(plotting.plot(runs, output, form, only or (), config, store))


@commands.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="BASE [NEW...]", help="Results directories, files or ids; NAME=RUN names one.")],
    fail_if: Annotated[list[str] | None, typer.Option("--fail-if", metavar="THRESHOLD", help="'ttft.p95 > +10%', 'goodput < -2%'; repeatable.")] = None,
    by: Annotated[str, typer.Option(help="stage: runs beside BASE; target or model: those of all runs beside the first.")] = "stage",
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="For a pull request.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A row for each figure.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 also where it is unclear whether it is a regression.")] = False,
    config: history.ConfigFlag = None,
    store: history.StoreFlag = None,
) -> None:  # fmt: skip
    """Runs side by side, with the interval of every change; exit code 1 for a regression that chance does not explain."""
    from swelld.app import compare as comparing

    with bad_input():
        asked = [form for form, wanted in (("json", as_json), ("md", as_markdown), ("csv", as_csv)) if wanted]
        raise typer.Exit(comparing.compare(runs, fail_if or (), by, asked, config, store, strict=strict))


@commands.command()
def validate(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="A results directory, result.json, a run's id, or latest.")] = None,
    server: Annotated[str | None, typer.Option("--server", "-s", help="Instead of a RUN: make a short one against this URL.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model's name there.")] = None,
    api: Annotated[str | None, typer.Option(help="openai_chat (default), openai_completions or llamacpp.")] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", help="Sent as a bearer token; never printed.")] = None,
    requests: Annotated[int, typer.Option("--num-prompts", "-n", min=1, help="Requests of that run.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="What the servers said, as JSON.")] = False,
    config: history.ConfigFlag = None,
    store: history.StoreFlag = None,
) -> None:  # fmt: skip
    """Client against server: what swelld measured beside what the server's own metrics counted; 1 if they disagree."""
    from swelld.app import validate as validating
    from swelld.app.flags import Flags

    flags = Flags(
        server=server, model=model, api=api, api_key=api_key, num_prompts=requests, concurrency=validating.CONCURRENCY,
    )  # fmt: skip
    with bad_input():
        raise typer.Exit(validating.validate(run, flags, config, store, as_json=as_json))
