"""The flags of `swelld run` as raw settings: a target or several, and one scenario, with the flag as their place."""

import json
from collections.abc import Sequence
from typing import Any, Final

from swelld.app.flag_prompts import put_prompts
from swelld.app.flag_values import PRESETS, SCENARIO, FlagError, Flags, Put
from swelld.settings.tree import Path as Keys
from swelld.settings.tree import Tree

__all__ = ["SCENARIO", "FlagError", "Flags", "as_tree"]

DEFAULT_REQUESTS: Final = 100
DEFAULT_SECONDS: Final = 60


class _Builder:
    """Puts values at their paths and remembers which flag they came from."""

    def __init__(self) -> None:
        self.tree = Tree()

    def put(self, path: Keys, value: Any, flag: str) -> None:
        if value is None:
            return
        data = self.tree.data
        for depth, key in enumerate(path[:-1]):
            data = data.setdefault(str(key), {})
            self.tree.places.setdefault(path[: depth + 1], flag)
        data[str(path[-1])] = value
        self.tree.places[path] = flag


def as_tree(flags: Flags, *, alone: bool) -> Tree:
    """Raw settings of the flags; `alone` (no file) fills in the rest of a scenario. FlagError names a bad flag."""
    build = _Builder()
    names = _put_targets(flags, build.put, alone=alone)
    for name in names:
        _put_common(flags, name, build.put)
    build.put(("seed",), flags.seed, "--seed")
    build.put(("shards",), flags.shards, "--shards")
    build.put(("store", "dir"), str(flags.results) if flags.results else None, "--results-dir")
    build.put(("exporters", "pushgateway", "url"), flags.pushgateway, "--pushgateway")
    build.put(("exporters", "pushgateway", "job"), flags.push_job, "--push-job")
    if alone:
        _refuse_contradictions(flags)
        _put_scenario(_with_preset(flags), build.put)
    else:
        _refuse_unused(flags, names)
    return build.tree


def _refuse_contradictions(flags: Flags) -> None:
    made_up = flags.dataset is None and flags.trace is None and flags.prompts in (None, "synthetic")
    if (flags.input_len or flags.output_len) and not made_up:
        raise FlagError("--input-len and --output-len are for synthetic prompts; with others use --max-tokens")
    if flags.trace is not None and (flags.dataset or flags.prompts or flags.turns):
        raise FlagError("--trace: its prompts are made up; leave out --dataset, --prompts and --turns")
    if flags.trace_speed is not None and (flags.trace is None or not _replays(flags) or flags.preset):
        raise FlagError("--trace-speed: needs --trace, and none of --concurrency, --qps, --mode and --preset")
    if flags.turns is not None and flags.prompts is not None:
        raise FlagError("--turns: sessions are made up, or of a --dataset; leave out --prompts")


def _replays(flags: Flags) -> bool:
    """Whether the moments of a trace are the load."""
    sequential = flags.mode is not None or flags.iterations is not None
    return flags.trace is not None and not (flags.concurrency or flags.qps or sequential)


_OF_TARGETS: Final = {
    "model", "api", "api_key", "headers", "extra_body", "stream", "max_tokens", "temperature", "insecure", "timeout",
    "tokenizer",
}  # fmt: skip
_WITH_A_FILE: Final = {"server", "targets", "seed", "shards", "results", "pushgateway", "push_job"}


def _refuse_unused(flags: Flags, names: Sequence[str]) -> None:
    """With a file, a scenario is the file's; a flag that would have no effect is a mistake."""
    given = [name for name in flags.__dataclass_fields__ if getattr(flags, name) not in (None, False, [])]
    for name in given:
        flag = f"--{name.removesuffix('s') if name == 'headers' else name}".replace("_", "-")
        if name in _OF_TARGETS and not names:
            raise FlagError(f"{flag}: a file's targets keep what the file says; write it there, or give --server URL")
        if name not in _OF_TARGETS | _WITH_A_FILE:
            raise FlagError(f"{flag}: the load comes from the file; write it there, or leave out --config")


def _put_targets(flags: Flags, put: Put, *, alone: bool) -> list[str]:
    names = []
    if flags.server is not None:
        name = flags.model.rsplit("/", 1)[-1] if flags.model else "main"
        name = "".join(c if c.isalnum() or c in "_.-" else "-" for c in name)[:63].lstrip("_.-") or "main"
        put(("targets", name, "url"), flags.server, "--server")
        names.append(name)
    for text in flags.targets:
        name, equals, rest = text.partition("=")
        if not equals:
            if alone:
                raise FlagError(f"--target {text}: write NAME=URL[,model=MODEL][,api=API][,weight=0.3]")
            continue
        url, *more = rest.split(",")
        put(("targets", name, "url"), url, "--target")
        for part in more:
            key, _, value = part.partition("=")
            if key not in ("model", "api", "weight"):
                raise FlagError(f"--target {text}: {key!r} is not known; use model=, api= or weight=")
            if key != "weight":
                put(("targets", name, key), value, "--target")
        names.append(name)
    if alone and not names:
        raise FlagError("no target: give --server URL --model NAME, or --target NAME=URL, or --config FILE")
    return names


