"""Batches of measurements in, exact series out."""

from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from swelld.clock import WallClock
from swelld.columns import Columns, columns
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import Objective, RequestLabels, RequestMetrics
from swelld_exporters.prometheus.text import render

LABELS = RequestLabels("canary", "a", "tiny", "rate=10")
OBJECTIVE = Objective("fast", 0.99, {"ttft": 0.35, "itl": 0.035})


def good(sent: float = 100.0, **changes: object) -> Measurement:
    """Due 2 ms before it was sent; tokens after 300, 330 and 350 ms."""
    fields: dict[str, object] = {
        "stage": 0,
        "target": 0,
        "index": 0,
        "warmup": False,
        "outcome": Outcome.OK,
        "due": sent - 0.002,
        "sent": sent,
        "connect": 0.0004,
        "first_byte": sent + 0.29,
        "first_answer": sent + 0.33,
        "end": sent + 0.36,
        "tokens_at": np.array([sent + 0.3, sent + 0.33, sent + 0.35]).tobytes(),
        "input_tokens": 11,
        "output_tokens": 6,
        "token_source": TokenSource.SERVER,
    }
    return Measurement(**{**fields, **changes})  # type: ignore[arg-type]


def bad(outcome: Outcome, error_type: ErrorType | None, sent: float | None = 100.0) -> Measurement:
    end = None if sent is None else sent + 2.0
    return Measurement(
        stage=0, target=0, index=1, warmup=False, outcome=outcome, error_type=error_type, due=99.0, sent=sent, end=end
    )


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def metrics(registry: Registry) -> RequestMetrics:
    return RequestMetrics(registry, WallClock(monotonic=0.0, unix=1000.0))


def page(registry: Registry, **wanted: str) -> dict[str, float]:
    """`name` or `name{outcome}` -> value, for the series with the wanted labels."""
    values = {}
    for family in text_string_to_metric_families(render(registry).decode()):
        for sample in family.samples:
            if wanted.items() <= sample.labels.items() and "le" not in sample.labels:
                own = [value for label, value in sample.labels.items() if label not in names.REQUEST]
                values[sample.name.removeprefix("swelld_") + (f"{{{','.join(own)}}}" if own else "")] = sample.value
    return values


def test_every_known_series_is_there_at_zero_before_the_first_request(
    registry: Registry, metrics: RequestMetrics
) -> None:
    metrics.declare(LABELS, OBJECTIVE)
    values = page(registry, stage="rate=10")
    for outcome in Outcome:
        assert values.pop(f"requests_total{{{outcome}}}") == 0
    for error_type in ErrorType:
        assert values.pop(f"request_errors_total{{{error_type}}}") == 0
    for reason in ("ttft", "itl", "error", "timeout", "dropped", "cancelled"):
        assert values.pop(f"slo_bad_events_total{{fast,{reason}}}") == 0
    assert values["slo_events_total{fast}"] == 0
    assert values["goodput_requests_total"] == 0
    assert values["arrivals_dropped_total{in_flight_limit}"] == 0
    assert values["time_to_first_token_seconds_count"] == 0
    assert set(values.values()) == {0.0}
    assert not [name for name in values if name.startswith(("cached", "reasoning", "offered"))]


def test_the_objective_is_shown_and_its_thresholds_are_exact_bounds(
    registry: Registry, metrics: RequestMetrics
) -> None:
    metrics.declare(LABELS, OBJECTIVE)
    values = page(registry)
    assert values["slo_objective_ratio{fast}"] == 0.99
    assert values["slo_threshold_seconds{fast,ttft}"] == 0.35
    assert values["slo_threshold_seconds{fast,itl}"] == 0.035
    for metric in (names.TTFT, names.TTFT_CORRECTED, names.TTFO):
        assert 0.35 in registry.histogram(metric).labels(*LABELS).bounds
    assert 0.035 in registry.histogram(names.ITL).labels(*LABELS).bounds
    assert tuple(registry.histogram(names.E2E).labels(*LABELS).bounds) == names.E


