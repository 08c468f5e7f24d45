"""The report that needs no model: what the figures of a run say by rules that are always the same."""

from collections.abc import Iterator
from typing import Final

from swelld.analysis import figures
from swelld.analysis.saturation import FEWEST, contended
from swelld.analysis.sweep import ERRORS, LIMIT, Reading, Sweep, error_share, read, sweeps
from swelld.analysis.verdict import SAMPLES_FOR_P99
from swelld.insight.fact import growth
from swelld.insight.facts import levels
from swelld.insight.phrases import SECTIONS, Language
from swelld.insight.searched import UNDECIDED, search_lines
from swelld.insight.sharing import contention_lines, lost
from swelld.insight.tables import levels_table, thinned
from swelld.insight.turns import session_lines, uncached
from swelld.result import Finding, Result, SearchResult, ServerResult, StageResult

NOTICED: Final = 1.5
"""Growth of a latency from which on it is spoken of, and by which one has to lead the other."""
FULL: Final = 0.9
"""Share of the KV cache from which on it is spoken of."""
_TOLD: Final = ("capacity", "contention loss")
"""Subjects of the verdict that rules of their own speak of."""

_Swept = list[tuple[Sweep, Reading]]


def sections(result: Result, language: Language) -> dict[str, str]:
    """The Markdown of every section, without its heading."""
    if not result.stages:
        return dict.fromkeys(SECTIONS, language.say("no_stages"))
    swept = [(sweep, read(sweep)) for sweep in sweeps(result)]
    written = {
        "overview": _lines(_overview(result, language)),
        "load": "\n\n".join(_load(swept, language)),
        "bottlenecks": _lines(_bottlenecks(result, swept, language)) or language.say("no_bottleneck"),
        "tradeoff": _lines(_tradeoff(swept, language)),
        "operating": _lines(_operating(result.search, swept, language)),
        "improvements": _lines(_improvements(result, swept, language)) or language.say("do_nothing"),
    }
    return {key: written[key] for key in SECTIONS}


def _lines(found: Iterator[str]) -> str:
    return "\n".join(f"- {line}" for line in found)


def _overview(result: Result, language: Language) -> Iterator[str]:
    run, stages = result.run, result.stages
    if run.state != "completed":
        yield language.say("state", state=run.state)
    yield language.say("what", scenario=run.scenario, targets=", ".join(dict.fromkeys(s.target for s in stages)))
    names = ("scheduled", "ok", "failed", "dropped")
    sums = {name: figures.count(sum(getattr(stage.requests, name) for stage in stages)) for name in names}
    yield language.say("totals", **sums)
    invalid = list(dict.fromkeys(stage.stage for stage in stages if not stage.validity.valid))
    yield language.say("invalid", stages=", ".join(invalid)) if invalid else language.say("valid")
    found = levels(result)
    yield language.say("verdict", fail=found["FAIL"], warning=found["WARNING"], passed=found["PASS"])
    for stage in stages:
        if stage.goodput is not None:
            yield language.say("goodput", stage=stage.stage, target=stage.target, **_goodput(stage))


def _goodput(stage: StageResult) -> dict[str, str]:
    goodput = stage.goodput
    if goodput is None:
        return {}
    counts = {"good": figures.count(goodput.good), "total": figures.count(goodput.total)}
    return counts | {"ratio": figures.percent(goodput.ratio), "asked": figures.percent(goodput.target_ratio)}


def _load(swept: _Swept, language: Language) -> Iterator[str]:
    for sweep, _ in swept:
        if len(swept) > 1:
            yield f"### {sweep.target}"
        yield levels_table(sweep)
        if said := _lines(line for stage in thinned(sweep.stages) for line in session_lines(stage, language)):
            yield said
        if len(sweep.stages) < 2:
            yield f"- {language.say('one_level', target=sweep.target)}"
        else:
            load = growth(sweep.levels[0], sweep.levels[-1]) if sweep.kind else None
            yield f"- {language.say('growth', load=language.times(load), **_ends(sweep, language))}"


def _ends(sweep: Sweep, language: Language) -> dict[str, str]:
    first, last = sweep.stages[0], sweep.stages[-1]
    return {
        "target": sweep.target,
        "first": first.stage,
        "last": last.stage,
        "rate": language.times(growth(first.request_rate, last.request_rate)),
        "ttft": language.times(growth(first.ttft.p95, last.ttft.p95)),
        "tpot": language.times(growth(first.tpot.p95, last.tpot.p95)),
    }


