"""What a result says, number by number: what a report about it may quote."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from swelld.analysis.saturation import contended
from swelld.analysis.sweep import ERRORS, LIMIT, Sweep, error_share, read, success_share, sweeps
from swelld.insight.fact import Fact, Unit, growth, known, of_statistics
from swelld.insight.searched import search_facts
from swelld.insight.sharing import contention_facts
from swelld.insight.turns import session_facts
from swelld.result import GpuUse, Result, ServerLevel, ServerResult, StageResult

TIMES: Final = ("ttft", "ttfo", "ttfb", "itl", "tpot", "e2e", "connect", "failed", "lag")


def facts(result: Result) -> list[Fact]:
    """Every number of a result that a report about it may quote, and what follows from them by one division."""
    found = [
        Fact("duration", result.run.duration_seconds, "s"),
        Fact("stages", len({stage.stage for stage in result.stages}), "count"),
        Fact("measurements", len(result.stages), "count"),
        Fact("targets", len({stage.target for stage in result.stages}), "count"),
        Fact("seed", result.run.seed, "count"),
        *(Fact(f"findings {level}", n, "count") for level, n in levels(result).items()),
        *_totals(result.stages),
    ]
    for stage in result.stages:
        found += (Fact(f"{stage.stage} {stage.target} {fact.name}", *fact[1:]) for fact in _stage(stage))
    for sweep in sweeps(result):
        found += (Fact(f"{sweep.target} {fact.name}", *fact[1:]) for fact in _sweep(sweep))
    for server in result.server or ():
        found += (Fact(f"{server.target} server {fact.name}", *fact[1:]) for fact in _server(server))
    if result.search is not None:
        found += search_facts(result.search)
    found += contention_facts(result.contention or ())
    return [*found, *(_gpu(result.gpu) if result.gpu else ())]


def levels(result: Result) -> dict[str, int]:
    """How many findings are PASS, WARNING and FAIL."""
    found = [finding.level for finding in result.verdict]
    return {level: found.count(level) for level in ("PASS", "WARNING", "FAIL")}


def over_load(stage: StageResult) -> Mapping[str, float | None]:
    """The figures that are followed from level to level."""
    return {
        "request rate": stage.request_rate,
        "output token rate": stage.output_token_rate,
        **{f"{name} {p}": getattr(getattr(stage, name), p) for name in ("ttft", "tpot", "e2e") for p in ("p50", "p95")},
    }


def _totals(stages: Iterable[StageResult]) -> Iterator[Fact]:
    sums = dict.fromkeys(("scheduled", "started", "ok", "failed", "dropped", "cancelled"), 0)
    for stage in stages:
        for name in sums:
            sums[name] += getattr(stage.requests, name)
    yield from known(((f"requests {name} in all", number) for name, number in sums.items()), "count")
    if sums["scheduled"]:
        yield from known(((f"{name} of all", sums[name] / sums["scheduled"]) for name in ("ok", "failed")), "share")


def _stage(stage: StageResult) -> Iterator[Fact]:
    yield Fact("window", stage.window_seconds, "s")
    yield from known(((f"requests {name}", getattr(stage.requests, name)) for name in _requests(stage)), "count")
    yield from known((("mean in flight", stage.mean_in_flight), ("users", stage.users)), "count")
    yield from known((("request rate", stage.request_rate),), "requests/s")
    rates = (("output token rate", stage.output_token_rate), ("input token rate", stage.input_token_rate))
    yield from known((*rates, ("tokens/s of one answer", growth(stage.tpot.p50, 1.0))), "tokens/s")
    yield from known((("success", success_share(stage)), ("errors", error_share(stage))), "share")
    for name in TIMES:
        yield from of_statistics(name, getattr(stage, name), "s")
    for name in ("ttft", "e2e"):
        yield from of_statistics(f"corrected {name}", getattr(stage.corrected, name), "s")
    for name in ("output_tokens", "input_tokens"):
        yield from of_statistics(name, getattr(stage, name), "tokens")
    tokens = stage.tokens
    parts = ("input", "output", "cached", "reasoning", "mismatches")
    yield from known(((f"tokens {name}", getattr(tokens, name)) for name in parts), "tokens")
    yield from _goodput(stage)
    yield from _trouble(stage)


def _requests(stage: StageResult) -> tuple[str, ...]:
    return stage.requests.__struct_fields__


def _goodput(stage: StageResult) -> Iterator[Fact]:
    goodput = stage.goodput
    if goodput is None:
        return
    yield from known((("good", goodput.good), ("total", goodput.total)), "count")
    yield from known((("goodput rate", goodput.rate),), "requests/s")
    bad = None if goodput.ratio is None else 1 - goodput.ratio
    yield from known((("goodput", goodput.ratio), ("bad", bad), ("goal", goodput.target_ratio)), "share")
    for name, share in goodput.per_objective.items():
        yield Fact(f"{name} threshold", share.threshold, "s")
        yield Fact(f"{name} good", share.good, "count")
        yield from known(((f"{name} met", share.good / share.total if share.total else None),), "share")


def _trouble(stage: StageResult) -> Iterator[Fact]:
    started, scheduled = stage.requests.ok + stage.requests.failed, stage.requests.scheduled
    counts = {**stage.outcomes, **{kind: error.count for kind, error in stage.errors.items()}}
    yield from known((*counts.items(), ("contention", contended(stage))), "count")
    shares = {kind: growth(started, count) for kind, count in (*counts.items(), ("contention", contended(stage)))}
    shares |= {name: growth(scheduled, getattr(stage.requests, name)) for name in ("dropped", "cancelled")}
    validity = stage.validity
    shares |= {"cpu": validity.cpu_share, "sent": growth(validity.offered_rate, validity.achieved_rate)}
    yield from known(shares.items(), "share")
    rates = (("offered rate", validity.offered_rate), ("achieved rate", validity.achieved_rate))
    yield from known(rates, "requests/s")
    yield from of_statistics("event loop lag", validity.event_loop_lag, "s")
    if stage.checks is not None:
        yield from known((("checked", stage.checks.checked), *stage.checks.failures.items()), "count")
    if stage.sessions is not None:
        yield from session_facts(stage.sessions)
    if stage.cost is not None:
        of = ("amount", "per_1000_requests", "per_million_output_tokens")
        yield from known(((f"cost {name}", getattr(stage.cost, name)) for name in of), "money")


def _sweep(sweep: Sweep) -> Iterator[Fact]:
    yield Fact("levels", len(sweep.levels), "count")
    if sweep.kind is not None:
        unit: Unit = "requests/s" if sweep.kind == "rate" else "count"
        yield from (Fact("level", level, unit) for level in sweep.levels)
        yield from known((("load over the first", growth(sweep.levels[0], n)) for n in sweep.levels[1:]), "factor")
        yield from known((("load over the one before", growth(*pair)) for pair in pairwise(sweep.levels)), "factor")
    found = read(sweep)
    told = {"best": found.best, "saturation": found.saturation, "errors begin": found.errors_begin}
    told |= {"carried": found.carried}
    for name, stage in told.items():
        yield from known(((f"{name} rate", stage.request_rate if stage else None),), "requests/s")
    if found.limit is not None:
        yield from (Fact("limit", rate, "requests/s") for rate in found.limit)
        yield from (Fact("limit", share, "share") for share in LIMIT)
    yield Fact("errors at most", ERRORS, "share")
    yield Fact("answered at least", 1 - ERRORS, "share")
    yield from _growths(sweep)


def _growths(sweep: Sweep) -> Iterator[Fact]:
    for number, stage in enumerate(sweep.stages[1:], 1):
        for kind, earlier in (("first", sweep.stages[0]), ("one before", sweep.stages[number - 1])):
            pairs = zip(over_load(earlier).items(), over_load(stage).values(), strict=True)
            found = ((f"{stage.stage} {name} over the {kind}", growth(old, new)) for (name, old), new in pairs)
            yield from known(found, "factor")


def _server(server: ServerResult) -> Iterator[Fact]:
    for name in ("requests_waiting", "requests_running"):
        yield from _level(name, getattr(server, name), "count")
    yield from _level("kv_cache_usage", server.kv_cache_usage, "share")
    yield from known((("prefix_cache_hit_ratio", server.prefix_cache_hit_ratio),), "share")
    counted = ("preemptions", "requests", "restarts", "looks")
    yield from known(((name, getattr(server, name)) for name in counted), "count")
    tokens = ("prefix_cache_queries", "prefix_cache_hits", "input_tokens", "output_tokens")
    yield from known(((name, getattr(server, name)) for name in tokens), "tokens")
    yield from known((("ttft mean", server.ttft_mean), ("e2e mean", server.e2e_mean)), "s")


def _level(name: str, level: ServerLevel | None, unit: Unit) -> Iterator[Fact]:
    if level is not None:
        yield from (Fact(f"{name} mean", level.mean, unit), Fact(f"{name} max", level.max, unit))


def _gpu(use: GpuUse) -> Iterator[Fact]:
    yield Fact("gpus", len(use.gpus), "count")
    yield from known((("energy", use.energy_joules), ("energy per token", use.joules_per_output_token)), "J")
    yield from known((("tokens/s per watt", use.tokens_per_second_per_watt),), "tokens/J")
    for gpu in use.gpus:
        yield from known(((f"{gpu.gpu} energy", gpu.energy_joules),), "J")
        yield from known(((f"{gpu.gpu} power", gpu.mean_power_watts),), "W")
        yield from known(((f"{gpu.gpu} utilization", gpu.mean_utilization),), "share")
        yield from known(((f"{gpu.gpu} memory", gpu.max_memory_bytes),), "bytes")