def test_one_good_answer(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.declare(LABELS, OBJECTIVE)
    metrics.observe(LABELS, columns([good()], OBJECTIVE.thresholds))
    values = {name: value for name, value in page(registry).items() if value}
    expected = {
        "requests_total{ok}": 1,
        "requests_started_total": 1,
        "schedule_lag_seconds_sum": 0.002,
        "connect_duration_seconds_sum": 0.0004,
        "time_to_first_byte_seconds_sum": 0.29,
        "time_to_first_token_seconds_sum": 0.3,
        "time_to_first_answer_token_seconds_sum": 0.33,
        "time_to_first_token_corrected_seconds_sum": 0.302,
        "inter_token_latency_seconds_sum": 0.05,
        "inter_token_latency_seconds_count": 2,
        "time_per_output_token_seconds_sum": 0.01,
        "request_duration_seconds_sum": 0.35,
        "request_duration_corrected_seconds_sum": 0.352,
        "input_tokens_total{server}": 11,
        "output_tokens_total{server}": 6,
        "request_input_tokens_sum": 11,
        "request_output_tokens_sum": 6,
        "output_tokens_per_chunk_sum": 2,
        "slo_events_total{fast}": 1,
        "goodput_requests_total": 1,
        "slo_objective_ratio{fast}": 0.99,
        "slo_threshold_seconds{fast,ttft}": 0.35,
        "slo_threshold_seconds{fast,itl}": 0.035,
        "target_up": 1,
        "target_last_success_timestamp_seconds": 1100.36,
    }
    counts = {f"{name.removesuffix('_sum')}_count": 1 for name in expected if name.endswith("_sum")}
    assert values == pytest.approx({**counts, **expected})


def test_failures_are_counted_once_and_enter_no_latency(registry: Registry, metrics: RequestMetrics) -> None:
    batch = [
        bad(Outcome.THROTTLED, ErrorType.HTTP_429),
        bad(Outcome.TIMEOUT, ErrorType.TTFT_TIMEOUT),
        bad(Outcome.FAILED, ErrorType.HTTP_5XX),
        bad(Outcome.FAILED, None),
        bad(Outcome.DROPPED, None, sent=None),
    ]
    metrics.declare(LABELS, OBJECTIVE)
    metrics.observe(LABELS, columns(batch, OBJECTIVE.thresholds))
    values = page(registry)
    assert values["requests_total{failed}"] == 2
    assert values["requests_total{dropped}"] == 1
    assert values["requests_started_total"] == 4, "a dropped arrival never began"
    assert values["arrivals_dropped_total{in_flight_limit}"] == 1
    assert values["request_errors_total{http_429}"] == 1
    assert values["request_errors_total{other}"] == 1
    assert sum(value for name, value in values.items() if name.startswith("request_errors_total")) == 4
    assert values["contention_errors_total"] == 2
    assert values["failed_request_duration_seconds_count"] == 4
    assert values["failed_request_duration_seconds_sum"] == pytest.approx(8.0)
    assert values["request_duration_seconds_count"] == 0
    assert values["time_to_first_token_seconds_count"] == 0
    assert values["slo_events_total{fast}"] == 5, "every scheduled request is judged"
    assert values["goodput_requests_total"] == 0
    assert values["slo_bad_events_total{fast,error}"] == 3
    assert values["slo_bad_events_total{fast,timeout}"] == 1
    assert values["slo_bad_events_total{fast,dropped}"] == 1


def test_a_missed_threshold_is_the_reason(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.declare(LABELS, OBJECTIVE)
    late = good(tokens_at=np.array([100.4, 100.43]).tobytes())
    metrics.observe(LABELS, columns([good(), late], OBJECTIVE.thresholds))
    values = page(registry)
    assert values["slo_events_total{fast}"] == 2
    assert values["goodput_requests_total"] == 1
    assert values["slo_bad_events_total{fast,ttft}"] == 1


def test_warm_up_is_counted_apart_and_never_judged(registry: Registry, metrics: RequestMetrics) -> None:
    warmup = LABELS._replace(stage="warmup")
    metrics.declare(LABELS, OBJECTIVE)
    metrics.declare(warmup, OBJECTIVE)
    metrics.observe(warmup, columns([good(warmup=True)], OBJECTIVE.thresholds))
    assert page(registry, stage="rate=10")["requests_total{ok}"] == 0
    assert page(registry, stage="rate=10")["slo_events_total{fast}"] == 0
    values = page(registry, stage="warmup")
    assert values["requests_total{ok}"] == 1
    assert values["time_to_first_token_seconds_count"] == 1
    assert not [name for name in values if name.startswith(("slo", "goodput"))]


def test_a_window_that_is_not_valid_is_measured_and_not_judged(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.declare(LABELS, OBJECTIVE)
    metrics.observe(LABELS, columns([good()], OBJECTIVE.thresholds), valid=False)
    values = page(registry)
    assert values["requests_total{ok}"] == 1
    assert values["slo_events_total{fast}"] == 0
    assert values["goodput_requests_total"] == 0


def test_started_counts_those_under_way_and_never_goes_down(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.in_flight(LABELS, 3)
    assert page(registry)["requests_started_total"] == 3
    metrics.observe(LABELS, columns([good(), good()], {}))
    assert page(registry)["requests_started_total"] == 3
    metrics.in_flight(LABELS, 5)
    assert page(registry)["requests_started_total"] == 7
    metrics.in_flight(LABELS, 0)
    values = page(registry)
    assert values["requests_started_total"] == 7
    assert values["requests_in_flight"] == 0


def test_what_a_server_never_says_is_absent_and_then_adds_up(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.observe(LABELS, columns([good()], {}))
    assert "cached_input_tokens_total" not in page(registry)
    metrics.observe(LABELS, columns([good(cached_tokens=0, reasoning_tokens=2)], {}))
    metrics.observe(LABELS, columns([good(cached_tokens=8, token_mismatch=True, resends=2)], {}))
    values = page(registry)
    assert values["cached_input_tokens_total"] == 8
    assert values["reasoning_tokens_total"] == 2
    assert values["token_count_mismatches_total"] == 1
    assert values["request_resends_total"] == 2


def test_stalls_and_answers_that_broke_off_are_counted(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.declare(LABELS)
    assert page(registry)["stream_stalls_total"] == 0
    assert page(registry)["responses_truncated_total"] == 0
    stalled = good(tokens_at=np.array([100.1, 100.15, 100.2, 100.6, 100.65, 101.2]).tobytes())
    at_its_limit = good(finish_reason="length")
    broken = bad(Outcome.TRUNCATED, ErrorType.TRUNCATED)
    metrics.observe(LABELS, columns([good(), stalled, at_its_limit, broken], {}))
    assert page(registry)["stream_stalls_total"] == 2
    assert page(registry)["responses_truncated_total"] == 1


def test_a_sampled_answer_can_be_found_from_the_buckets_of_its_times(
    registry: Registry, metrics: RequestMetrics
) -> None:
    span: dict[str, Any] = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
    sampled = good(tokens_at=np.array([100.31, 100.344, 100.356]).tobytes(), sampled=True, **span)
    unsampled = good(tokens_at=np.array([100.32, 100.33]).tobytes(), **span)
    failed = bad(Outcome.FAILED, ErrorType.HTTP_5XX)
    metrics.observe(LABELS, columns([sampled, unsampled, failed], {}))
    for metric, expected in {
        names.TTFT: {0.4: 0.31},
        names.TTFT_CORRECTED: {0.4: 0.312},
        names.E2E: {0.5: 0.356},
        names.E2E_CORRECTED: {0.5: 0.358},
        names.ITL: {0.04: 0.034, 0.015: 0.012},
        names.TTFB: {},
        names.FAILED_DURATION: {},
    }.items():
        histogram = registry.histogram(metric).labels(*LABELS)
        found = {float(histogram.bounds[place]): exemplar for place, exemplar in histogram.exemplars.items()}
        assert {bound: exemplar.value for bound, exemplar in found.items()} == pytest.approx(expected), metric.name
        assert all((e.trace_id, e.span_id) == ("ab" * 16, "cd" * 8) for e in found.values())
        assert all(e.unix == pytest.approx(1100.36) for e in found.values()), "when it ended"


@pytest.mark.parametrize(
    ("batch", "up"),
    [
        ([bad(Outcome.UNREACHABLE, ErrorType.CONNECT)], 0),
        ([bad(Outcome.FAILED, ErrorType.HTTP_5XX), bad(Outcome.THROTTLED, ErrorType.HTTP_503)], 1),
        ([bad(Outcome.REJECTED, ErrorType.HTTP_4XX)], 1),
        ([bad(Outcome.TIMEOUT, ErrorType.READ_TIMEOUT), good()], 1),
    ],
)
def test_a_target_is_up_if_it_answers(
    batch: list[Measurement], up: int, registry: Registry, metrics: RequestMetrics
) -> None:
    metrics.observe(LABELS, columns(batch, {}))
    assert page(registry)["target_up"] == up


def test_our_own_doing_says_nothing_of_the_target(registry: Registry, metrics: RequestMetrics) -> None:
    ours = [bad(Outcome.DROPPED, None, sent=None), bad(Outcome.CANCELLED, ErrorType.CANCELLED)]
    metrics.observe(LABELS, columns(ours, {}))
    assert "target_up" not in page(registry)
    metrics.observe(LABELS, columns([good()], {}))
    metrics.observe(LABELS, columns(ours, {}))
    assert page(registry)["target_up"] == 1


def test_the_last_success_does_not_go_back(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.observe(LABELS, columns([good(sent=200.0)], {}))
    metrics.observe(LABELS, columns([good(sent=100.0)], {}))
    assert page(registry)["target_last_success_timestamp_seconds"] == pytest.approx(1200.36)


def test_the_state_of_the_load(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.offered(LABELS, 9.5)
    metrics.active_users("sweep", "concurrency=50", 48)
    values = page(registry)
    assert values["offered_requests_per_second"] == 9.5
    assert registry.gauge(names.ACTIVE_USERS).labels("sweep", "concurrency=50").value == 48


def test_declaring_again_keeps_what_was_counted(registry: Registry, metrics: RequestMetrics) -> None:
    metrics.observe(LABELS, columns([good()], {}))
    metrics.declare(LABELS)
    assert page(registry)["requests_total{ok}"] == 1


def test_a_removed_scenario_leaves_nothing_and_may_come_back(registry: Registry, metrics: RequestMetrics) -> None:
    other = LABELS._replace(scenario="sweep")
    metrics.declare(LABELS, OBJECTIVE)
    metrics.observe(LABELS, columns([good()], OBJECTIVE.thresholds))
    metrics.observe(other, columns([good()], {}))
    metrics.remove(scenario="canary")
    assert page(registry, scenario="canary") == {}
    assert page(registry, scenario="sweep")["requests_total{ok}"] == 1
    metrics.observe(LABELS, columns([good()], {}))
    assert page(registry, scenario="canary")["requests_total{ok}"] == 1


def test_batches_add_up_to_one(registry: Registry, metrics: RequestMetrics) -> None:
    """However measurements are cut into batches, the page is the same."""
    stream = [good(sent=100.0 + i / 7, connect=0.001 * i) for i in range(1, 40)]
    stream += [bad(Outcome.GARBLED, ErrorType.PROTOCOL)] * 3
    metrics.declare(LABELS, OBJECTIVE)
    for start in range(0, len(stream), 5):
        metrics.observe(LABELS, columns(stream[start : start + 5], OBJECTIVE.thresholds))
    whole = Registry()
    at_once = RequestMetrics(whole, WallClock(monotonic=0.0, unix=1000.0))
    at_once.declare(LABELS, OBJECTIVE)
    at_once.observe(LABELS, columns(stream, OBJECTIVE.thresholds))
    expected = page(whole)
    del expected["target_up"]  # speaks of the last batch alone
    assert {name: value for name, value in page(registry).items() if name in expected} == pytest.approx(expected)


def test_columns_hold_every_field_that_is_shown() -> None:
    """A histogram whose field was renamed would fail on the first batch; this fails sooner."""
    from swelld_exporters.prometheus.requests import _DISTRIBUTIONS

    assert set(_DISTRIBUTIONS) <= set(Columns.__slots__)