def _bottlenecks(result: Result, swept: _Swept, language: Language) -> Iterator[str]:
    for sweep, found in swept:
        yield from _saturation(sweep, found, language)
        cause = slower(sweep)
        if cause is not None:
            ends = _ends(sweep, language)
            yield language.say(
                f"waiting_{cause}", target=sweep.target, stage=ends["last"], ttft=ends["ttft"], tpot=ends["tpot"]
            )
    for server in result.server or ():
        yield from _server(server, language)
    yield from contention_lines(result.contention or (), language)
    for finding in result.verdict:
        if finding.level != "PASS" and finding.subject not in _TOLD:
            yield _finding(finding, result, language)


def _saturation(sweep: Sweep, found: Reading, language: Language) -> Iterator[str]:
    target = sweep.target
    if found.best is None:
        yield language.say("no_answers", target=target)
    elif sweep.search is not None and found.saturation is None:
        pass  # its levels lie close together: they do not tell, and need not
    elif len(sweep.stages) < FEWEST or sweep.kind is None:
        yield language.say("few_levels", target=target, fewest=FEWEST)
    elif found.saturation is None:
        rate = figures.rate(found.best.request_rate)
        yield language.say("not_saturated", target=target, rate=rate, stage=found.best.stage)
    else:
        rate = figures.rate(found.saturation.request_rate)
        yield language.say("saturated", target=target, stage=found.saturation.stage, rate=rate)
    if found.errors_begin is not None:
        count = figures.count(contended(found.errors_begin))
        yield language.say("errors_begin", target=target, stage=found.errors_begin.stage, count=count)


def slower(sweep: Sweep) -> str | None:
    """What the load slowed down most, `first` or `tokens`; None where neither clearly leads."""
    first, last = sweep.stages[0], sweep.stages[-1]
    ttft, tpot = growth(first.ttft.p95, last.ttft.p95), growth(first.tpot.p95, last.tpot.p95)
    if ttft is None or tpot is None or max(ttft, tpot) < NOTICED:
        return None
    if ttft > NOTICED * tpot:
        return "first"
    return "tokens" if tpot > NOTICED * ttft else None


def _server(server: ServerResult, language: Language) -> Iterator[str]:
    if server.requests_waiting is not None and server.requests_waiting.max >= 1:
        yield language.say("queue", target=server.target, waiting=figures.count(server.requests_waiting.max))
    if _kv_full(server):
        assert server.kv_cache_usage is not None
        yield language.say("kv", target=server.target, usage=figures.percent(server.kv_cache_usage.max))
    if server.preemptions:
        yield language.say("preempted", target=server.target, count=figures.count(server.preemptions))


def _kv_full(server: ServerResult) -> bool:
    return server.kv_cache_usage is not None and server.kv_cache_usage.max >= FULL


def _finding(finding: Finding, result: Result, language: Language) -> str:
    place = (finding.stage, finding.target)
    stage = next((one for one in result.stages if (one.stage, one.target) == place), None)
    text = (language.finding(finding.subject, **_of(stage)) if stage is not None else None) or finding.text
    where = " ".join(part for part in place if part)
    where = f" ({where})" if where else ""
    return language.say("finding", level=finding.level, subject=finding.subject, place=where, text=text)


def _of(stage: StageResult) -> dict[str, str]:
    requests, failed = stage.requests, stage.requests.failed
    answered = requests.ok + failed
    counts = {name: figures.count(getattr(requests, name)) for name in requests.__struct_fields__}
    return {
        **counts,
        "answered": figures.count(answered),
        "contended": figures.count(contended(stage)),
        "failed_share": figures.percent(error_share(stage)),
        "contended_share": figures.percent(growth(answered, contended(stage))),
        "dropped_share": figures.percent(growth(requests.scheduled, requests.dropped)),
        "offered": figures.rate(stage.validity.offered_rate),
        "achieved": figures.rate(stage.validity.achieved_rate),
        "ttft": figures.seconds(stage.ttft.p95),
        "tpot": figures.seconds(stage.tpot.p95),
        "e2e": figures.seconds(stage.e2e.p90),
        **_goodput(stage),
    }


