"""The command line: arguments only; what they do is in `swelld.app`."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from swelld.app import history

app = typer.Typer(
    name="swelld",
    help="Puts load on LLM inference servers and tells the truth about what came back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(history.commands, name="runs")

TARGETS, LOAD, PROMPTS, OUTPUT = "What to load", "How", "What to ask", "What comes of it"
BAD_INPUT = 2


def _option(name: str, text: str, panel: str) -> Any:
    return typer.Option(*name.split(), help=text, rich_help_panel=panel, show_default=False)


@app.command()
def run(
    config: Annotated[Path | None, _option("--config -c", "Scenarios of this YAML file; flags go over it.", TARGETS)] = None,
    scenario: Annotated[list[str] | None, _option("--scenario", "Only this scenario of the file; repeatable.", TARGETS)] = None,
    server: Annotated[str | None, _option("--server -s", "URL with or without /v1, or the full endpoint.", TARGETS)] = None,
    model: Annotated[str | None, _option("--model -m", "The model's name.", TARGETS)] = None,
    api: Annotated[str | None, _option("--api", "openai_chat (default), openai_completions or llamacpp.", TARGETS)] = None,
    api_key: Annotated[str | None, _option("--api-key", "Sent as a bearer token; never printed.", TARGETS)] = None,
    target: Annotated[list[str] | None, _option("--target -t", "NAME=URL[,model=M][,api=A][,weight=0.3]; repeatable. With --config: a target's name.", TARGETS)] = None,
    header: Annotated[list[str] | None, _option("--header -H", "NAME: VALUE, with every request; repeatable.", TARGETS)] = None,
    extra_body: Annotated[str | None, _option("--extra-body", 'JSON merged into every request, e.g. {"ignore_eos": true}.', TARGETS)] = None,
    stream: Annotated[bool | None, _option("--stream/--no-stream", "Stream the answers (default).", TARGETS)] = None,
    insecure: Annotated[bool, _option("--insecure", "Accept any TLS certificate. For test systems only.", TARGETS)] = False,
    timeout: Annotated[str | None, _option("--timeout", "Longest time of a request, e.g. 10m.", TARGETS)] = None,
    list_targets: Annotated[bool, _option("--list-targets", "Show the targets and stop.", TARGETS)] = False,
    preset: Annotated[str | None, _option("--preset", "quick, standard or stress.", LOAD)] = None,
    concurrency: Annotated[str | None, _option("--concurrency", "Requests at a time, one stage each: 1,10,50.", LOAD)] = None,
    qps: Annotated[str | None, _option("--qps --rate", "Requests per second, one stage each: 1,5,10 or 600/min or 1..20.", LOAD)] = None,
    arrivals: Annotated[str | None, _option("--arrivals", "constant (default), poisson or gamma.", LOAD)] = None,
    burstiness: Annotated[float | None, _option("--burstiness", "Of gamma arrivals: below 1 is burstier than Poisson.", LOAD)] = None,
    mode: Annotated[str | None, _option("--mode", "sequential: one request at a time.", LOAD)] = None,
    iterations: Annotated[int | None, _option("--iterations", "How often each prompt is asked, one at a time.", LOAD)] = None,
    num_prompts: Annotated[int | None, _option("--num-prompts -n", "Requests of each stage.", LOAD)] = None,
    duration: Annotated[str | None, _option("--duration -d", "Time of each stage: 60, 90s, 2m.", LOAD)] = None,
    warmup: Annotated[int | None, _option("--warmup", "Requests before the measured window.", LOAD)] = None,
    ramp_up: Annotated[str | None, _option("--ramp-up", "Time over which users start.", LOAD)] = None,
    max_in_flight: Annotated[int | None, _option("--max-in-flight", "With --qps: arrivals beyond it are dropped and counted.", LOAD)] = None,
    window: Annotated[str | None, _option("--window", "all (default), or steady: figures without ramp and drain.", LOAD)] = None,
    shards: Annotated[str | None, _option("--shards", "Load processes: auto (default), a number or inline.", LOAD)] = None,
    seed: Annotated[int | None, _option("--seed", "Same seed, same prompts and arrivals.", LOAD)] = None,
    prompts: Annotated[str | None, _option("--prompts", "synthetic (default) or suite (18 curated prompts).", PROMPTS)] = None,
    dataset: Annotated[Path | None, _option("--dataset", "Prompts from a file: conversations, ShareGPT, JSONL, CSV, text.", PROMPTS)] = None,
    input_len: Annotated[str | None, _option("--input-len", "Tokens of a synthetic prompt.", PROMPTS)] = None,
    output_len: Annotated[str | None, _option("--output-len", "Tokens asked for with a synthetic prompt.", PROMPTS)] = None,
    max_tokens: Annotated[int | None, _option("--max-tokens", "Longest answer where the prompt sets none.", PROMPTS)] = None,
    temperature: Annotated[float | None, _option("--temperature", "Sampling temperature.", PROMPTS)] = None,
    tokenizer: Annotated[str | None, _option("--tokenizer", "cl100k_base, o200k_base or a tokenizer.json, to count and check output tokens.", PROMPTS)] = None,
    goodput: Annotated[str | None, _option("--goodput", "Objectives in ms: ttft:500,tpot:50,e2e:5000.", OUTPUT)] = None,
    percentiles: Annotated[str | None, _option("--percentiles", "In the tables: 50,95,99.", OUTPUT)] = None,
    output: Annotated[Path | None, _option("--output -o", "Write the result to this file, too.", OUTPUT)] = None,
    results_dir: Annotated[Path | None, _option("--results-dir", "Where every run is kept (default: results).", OUTPUT)] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the run below the results directory.", rich_help_panel=OUTPUT)] = True,
    pushgateway: Annotated[str | None, _option("--pushgateway", "Push the figures to this Pushgateway: http://HOST:9091.", OUTPUT)] = None,
    push_job: Annotated[str | None, _option("--push-job", "The job label of what is pushed (default: swelld).", OUTPUT)] = None,
    fail_on_slo: Annotated[bool, _option("--fail-on-slo", "Exit with 1 if an objective was missed.", OUTPUT)] = False,
) -> None:  # fmt: skip
    """Run scenarios now and report: from flags alone, or from a file."""
    from swelld.app import commands
    from swelld.app.flags import Flags

    flags = Flags(
        server=server, model=model, api=api, api_key=api_key, targets=target or [], headers=header or [],
        extra_body=extra_body, stream=stream, max_tokens=max_tokens, temperature=temperature, insecure=insecure,
        timeout=timeout, tokenizer=tokenizer, mode=mode, preset=preset, concurrency=concurrency, qps=qps,
        arrivals=arrivals, burstiness=burstiness, iterations=iterations, num_prompts=num_prompts, duration=duration,
        warmup=warmup, ramp_up=ramp_up, max_in_flight=max_in_flight, window=window, prompts=prompts, dataset=dataset,
        input_len=input_len, output_len=output_len, goodput=goodput, seed=seed, shards=shards, results=results_dir,
        pushgateway=pushgateway, push_job=push_job,
    )  # fmt: skip
    with _bad_input():
        settings = commands.settings_of(config, flags, save=save)
        if list_targets:
            commands.list_targets(settings)
            return
        chosen = commands.choose(settings, scenario or [], [t for t in target or [] if "=" not in t])
        code = commands.run(chosen, output, commands.percentiles_of(percentiles), fail_on_slo=fail_on_slo)
    raise typer.Exit(code)


@app.command()
def daemon(
    config: Annotated[Path | None, typer.Argument(help="YAML file; without it everything comes from SWELLD_* variables.")] = None,
) -> None:  # fmt: skip
    """Run the scenarios of a file or of the environment for as long as it lives; serve /metrics."""
    from swelld.app import commands

    with _bad_input():
        commands.daemon(config)


@app.command()
def check(
    config: Annotated[Path | None, typer.Argument(help="YAML file; the environment goes over it.")] = None,
) -> None:
    """Validate a configuration and print what it comes to, secrets redacted."""
    from swelld.app import commands

    with _bad_input():
        commands.check(config)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sim(context: typer.Context) -> None:
    """A simulated LLM server that knows the truth about its own timing; `swelld sim --help` shows its options."""
    from swelld.sim.__main__ import main as simulate

    raise typer.Exit(simulate(context.args))


@app.command()
def demo(
    stay: Annotated[bool, typer.Option("--stay/--exit", help="Stay up after the result, until Ctrl-C.")] = True,
    listen: Annotated[str, typer.Option(help="HOST:PORT of /metrics and the API.")] = "127.0.0.1:9464",
) -> None:
    """Show the whole thing: simulator, daemon, a scenario with live progress, its result, and where to look next."""
    from swelld.app import demo as show

    with _bad_input():
        raise typer.Exit(show.run(listen, stay=stay))


@app.command()
def calibrate(
    seconds: Annotated[float, typer.Option(help="Length of each rung of the two ladders.")] = 3.0,
    shards: Annotated[str, typer.Option(help="Load processes: auto, a number or inline.")] = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rungs to this file as JSON.")] = None,
) -> None:
    """How much this machine can measure with an error under 1 ms, simulator and load on it together: some 40 s."""
    from swelld.app import calibrate as calibration

    with _bad_input():
        raise typer.Exit(calibration.run(seconds, shards, output))


@app.command()
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

    with _bad_input():
        writer = analysis.model_of(at, model, api_key_env, max_tokens, extra_body, timeout)
        analysis.run(run, writer, language, output, config, store)


@app.command()
def recommend(
    server: Annotated[str, _option("--server -s", "URL of one replica.", TARGETS)],
    peak: Annotated[int, _option("--peak-concurrency", "Users at a time that all replicas together are to carry.", LOAD)],
    model: Annotated[str | None, _option("--model -m", "The model's name.", TARGETS)] = None,
    api: Annotated[str | None, _option("--api", "openai_chat (default), openai_completions or llamacpp.", TARGETS)] = None,
    api_key: Annotated[str | None, _option("--api-key", "Sent as a bearer token; never printed.", TARGETS)] = None,
    header: Annotated[list[str] | None, _option("--header -H", "NAME: VALUE, with every request; repeatable.", TARGETS)] = None,
    extra_body: Annotated[str | None, _option("--extra-body", 'JSON merged into every request, e.g. {"ignore_eos": true}.', TARGETS)] = None,
    insecure: Annotated[bool, _option("--insecure", "Accept any TLS certificate. For test systems only.", TARGETS)] = False,
    ttft: Annotated[float | None, _option("--ttft-target", "Longest time to the first token, in ms.", LOAD)] = None,
    tpot: Annotated[float | None, _option("--tpot-target", "Longest mean time per output token, in ms.", LOAD)] = None,
    e2e: Annotated[float | None, _option("--e2e-target", "Longest time to the last token, in ms.", LOAD)] = None,
    goodput: Annotated[float, _option("--goodput-target", "Percent of requests that meet all targets (default: 95).", LOAD)] = 95.0,
    headroom: Annotated[float, _option("--headroom", "Percent to spare (default: 20).", LOAD)] = 20.0,
    steps: Annotated[str | None, _option("--concurrency-steps", "Levels to begin with: 1,10,50,100,200; by default it doubles.", LOAD)] = None,
    num_requests: Annotated[int, _option("--num-requests -n", "Requests of a level, at least (default: 100; 5 for each user if that is more).", LOAD)] = 100,
    precision: Annotated[float, _option("--precision", "Of the capacity, in percent (default: 5).", LOAD)] = 5.0,
    at_most: Annotated[str | None, _option("--at-most", "Longest time for all of it (default: 1h).", LOAD)] = None,
    seed: Annotated[int | None, _option("--seed", "Same seed, same prompts.", LOAD)] = None,
    dataset: Annotated[Path | None, _option("--dataset", "Prompts from a file: conversations, ShareGPT, JSONL, CSV, text.", PROMPTS)] = None,
    input_len: Annotated[str | None, _option("--input-len", "Tokens of a synthetic prompt.", PROMPTS)] = None,
    output_len: Annotated[str | None, _option("--output-len", "Tokens asked for with a synthetic prompt.", PROMPTS)] = None,
    gpus_per_replica: Annotated[int | None, typer.Option(min=0, help="By default the GPUs of this machine.", rich_help_panel=OUTPUT, show_default=False)] = None,
    gpu_price: Annotated[float | None, _option("--gpu-price", "USD for a GPU and hour.", OUTPUT)] = None,
    output: Annotated[Path | None, _option("--output -o", "Write the recommendation to this file as JSON.", OUTPUT)] = None,
    results_dir: Annotated[Path | None, _option("--results-dir", "Where the run is kept (default: results).", OUTPUT)] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the run below the results directory.", rich_help_panel=OUTPUT)] = True,
    shards: Annotated[str | None, _option("--shards", "Load processes: auto (default), a number or inline.", LOAD)] = None,
) -> None:  # fmt: skip
    """Measure what one replica carries, and say how many replicas and GPUs a peak needs."""
    from swelld.app import recommend as recommending
    from swelld.app.flags import Flags

    flags = Flags(
        server=server, model=model, api=api, api_key=api_key, headers=header or [], extra_body=extra_body,
        insecure=insecure, concurrency="1", num_prompts=num_requests, seed=seed, dataset=dataset, input_len=input_len,
        output_len=output_len, results=results_dir, shards=shards,
    )  # fmt: skip
    question = recommending.Question(
        peak=peak, ttft=ttft, tpot=tpot, e2e=e2e, goodput=goodput, headroom=headroom, steps=steps, precision=precision,
        at_most=at_most, gpus_per_replica=gpus_per_replica, gpu_price=gpu_price,
    )  # fmt: skip
    with _bad_input():
        code = recommending.run(flags, question, output, save=save)
    raise typer.Exit(code)


@app.command()
def token(
    name: Annotated[str, typer.Option(help="Who will use it, for the audit log.")] = "me",
    role: Annotated[str, typer.Option(help="read, operate or admin.")] = "operate",
) -> None:
    """A new token for the API, and its hash for `web.tokens`."""
    from swelld.app import token as tokens

    with _bad_input():
        tokens.show(name, role)


@app.command()
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

    with _bad_input():
        exporting.export(run, form, what, output, config, store, force=force)


@app.command()
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

    with _bad_input():
        raise typer.Exit(plotting.plot(runs, output, form, only or (), config, store))


@app.command()
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

    with _bad_input():
        asked = [form for form, wanted in (("json", as_json), ("md", as_markdown), ("csv", as_csv)) if wanted]
        raise typer.Exit(comparing.compare(runs, fail_if or (), by, asked, config, store, strict=strict))


@app.command()
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
    with _bad_input():
        raise typer.Exit(validating.validate(run, flags, config, store, as_json=as_json))


@app.command()
def gpu() -> None:
    """The GPUs of this machine, as they are now."""
    from swelld.app import gpu as gpus

    raise typer.Exit(gpus.show())


@app.command()
def info() -> None:
    """What this installation can do, and what this machine lets it."""
    from swelld.app import commands

    commands.info()


class _bad_input:  # noqa: N801 - reads as the block it opens
    """Whatever the user can mend ends with its message and exit code 2, without a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from swelld.app.commands import MENDABLE

        if isinstance(error, MENDABLE):
            _refuse(error)


def _refuse(error: BaseException) -> NoReturn:
    typer.echo(f"swelld: {error}", err=True)
    raise typer.Exit(BAD_INPUT) from None


def main() -> None:
    """Entry point of the `swelld` command."""
    app()


if __name__ == "__main__":
    sys.exit(app())
