"""The verdict: what a run's figures mean, finding by finding, the validity of the measurement first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from swelld.analysis import figures
from swelld.analysis.levels import probes
from swelld.measurement import CONTENTION
from swelld.result import Finding, Goodput, Result, StageResult

Level = Literal["PASS", "WARNING", "FAIL"]


class Limit(NamedTuple):
    """PASS below `warning` (and always at 0), WARNING below `fail`, else FAIL."""

    warning: float
    fail: float
    reason: str

    def level(self, value: float) -> Level:
        """How a value, the smaller the better, fares."""
        if value == 0 or value < self.warning:
            return "PASS"
        return "WARNING" if value < self.fail else "FAIL"


LIMITS: Final[Mapping[str, Limit]] = {
    "rate": Limit(0.01, 0.05, "a load that falls short by 1% or more is not the load that was asked for"),
    "error rate": Limit(0.01, 0.05, "under 1% is what retries hide, from 5% users notice"),
    "contention": Limit(0.0, 0.05, "each one says that the server has more than it can do"),
    "dropped": Limit(0.0, 0.05, "answers came too slowly for the load, and users would have had none"),
    "cancelled": Limit(0.0, 0.05, "they are the slowest ones, and no latency figure holds them"),
    "checks": Limit(0.0, 0.05, "an answer like that is no help to a user, however fast it comes"),
    "ttft p95": Limit(2.0, 10.0, "from 2 s an answer no longer feels prompt, after 10 s attention is lost"),
    "tpot p95": Limit(0.2, 0.5, "200 ms a token is about the pace of reading, from 500 ms readers wait for words"),
    "e2e p90": Limit(10.0, 60.0, "after 10 s attention is lost, at 60 s common proxies give up"),
}
"""Shares and seconds. The latency limits hold only where the objective has no threshold of its own."""

SAMPLES_FOR_P99: Final = 100
"""With fewer values the 99th percentile is next to the largest one: it says little of the next run."""

_LATENCIES: Final = (("ttft p95", "ttft", 95), ("tpot p95", "tpot", 95), ("e2e p90", "e2e", 90))

IN_DOUBT: Final = "in doubt: the load generator was the bottleneck"


def verdict(stages: Sequence[StageResult], limits: Mapping[str, Limit] = LIMITS) -> list[Finding]:
    """Judge every stage by every check that applies to it, ordered by check.

    In a stage whose measurement is not valid nothing that rests on time passes, and such findings say why.
    """
    if not stages:
        return [Finding("FAIL", "validity", "nothing was measured: the run ended before its first stage did")]
    findings = [_validity(stage) for stage in stages]
    for check in _TIMED_CHECKS:
        for stage in stages:
            found = check(stage, limits)
            findings += found if stage.validity.valid else [_doubted(finding) for finding in found]
    for check in _COUNTED_CHECKS:
        for stage in stages:
            findings += check(stage, limits)
    return findings


def missed_objective(result: Result) -> bool:
    """True if a stage has an objective and fewer requests met it than it asks for, or none were scheduled at all; of a
    search, if no level met it. The probes of a sweep are there to overload: they cannot miss it."""
    if result.search is not None:
        return result.search.capacity is None
    probed = set(map(id, probes(result.stages)))
    judged = [stage for stage in result.stages if id(stage) not in probed]
    return any(stage.goodput is not None and not _met(stage.goodput) for stage in judged)


def _met(goodput: Goodput) -> bool:
    return goodput.ratio is not None and goodput.ratio >= goodput.target_ratio


def _doubted(finding: Finding) -> Finding:
    level: Level = "WARNING" if finding.level == "PASS" else finding.level
    return msgspec.structs.replace(finding, level=level, reason=IN_DOUBT)


def _finding(stage: StageResult, level: Level, subject: str, text: str, reason: str | None = None) -> Finding:
    return Finding(level, subject, text, stage.stage, stage.target, None if level == "PASS" else reason)


def _validity(stage: StageResult) -> Finding:
    validity = stage.validity
    if not stage.requests.scheduled:
        return _finding(stage, "FAIL", "validity", "no request fell into the measured window: nothing was measured")
    if not validity.valid:
        why = "; ".join(validity.reasons) or "no reason recorded"
        text = f"the load generator was the bottleneck: {why}"
        return _finding(stage, "FAIL", "validity", text, "the figures tell of it as much as of the server")
    signs = []
    if validity.event_loop_lag.p99 is not None:
        signs.append(f"event loop lag p99 {figures.seconds(validity.event_loop_lag.p99)}")
    if stage.lag.p99 is not None:
        signs.append(f"schedule lag p99 {figures.seconds(stage.lag.p99)}")
    if validity.cpu_share is not None:
        signs.append(f"{figures.percent(validity.cpu_share)} of a CPU")
    error = validity.measurement_error
    if error is not None and error.p50 is not None and error.p99 is not None:
        signs.append(f"measurement error p50 {figures.seconds(error.p50)}, p99 {figures.seconds(error.p99)}")
    text = "the load generator kept up" + (f": {', '.join(signs)}" if signs else "")
    return _finding(stage, "PASS", "validity", text)


def _rate(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    offered, achieved = stage.validity.offered_rate, stage.validity.achieved_rate
    if not offered or achieved is None:
        return []
    limit = limits["rate"]
    level = limit.level(max(0.0, 1 - achieved / offered))
    share = figures.percent(achieved / offered)
    text = f"{figures.rate(achieved)} of {figures.rate(offered)} requests/s were sent ({share})"
    return [_finding(stage, level, "rate", text, limit.reason)]


def _error_rate(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    answered = stage.requests.ok + stage.requests.failed
    return [_share(stage, limits, "error rate", stage.requests.failed, answered, "failed")] if answered else []


def _contention(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    answered = stage.requests.ok + stage.requests.failed
    found = {kind: stage.errors[kind].count for kind in sorted(CONTENTION) if kind in stage.errors}
    kinds = ", ".join(f"{kind}: {figures.count(number)}" for kind, number in found.items())
    what = "timed out or got 429 or 503" + (f" ({kinds})" if kinds else "")
    return [_share(stage, limits, "contention", sum(found.values()), answered, what)] if answered else []


def _dropped(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    if stage.validity.offered_rate is None and not stage.requests.dropped:
        return []  # a closed loop has nothing to drop
    what = "were dropped at the in-flight limit"
    scheduled = stage.requests.scheduled
    return [_share(stage, limits, "dropped", stage.requests.dropped, scheduled, what)] if scheduled else []


def _cancelled(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    if not stage.requests.cancelled:
        return []
    what = "were cut off when the stage was over"
    return [_share(stage, limits, "cancelled", stage.requests.cancelled, stage.requests.scheduled, what)]


def _goodput(stage: StageResult, _: Mapping[str, Limit]) -> list[Finding]:
    goodput = stage.goodput
    if goodput is None:
        return []
    asked = figures.percent(goodput.target_ratio)
    if goodput.ratio is None:
        return [_finding(stage, "FAIL", "goodput", f"no request was scheduled, so nothing shows the {asked} asked for")]
    met = f"{figures.percent(goodput.ratio)} ({figures.count(goodput.good)} of {figures.count(goodput.total)})"
    text = f"{met} met every threshold, {asked} asked for"
    if _met(goodput):
        return [_finding(stage, "PASS", "goodput", text)]
    if goodput.per_objective:
        name, worst = min(goodput.per_objective.items(), key=lambda item: item[1].good)
        text += f"; missed most: {name.upper()} <= {figures.seconds(worst.threshold)}"
    return [_finding(stage, "FAIL", "goodput", text)]


def _latencies(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    findings = []
    for subject, metric, percent in _LATENCIES:
        value = getattr(stage, metric).percentile(percent)
        if value is None:
            continue
        if stage.goodput is not None and metric in stage.goodput.per_objective:
            findings.append(_against_objective(stage, stage.goodput, subject, value))
        else:
            limit = limits[subject]
            level = limit.level(value)
            text = f"{figures.seconds(value)}, no threshold asked for"
            findings.append(_finding(stage, level, subject, text, limit.reason))
    return findings


def _against_objective(stage: StageResult, goodput: Goodput, subject: str, value: float) -> Finding:
    share = goodput.per_objective[subject.partition(" ")[0]]
    threshold = figures.seconds(share.threshold)
    if value <= share.threshold:
        return _finding(stage, "PASS", subject, f"{figures.seconds(value)}, within the {threshold} asked for")
    enough = share.total > 0 and share.good / share.total >= goodput.target_ratio
    text = (
        f"{figures.seconds(value)}, over the {threshold} asked for; "
        f"{figures.count(share.good)} of {figures.count(share.total)} requests met it"
        f"{', which is enough for' if enough else ', short of'} {figures.percent(goodput.target_ratio)}"
    )
    return _finding(stage, "WARNING" if enough else "FAIL", subject, text)


def _steady(stage: StageResult, _: Mapping[str, Limit]) -> list[Finding]:
    phases = stage.phases
    if phases.asked == "all":
        return []
    if phases.used == "all" or phases.steady_seconds is None:
        text = f"the stage was not steady: {phases.note or 'no reason recorded'}"
        return [_finding(stage, "WARNING", "steady", text, "the figures are of the whole window, ramp and drain too")]
    text = f"the figures are of {figures.seconds(phases.steady_seconds)} in which the stage was steady"
    return [_finding(stage, "PASS", "steady", text)]


def _samples(stage: StageResult, _: Mapping[str, Limit]) -> list[Finding]:
    answers = stage.e2e.count
    if not answers:
        return []
    if answers >= SAMPLES_FOR_P99:
        return [_finding(stage, "PASS", "samples", f"{figures.count(answers)} answers, enough for a p99")]
    reason = f"under {SAMPLES_FOR_P99} answers, p99 is next to the slowest one and says little of another run"
    return [_finding(stage, "WARNING", "samples", f"{answers} answers", reason)]


def _tokens(stage: StageResult, _: Mapping[str, Limit]) -> list[Finding]:
    tokens = stage.tokens
    if tokens.source is None:
        return []
    if tokens.mismatches:
        text = (
            f"server and tokenizer disagree on the output tokens of {figures.count(tokens.mismatches)} of "
            f"{figures.count(stage.requests.ok)} answers"
        )
        reason = "the target's `tokenizer` may not be the model's; the server's count is used"
        return [_finding(stage, "WARNING", "tokens", text, reason)]
    if tokens.source in ("events", "mixed"):
        what = "events, which may hold several tokens each" if tokens.source == "events" else "different means"
        reason = "token rates and TPOT are estimates; give the target a `tokenizer`"
        return [_finding(stage, "WARNING", "tokens", f"counted by {what}", reason)]
    return [_finding(stage, "PASS", "tokens", f"counted by the {tokens.source}, without a mismatch")]


def _checks(stage: StageResult, limits: Mapping[str, Limit]) -> list[Finding]:
    found = stage.checks
    if found is None or not found.checked:
        return []
    failed = sum(found.failures.values())
    kinds = ", ".join(f"{name}: {figures.count(count)}" for name, count in found.failures.items() if count)
    what = f"failed a check ({kinds})" if failed else "failed a check"
    return [_share(stage, limits, "checks", failed, found.checked, what, "answers")]


def _share(
    stage: StageResult,
    limits: Mapping[str, Limit],
    subject: str,
    part: int,
    whole: int,
    what: str,
    of: str = "requests",
) -> Finding:
    limit = limits[subject]
    level = limit.level(part / whole)
    text = f"{figures.percent(part / whole)} of {of} ({figures.count(part)} of {figures.count(whole)}) {what}"
    if not part:
        text = f"none of {figures.count(whole)} {of} {what}"
    return _finding(stage, level, subject, text, limit.reason)


_Check = Callable[[StageResult, Mapping[str, Limit]], list[Finding]]

_TIMED_CHECKS: Final[tuple[_Check, ...]] = (_rate, _error_rate, _contention, _dropped, _goodput, _latencies)
"""A load generator that cannot keep up spoils these."""

_COUNTED_CHECKS: Final[tuple[_Check, ...]] = (_cancelled, _steady, _samples, _tokens, _checks)
