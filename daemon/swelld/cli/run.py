"""`swelld run`: from flags alone, or from a file."""

from pathlib import Path
from typing import Annotated

import typer

from swelld.cli.options import LOAD, OUTPUT, PROMPTS, TARGETS, bad_input, option

commands = typer.Typer()


@commands.command()
def run(
    config: Annotated[Path | None, option("--config -c", "Scenarios of this YAML file; flags go over it.", TARGETS)] = None,
    scenario: Annotated[list[str] | None, option("--scenario", "Only this scenario of the file; repeatable.", TARGETS)] = None,
    server: Annotated[str | None, option("--server -s", "URL with or without /v1, or the full endpoint.", TARGETS)] = None,
    model: Annotated[str | None, option("--model -m", "The model's name.", TARGETS)] = None,
    api: Annotated[str | None, option("--api", "openai_chat (default), openai_completions or llamacpp.", TARGETS)] = None,
    api_key: Annotated[str | None, option("--api-key", "Sent as a bearer token; never printed.", TARGETS)] = None,
    target: Annotated[list[str] | None, option("--target -t", "NAME=URL[,model=M][,api=A][,weight=0.3]; repeatable. With --config: a target's name.", TARGETS)] = None,
    header: Annotated[list[str] | None, option("--header -H", "NAME: VALUE, with every request; repeatable.", TARGETS)] = None,
    extra_body: Annotated[str | None, option("--extra-body", 'JSON merged into every request, e.g. {"ignore_eos": true}.', TARGETS)] = None,
    stream: Annotated[bool | None, option("--stream/--no-stream", "Stream the answers (default).", TARGETS)] = None,
    insecure: Annotated[bool, option("--insecure", "Accept any TLS certificate. For test systems only.", TARGETS)] = False,
    timeout: Annotated[str | None, option("--timeout", "Longest time of a request, e.g. 10m.", TARGETS)] = None,
    list_targets: Annotated[bool, option("--list-targets", "Show the targets and stop.", TARGETS)] = False,
    preset: Annotated[str | None, option("--preset", "quick, standard or stress.", LOAD)] = None,
    concurrency: Annotated[str | None, option("--concurrency", "Requests at a time, one stage each: 1,10,50.", LOAD)] = None,
    qps: Annotated[str | None, option("--qps --rate", "Requests per second, one stage each: 1,5,10 or 600/min or 1..20.", LOAD)] = None,
    arrivals: Annotated[str | None, option("--arrivals", "constant (default), poisson or gamma.", LOAD)] = None,
    burstiness: Annotated[float | None, option("--burstiness", "Of gamma arrivals: below 1 is burstier than Poisson.", LOAD)] = None,
    mode: Annotated[str | None, option("--mode", "sequential: one request at a time.", LOAD)] = None,
    iterations: Annotated[int | None, option("--iterations", "How often each prompt is asked, one at a time.", LOAD)] = None,
    num_prompts: Annotated[int | None, option("--num-prompts -n", "Requests of each stage.", LOAD)] = None,
    duration: Annotated[str | None, option("--duration -d", "Time of each stage: 60, 90s, 2m.", LOAD)] = None,
    warmup: Annotated[int | None, option("--warmup", "Requests before the measured window.", LOAD)] = None,
    ramp_up: Annotated[str | None, option("--ramp-up", "Time over which users start.", LOAD)] = None,
    max_in_flight: Annotated[int | None, option("--max-in-flight", "With --qps: arrivals beyond it are dropped and counted.", LOAD)] = None,
    window: Annotated[str | None, option("--window", "all (default), or steady: figures without ramp and drain.", LOAD)] = None,
    trace_speed: Annotated[str | None, option("--trace-speed", "With --trace: how fast it is replayed, one stage each: 1x (default) or 1x,2x,4x.", LOAD)] = None,
    think_time: Annotated[str | None, option("--think-time", "Mean pause of a user after an answer: 2s.", LOAD)] = None,
    solo_first: Annotated[bool, option("--solo-first", "With several targets: measure each alone before all together, and what it loses.", LOAD)] = False,
    shards: Annotated[str | None, option("--shards", "Load processes: auto (default), a number or inline.", LOAD)] = None,
    seed: Annotated[int | None, option("--seed", "Same seed, same prompts and arrivals.", LOAD)] = None,
    prompts: Annotated[str | None, option("--prompts", "synthetic (default) or suite (18 curated prompts).", PROMPTS)] = None,
    dataset: Annotated[Path | None, option("--dataset", "Prompts from a file: conversations, ShareGPT, JSONL, CSV, text.", PROMPTS)] = None,
    trace: Annotated[Path | None, option("--trace", "Replay a trace: CSV or JSON lines (Azure, BurstGPT, Mooncake).", PROMPTS)] = None,
    turns: Annotated[str | None, option("--turns", "Sessions of so many turns; with --dataset of its dialogues, at most so many.", PROMPTS)] = None,
    input_len: Annotated[str | None, option("--input-len", "Tokens of a synthetic prompt.", PROMPTS)] = None,
    output_len: Annotated[str | None, option("--output-len", "Tokens asked for with a synthetic prompt.", PROMPTS)] = None,
    max_tokens: Annotated[int | None, option("--max-tokens", "Longest answer; a prompt may ask for a shorter one.", PROMPTS)] = None,
    temperature: Annotated[float | None, option("--temperature", "Sampling temperature.", PROMPTS)] = None,
    tokenizer: Annotated[str | None, option("--tokenizer", "cl100k_base, o200k_base or a tokenizer.json, to count and check output tokens.", PROMPTS)] = None,
    goodput: Annotated[str | None, option("--goodput", "Objectives in ms: ttft:500,tpot:50,e2e:5000.", OUTPUT)] = None,
    percentiles: Annotated[str | None, option("--percentiles", "In the tables: 50,95,99.", OUTPUT)] = None,
    output: Annotated[Path | None, option("--output -o", "Write the result to this file, too.", OUTPUT)] = None,
    results_dir: Annotated[Path | None, option("--results-dir", "Where every run is kept (default: results).", OUTPUT)] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the run below the results directory.", rich_help_panel=OUTPUT)] = True,
    pushgateway: Annotated[str | None, option("--pushgateway", "Push the figures to this Pushgateway: http://HOST:9091.", OUTPUT)] = None,
    push_job: Annotated[str | None, option("--push-job", "The job label of what is pushed (default: swelld).", OUTPUT)] = None,
    fail_on_slo: Annotated[bool, option("--fail-on-slo", "Exit with 1 if an objective was missed.", OUTPUT)] = False,
) -> None:  # fmt: skip
    """Run scenarios now and report: from flags alone, or from a file."""
    from swelld.app import commands as doing
    from swelld.app.flags import Flags

    flags = Flags(
        server=server, model=model, api=api, api_key=api_key, targets=target or [], headers=header or [],
        extra_body=extra_body, stream=stream, max_tokens=max_tokens, temperature=temperature, insecure=insecure,
        timeout=timeout, tokenizer=tokenizer, mode=mode, preset=preset, concurrency=concurrency, qps=qps,
        arrivals=arrivals, burstiness=burstiness, iterations=iterations, num_prompts=num_prompts, duration=duration,
        warmup=warmup, ramp_up=ramp_up, max_in_flight=max_in_flight, window=window, prompts=prompts, dataset=dataset,
        input_len=input_len, output_len=output_len, goodput=goodput, seed=seed, shards=shards, results=results_dir,
        pushgateway=pushgateway, push_job=push_job, trace=trace, trace_speed=trace_speed, turns=turns,
        think_time=think_time, solo_first=solo_first,
    )  # fmt: skip
    with bad_input():
        settings = doing.settings_of(config, flags, save=save)
        if list_targets:
            doing.list_targets(settings)
            return
        chosen = doing.choose(settings, scenario or [], [t for t in target or [] if "=" not in t])
        code = doing.run(chosen, output, doing.percentiles_of(percentiles), fail_on_slo=fail_on_slo)
    raise typer.Exit(code)
