"""`swelld recommend`."""

from pathlib import Path
from typing import Annotated

import typer

from swelld.cli.options import LOAD, OUTPUT, PROMPTS, TARGETS, bad_input, option

commands = typer.Typer()


@commands.command()
def recommend(
    server: Annotated[str, option("--server -s", "URL of one replica.", TARGETS)],
    peak: Annotated[int, option("--peak-concurrency", "Users at a time that all replicas together are to carry.", LOAD)],
    model: Annotated[str | None, option("--model -m", "The model's name.", TARGETS)] = None,
    api: Annotated[str | None, option("--api", "openai_chat (default), openai_completions or llamacpp.", TARGETS)] = None,
    api_key: Annotated[str | None, option("--api-key", "Sent as a bearer token; never printed.", TARGETS)] = None,
    header: Annotated[list[str] | None, option("--header -H", "NAME: VALUE, with every request; repeatable.", TARGETS)] = None,
    extra_body: Annotated[str | None, option("--extra-body", 'JSON merged into every request, e.g. {"ignore_eos": true}.', TARGETS)] = None,
    insecure: Annotated[bool, option("--insecure", "Accept any TLS certificate. For test systems only.", TARGETS)] = False,
    ttft: Annotated[float | None, option("--ttft-target", "Longest time to the first token, in ms.", LOAD)] = None,
    tpot: Annotated[float | None, option("--tpot-target", "Longest mean time per output token, in ms.", LOAD)] = None,
    e2e: Annotated[float | None, option("--e2e-target", "Longest time to the last token, in ms.", LOAD)] = None,
    goodput: Annotated[float, option("--goodput-target", "Percent of requests that meet all targets (default: 95).", LOAD)] = 95.0,
    headroom: Annotated[float, option("--headroom", "Percent to spare (default: 20).", LOAD)] = 20.0,
    steps: Annotated[str | None, option("--concurrency-steps", "Levels to begin with: 1,10,50,100,200; by default it doubles.", LOAD)] = None,
    num_requests: Annotated[int, option("--num-requests -n", "Requests of a level, at least (default: 100; 5 for each user if that is more).", LOAD)] = 100,
    precision: Annotated[float, option("--precision", "Of the capacity, in percent (default: 5).", LOAD)] = 5.0,
    at_most: Annotated[str | None, option("--at-most", "Longest time for all of it (default: 1h).", LOAD)] = None,
    seed: Annotated[int | None, option("--seed", "Same seed, same prompts.", LOAD)] = None,
    dataset: Annotated[Path | None, option("--dataset", "Prompts from a file: conversations, ShareGPT, JSONL, CSV, text.", PROMPTS)] = None,
    input_len: Annotated[str | None, option("--input-len", "Tokens of a synthetic prompt.", PROMPTS)] = None,
    output_len: Annotated[str | None, option("--output-len", "Tokens asked for with a synthetic prompt.", PROMPTS)] = None,
    gpus_per_replica: Annotated[int | None, typer.Option(min=0, help="By default the GPUs of this machine.", rich_help_panel=OUTPUT, show_default=False)] = None,
    gpu_price: Annotated[float | None, option("--gpu-price", "USD for a GPU and hour.", OUTPUT)] = None,
    output: Annotated[Path | None, option("--output -o", "Write the recommendation to this file as JSON.", OUTPUT)] = None,
    results_dir: Annotated[Path | None, option("--results-dir", "Where the run is kept (default: results).", OUTPUT)] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the run below the results directory.", rich_help_panel=OUTPUT)] = True,
    shards: Annotated[str | None, option("--shards", "Load processes: auto (default), a number or inline.", LOAD)] = None,
) -> None:  # fmt: skip
    """Measure what one replica carries, and say how many replicas and GPUs a peak needs."""
    from swelld.app import recommend as recommending
    from swelld.app.flags import Flags

    flags = Flags(
        server=server, model=model, api=api, api_key=api_key, headers=header or [], extra_body=extra_body,
        insecure=insecure, concurrency="1", seed=seed, dataset=dataset, input_len=input_len,
        output_len=output_len, results=results_dir, shards=shards,
    )  # fmt: skip
    asked = recommending.Asked(
        peak=peak, ttft=ttft, tpot=tpot, e2e=e2e, goodput=goodput, headroom=headroom, steps=steps,
        num_requests=num_requests, precision=precision, at_most=at_most, gpus_per_replica=gpus_per_replica,
        gpu_price=gpu_price,
    )  # fmt: skip
    with bad_input():
        code = recommending.run(flags, asked, output, save=save)
    raise typer.Exit(code)