def _tradeoff(swept: _Swept, language: Language) -> Iterator[str]:
    for sweep, _ in swept:
        timed = [stage for stage in sweep.stages if stage.ttft.p95 is not None]
        if not timed:
            yield language.say("no_ttft", target=sweep.target)
            continue
        most = max(timed, key=lambda stage: stage.output_token_rate or 0.0)
        least = min(timed, key=lambda stage: stage.ttft.p95 or 0.0)
        for key, stage in (("most_tokens", most), ("least_ttft", least)):
            rate, ttft = figures.rate(stage.output_token_rate), figures.seconds(stage.ttft.p95)
            yield language.say(key, target=sweep.target, stage=stage.stage, rate=rate, ttft=ttft)
        if len(timed) > 1:
            before, last = timed[-2:]
            yield language.say(
                "last_step",
                target=sweep.target,
                first=before.stage,
                last=last.stage,
                rate=language.times(growth(before.output_token_rate, last.output_token_rate)),
                ttft=language.times(growth(before.ttft.p95, last.ttft.p95)),
            )


def _operating(search: SearchResult | None, swept: _Swept, language: Language) -> Iterator[str]:
    if search is not None:
        yield from search_lines(search, language)
    for sweep, found in swept:
        own = search is None or not (search.kind == "rate" and sweep.only)  # else the search has said it all
        if own and (search is None or found.limit is not None):
            yield from _limit(sweep, found, language)


def _limit(sweep: Sweep, found: Reading, language: Language) -> Iterator[str]:
    target, carried = sweep.target, found.carried
    if carried is None:
        yield language.say("none_carried", target=target)
        return
    objective = any(stage.goodput for stage in sweep.stages)
    rate, share = figures.rate(carried.request_rate), figures.percent(1 - ERRORS)
    yield language.say(
        "carried" if objective else "answered", target=target, stage=carried.stage, rate=rate, share=share
    )
    if found.limit is None:
        yield language.say("no_limit", target=target, fewest=FEWEST)
        return
    low, high = (figures.rate(value) for value in found.limit)
    low_share, high_share = (f"{share:.0%}" for share in LIMIT)
    yield language.say("limit", target=target, low=low, high=high, low_share=low_share, high_share=high_share)


def _improvements(result: Result, swept: _Swept, language: Language) -> Iterator[str]:
    stages, servers = result.stages, result.server or []
    answered = [stage.e2e.count for stage in stages]
    causes = {slower(sweep) for sweep, _ in swept}
    contention = any(contended(stage) for stage in stages)
    ended = result.search.ended if result.search is not None else None
    wanted = {
        "do_valid": any(not stage.validity.valid for stage in stages),
        "do_errors": any((error_share(stage) or 0.0) > ERRORS for stage in stages) and not contention,
        "do_contention": contention,
        "do_lower": _nothing_carried(result.search, swept),
        "do_first": "first" in causes,
        "do_tokens": "tokens" in causes,
        "do_kv": any(_kv_full(server) or server.preemptions for server in servers),
        "do_dropped": any(stage.requests.dropped for stage in stages),
        "do_levels": result.search is None and any(len(sweep.stages) < FEWEST for sweep, _ in swept),
        "do_higher": result.search is None and any(_unsaturated(sweep, found) for sweep, found in swept),
        "do_search_max": ended == "max",
        "do_search_longer": ended in ("time", "requests"),
        "do_apart": any(lost(one) for one in result.contention or ()),
        "do_prefix": any(map(uncached, stages)),
        "do_samples": any(0 < count < SAMPLES_FOR_P99 for count in answered),
        "do_counted": any(stage.tokens.source in ("events", "mixed") for stage in stages),
    }
    fewest = {"do_samples": SAMPLES_FOR_P99}
    return (language.say(key, fewest=fewest.get(key, FEWEST)) for key, holds in wanted.items() if holds)


def _nothing_carried(search: SearchResult | None, swept: _Swept) -> bool:
    if search is not None:
        return search.capacity is None and search.ended not in UNDECIDED
    return any(found.carried is None for _, found in swept)


def _unsaturated(sweep: Sweep, found: Reading) -> bool:
    enough = len(sweep.stages) >= FEWEST and sweep.kind is not None
    return enough and found.saturation is None and found.best is not None
