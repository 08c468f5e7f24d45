"""Every finding at the edges of its thresholds."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from sample_results import (
    NOTHING,
    empty_stage,
    goodput,
    open_stage,
    result,
    spread,
    stage,
    statistics,
    validity,
)
from swelld.analysis.verdict import IN_DOUBT, LIMITS, SAMPLES_FOR_P99, missed_objective, verdict
from swelld.result import ErrorCount, Finding, Phases, Requests, StageResult, Statistics, Tokens


def finding(subject: str, *stages: StageResult) -> Finding:
    found = [finding for finding in verdict(stages) if finding.subject == subject]
    assert len(found) == 1
    return found[0]


def level(subject: str, **changes: Any) -> str:
    return finding(subject, stage(**changes)).level


def subjects(findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings]


def failed(count: int, of: int = 100) -> Requests:
    return Requests(scheduled=of, started=of, ok=of - count, failed=count, dropped=0)


def at(value: float) -> Statistics:
    """Statistics whose every percentile is exactly the value."""
    return msgspec.structs.replace(NOTHING, count=100, p50=value, p90=value, p95=value, p99=value)


def test_sound_stage_passes_everywhere_validity_first() -> None:
    findings = verdict([stage(goodput=goodput(99))])
    assert subjects(findings) == [
        "validity",
        "error rate",
        "contention",
        "goodput",
        "ttft p95",
        "tpot p95",
        "e2e p90",
        "samples",
        "tokens",
    ]
    assert {finding.level for finding in findings} == {"PASS"}
    assert {finding.reason for finding in findings} == {None}
    assert findings[0] == Finding(
        "PASS",
        "validity",
        "the load generator kept up: event loop lag p99 0.90 ms, 35.0% of a CPU",
        "concurrency=10",
        "local",
    )


def test_nothing_measured_is_a_failure() -> None:
    assert verdict([]) == [
        Finding("FAIL", "validity", "nothing was measured: the run ended before its first stage did")
    ]
    nobody = Requests(scheduled=0, started=0, ok=0, failed=0, dropped=0)
    assert level("validity", requests=nobody) == "FAIL"


@pytest.mark.parametrize(
    ("count", "of", "expected"),
    [(0, 100, "PASS"), (9, 1000, "PASS"), (1, 100, "WARNING"), (49, 1000, "WARNING"), (5, 100, "FAIL")],
)
def test_error_rate_passes_below_1_percent_and_fails_from_5(count: int, of: int, expected: str) -> None:
    assert level("error rate", requests=failed(count, of)) == expected


def test_error_rate_says_share_counts_and_reason() -> None:
    found = finding("error rate", stage(requests=failed(2)))
    assert found.text == "2.0% of requests (2 of 100) failed"
    assert found.reason == LIMITS["error rate"].reason


def test_error_rate_is_of_the_requests_that_were_answered() -> None:
    requests = Requests(scheduled=200, started=110, ok=99, failed=1, dropped=90, cancelled=10)
    assert finding("error rate", stage(requests=requests)).text == "1.0% of requests (1 of 100) failed"


@pytest.mark.parametrize("kind", ["http_429", "http_503", "connect_timeout", "ttft_timeout", "read_timeout"])
def test_one_contention_error_is_a_warning(kind: str) -> None:
    found = finding("contention", stage(requests=failed(1), errors={kind: ErrorCount(1, "throttled")}))
    assert found.level == "WARNING"
    assert found.text == f"1.0% of requests (1 of 100) timed out or got 429 or 503 ({kind}: 1)"


def test_contention_counts_its_kinds_together_and_no_others() -> None:
    errors = {
        "http_429": ErrorCount(2, "throttled"),
        "ttft_timeout": ErrorCount(3, "timeout"),
        "http_4xx": ErrorCount(9, "rejected"),
    }
    found = finding("contention", stage(requests=failed(14), errors=errors))
    assert found.level == "FAIL"
    assert found.text.startswith("5.0% of requests (5 of 100)")


def test_a_steady_part_that_was_asked_for_and_not_found_is_a_warning() -> None:
    phases = Phases(asked="steady", note="the queue grows: answers fell 23% behind arrivals")
    found = finding("steady", stage(phases=phases))
    assert found.level == "WARNING"
    assert found.text == "the stage was not steady: the queue grows: answers fell 23% behind arrivals"
    assert found.reason == "the figures are of the whole window, ramp and drain too"
    good = Phases(asked="steady", used="steady", reached=True, ramp_seconds=2.0, steady_seconds=12.3, drain_seconds=0.7)
    found = finding("steady", stage(phases=good))
    assert (found.level, found.text) == ("PASS", "the figures are of 12.3 s in which the stage was steady")
    unasked = Phases(reached=True, ramp_seconds=2.0, steady_seconds=12.3, drain_seconds=0.7)
    assert "steady" not in subjects(verdict([stage(phases=unasked)]))


@pytest.mark.parametrize(
    ("subject", "metric", "value", "expected"),
    [
        ("ttft p95", "ttft", 1.999, "PASS"),
        ("ttft p95", "ttft", 2.0, "WARNING"),
        ("ttft p95", "ttft", 10.0, "FAIL"),
        ("tpot p95", "tpot", 0.199, "PASS"),
        ("tpot p95", "tpot", 0.2, "WARNING"),
        ("tpot p95", "tpot", 0.5, "FAIL"),
        ("e2e p90", "e2e", 9.99, "PASS"),
        ("e2e p90", "e2e", 10.0, "WARNING"),
        ("e2e p90", "e2e", 60.0, "FAIL"),
    ],
)
def test_latency_without_an_objective(subject: str, metric: str, value: float, expected: str) -> None:
    assert level(subject, **{metric: at(value)}) == expected


def test_latency_against_its_objective() -> None:
    within = finding("ttft p95", stage(goodput=goodput(99), ttft=at(0.5)))
    assert (within.level, within.text) == ("PASS", "500 ms, within the 500 ms asked for")
    over = finding("ttft p95", stage(goodput=goodput(87), ttft=at(0.607)))
    assert over.level == "FAIL"
    assert over.text == "607 ms, over the 500 ms asked for; 92 of 100 requests met it, short of 95.0%"
    enough = finding("ttft p95", stage(goodput=goodput(85, target_ratio=0.9), ttft=at(0.607)))
    assert enough.level == "WARNING"


def test_objective_replaces_the_default_only_for_its_own_metric() -> None:
    slow = stage(goodput=goodput(99), e2e=at(61.0), ttft=at(0.4))
    assert finding("e2e p90", slow).level == "FAIL"
    assert finding("ttft p95", slow).level == "PASS"


def test_latencies_that_were_not_measured_are_not_judged() -> None:
    assert subjects(verdict([empty_stage()])) == ["validity", "error rate", "contention"]


@pytest.mark.parametrize(("good", "expected"), [(95, "PASS"), (94, "FAIL")])
def test_goodput_meets_its_share_exactly(good: int, expected: str) -> None:
    assert level("goodput", goodput=goodput(good)) == expected


def test_goodput_names_the_threshold_missed_most() -> None:
    text = finding("goodput", stage(goodput=goodput(87))).text
    assert text == "87.0% (87 of 100) met every threshold, 95.0% asked for; missed most: TTFT <= 500 ms"


@pytest.mark.parametrize(("dropped", "expected"), [(0, "PASS"), (1, "WARNING"), (4, "WARNING"), (5, "FAIL")])
def test_dropped_arrivals(dropped: int, expected: str) -> None:
    requests = Requests(scheduled=100, started=100 - dropped, ok=100 - dropped, failed=0, dropped=dropped)
    assert finding("dropped", open_stage(requests=requests)).level == expected


@pytest.mark.parametrize(
    ("achieved", "expected"), [(10.2, "PASS"), (9.91, "PASS"), (9.9, "WARNING"), (9.51, "WARNING"), (9.4, "FAIL")]
)
def test_achieved_rate_against_the_offered_one(achieved: float, expected: str) -> None:
    found = finding("rate", open_stage(validity=validity(offered_rate=10.0, achieved_rate=achieved)))
    assert found.level == expected
    assert found.text.startswith(f"{achieved:.{1 if achieved >= 9.995 else 2}f} of 10.0 requests/s were sent")


def test_closed_loop_has_neither_rate_nor_drops() -> None:
    assert {"rate", "dropped"}.isdisjoint(subjects(verdict([stage()])))


def test_cancelled_requests_are_missing_from_the_latencies() -> None:
    requests = Requests(scheduled=100, started=100, ok=97, failed=0, dropped=0, cancelled=3)
    found = finding("cancelled", stage(requests=requests))
    assert found.level == "WARNING"
    assert found.text == "3.0% of requests (3 of 100) were cut off when the stage was over"


@pytest.mark.parametrize(("answers", "expected"), [(SAMPLES_FOR_P99 - 1, "WARNING"), (SAMPLES_FOR_P99, "PASS")])
def test_samples_for_a_p99(answers: int, expected: str) -> None:
    assert level("samples", e2e=spread(1.0, answers)) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (Tokens(10, 10, "server"), "PASS"),
        (Tokens(10, 10, "tokenizer"), "PASS"),
        (Tokens(10, 10, "events"), "WARNING"),
        (Tokens(10, 10, "mixed"), "WARNING"),
        (Tokens(10, 10, "server", mismatches=1), "WARNING"),
    ],
)
def test_token_counts(tokens: Tokens, expected: str) -> None:
    assert level("tokens", tokens=tokens) == expected


def test_bottleneck_puts_everything_timed_in_doubt() -> None:
    weak = stage(validity=validity(valid=False, reasons=["event loop lag p99 84 ms"]), requests=failed(9))
    findings = verdict([weak])
    assert findings[0].level == "FAIL"
    assert findings[0].text == "the load generator was the bottleneck: event loop lag p99 84 ms"
    judged = {finding.subject: finding for finding in findings[1:]}
    assert {name for name, finding in judged.items() if finding.level == "PASS"} == {"samples", "tokens"}
    assert judged["error rate"].level == "FAIL"
    assert judged["ttft p95"].level == "WARNING"
    assert {judged[name].reason for name in ("error rate", "contention", "ttft p95", "e2e p90")} == {IN_DOUBT}


def test_doubt_stays_in_its_stage() -> None:
    weak = stage(stage="concurrency=50", validity=validity(valid=False, reasons=["cpu"]))
    findings = verdict([stage(), weak])
    assert [(f.stage, f.level) for f in findings[:2]] == [("concurrency=10", "PASS"), ("concurrency=50", "FAIL")]
    assert {f.level for f in findings if f.stage == "concurrency=10"} == {"PASS"}


def test_missed_objective() -> None:
    assert not missed_objective(result([stage()]))
    assert not missed_objective(result([stage(goodput=goodput(95))]))
    assert missed_objective(result([stage(goodput=goodput(95)), stage(goodput=goodput(94))]))
    assert missed_objective(result([stage(goodput=goodput(0, 0))]))


def test_the_probes_of_a_sweep_miss_no_objective() -> None:
    probes = [
        stage(stage=f"concurrency={users}", target=target, goodput=goodput(1))
        for users in (1, 64)
        for target in ("a", "b")
    ]
    levels = [stage(stage="rate=5", target=target, goodput=goodput(99)) for target in ("a", "b")]
    assert not missed_objective(result([*probes, *levels]))
    assert missed_objective(result([*probes, *levels, stage(stage="rate=9", target="b", goodput=goodput(1))]))
    assert missed_objective(result(probes))  # levels of their own


def test_limits_can_be_replaced() -> None:
    strict = {**LIMITS, "e2e p90": LIMITS["e2e p90"]._replace(fail=1.0)}
    findings = verdict([stage(e2e=statistics(*[20.0] * 100))], strict)
    assert [f.level for f in findings if f.subject == "e2e p90"] == ["FAIL"]