def _put_common(flags: Flags, name: str, put: Put) -> None:
    at = ("targets", name)
    put((*at, "model"), flags.model, "--model")
    put((*at, "api"), flags.api, "--api")
    put((*at, "api_key"), flags.api_key, "--api-key")
    put((*at, "stream"), flags.stream, "--stream/--no-stream")
    put((*at, "max_tokens"), flags.max_tokens, "--max-tokens")
    put((*at, "temperature"), flags.temperature, "--temperature")
    put((*at, "tokenizer"), _known_tokenizer(flags.tokenizer), "--tokenizer")
    put((*at, "timeouts", "total"), flags.timeout, "--timeout")
    put((*at, "tls", "verify"), False if flags.insecure else None, "--insecure")
    for header in flags.headers:
        key, colon, value = header.partition(":")
        if not colon:
            raise FlagError(f"--header {header}: write NAME: VALUE")
        put((*at, "headers", key.strip()), value.strip(), "--header")
    if flags.extra_body is not None:
        put((*at, "extra_body"), _json_object(flags.extra_body), "--extra-body")


def _with_preset(flags: Flags) -> Flags:
    """What a preset sets and no flag does."""
    from dataclasses import asdict

    preset = flags.preset
    if preset is None and not (flags.concurrency or flags.qps or flags.mode or flags.iterations or flags.trace):
        preset = "quick"
    if preset is None:
        return flags
    if preset not in PRESETS:
        raise FlagError(f"--preset {preset}: use one of {', '.join(PRESETS)}")
    given = {name: value for name, value in asdict(flags).items() if value is not None}
    defaults = PRESETS[preset]
    if flags.qps or flags.mode or flags.iterations:
        defaults = {name: value for name, value in defaults.items() if name != "concurrency"}
    return Flags(**(defaults | given))


def _put_scenario(flags: Flags, put: Put) -> None:
    at = ("scenarios", SCENARIO)
    _put_load(flags, put)
    weights = {t.partition("=")[0]: part for t in flags.targets for part in t.split(",") if part.startswith("weight=")}
    if weights:
        shares = [{"target": name, "weight": part.partition("=")[2]} for name, part in weights.items()]
        put((*at, "targets"), shares, "--target")
    put((*at, "warmup", "requests"), flags.warmup, "--warmup")
    put((*at, "max_in_flight"), flags.max_in_flight, "--max-in-flight")
    put((*at, "window"), flags.window, "--window")
    put((*at, "contention"), "solo_first" if flags.solo_first else None, "--solo-first")
    put_prompts(flags, put)
    for name, milliseconds in _goodput(flags.goodput):
        put((*at, "objectives", name), f"{milliseconds}ms", "--goodput")


def _put_load(flags: Flags, put: Put) -> None:
    at = ("scenarios", SCENARIO)
    sequential = flags.mode == "sequential" or flags.iterations is not None
    if flags.mode not in (None, "sequential", "concurrent"):
        raise FlagError(f"--mode {flags.mode}: use sequential or concurrent")
    if sum((sequential, flags.qps is not None, flags.concurrency is not None)) > 1:
        raise FlagError("give one of --concurrency, --qps and --mode sequential")
    put((*at, "requests"), flags.num_prompts, "--num-prompts")
    put((*at, "duration"), flags.duration, "--duration")
    unbounded = flags.num_prompts is None and flags.duration is None
    if sequential:
        put((*at, "load", "iterations"), flags.iterations or 1, "--iterations")
    elif _replays(flags):
        put((*at, "load", "replay"), flags.trace_speed or "1x", "--trace-speed")
    elif flags.qps is not None:
        put((*at, "load", "rate"), flags.qps, "--qps")
        put((*at, "duration"), DEFAULT_SECONDS if unbounded else None, "--duration")
    else:
        put((*at, "load", "concurrency"), flags.concurrency, "--concurrency")
        put((*at, "requests"), DEFAULT_REQUESTS if unbounded else None, "--num-prompts")
    put((*at, "load", "arrivals"), flags.arrivals, "--arrivals")  # of the wrong kind of load they are refused there
    put((*at, "load", "burstiness"), flags.burstiness, "--burstiness")
    put((*at, "load", "ramp_up"), flags.ramp_up, "--ramp-up")
    put((*at, *(("prompts",) if flags.turns else ("load",)), "think_time"), flags.think_time, "--think-time")


def _goodput(text: str | None) -> list[tuple[str, float]]:
    """(threshold, milliseconds) of `ttft:500,tpot:50`."""
    found = []
    for part in (text or "").split(","):
        name, _, value = part.strip().partition(":")
        if not name:
            continue
        try:
            found.append((name, float(value)))
        except ValueError:
            raise FlagError(f"--goodput {text}: write NAME:MILLISECONDS, e.g. ttft:500,tpot:50,e2e:5000") from None
    return found


def _known_tokenizer(name: str | None) -> str | None:
    if name is None:
        return None
    from swelld.prompts.tokens import found

    try:
        found(name)
    except ValueError as error:
        raise FlagError(f"--tokenizer: {error}") from None
    return name


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FlagError(f"--extra-body: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise FlagError('--extra-body: write a JSON object, e.g. {"ignore_eos": true}')
    return found
