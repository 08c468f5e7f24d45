"""The state of runs, and the latest ones in figures."""

import msgspec
import pytest

from sample_results import empty_stage, open_stage, result, stage
from swelld.result import (
    Contention,
    ContentionFigure,
    Result,
    Saturation,
    SearchLevel,
    SearchResult,
    StageResult,
    StandardError,
)
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.runs import STATES, LatestRuns, show_state


@pytest.fixture
def registry() -> Registry:
    return Registry()


def gauges(registry: Registry) -> dict[tuple[str, ...], float]:
    """(name without the prefix, labels) -> value."""
    return {
        (family.metric.name.removeprefix("swelld_").removeprefix("last_run_"), *labels): series.value.value
        for family in registry.families()
        if family.metric.name.startswith(("swelld_last_run_", "swelld_run_info"))
        for labels, series in registry.gauge(family.metric).series.items()
    }


def run(number: int, *stages: StageResult) -> Result:
    made = result(stages or [stage()])
    return msgspec.structs.replace(made, run=msgspec.structs.replace(made.run, id=f"r{number}"))


def known_runs(registry: Registry) -> set[str]:
    return {labels[2] for labels in gauges(registry) if labels[0] == "run_info"}


def test_exactly_one_state_is_true(registry: Registry) -> None:
    def shown() -> dict[str, float]:
        return {labels[1]: series.value.value for labels, series in registry.gauge(names.RUN_STATE).series.items()}

    show_state(registry, "chat", None)
    assert shown() == dict.fromkeys(STATES, 0.0)
    for state in STATES:
        show_state(registry, "chat", state)
        assert shown() == {**dict.fromkeys(STATES, 0.0), state: 1.0}


def test_a_run_in_figures(registry: Registry) -> None:
    troubled = open_stage()
    LatestRuns(registry).add(run(1, troubled), "0a1b")
    found = gauges(registry)
    where = ("chat", "local", "tiny", "rate=10", "r1")
    assert found["run_info", "chat", "r1", "completed", "0a1b"] == 1
    assert found["start_timestamp_seconds", "chat", "r1"] == 1794651630.0
    assert found["duration_seconds", "chat", "r1"] == 62.0
    assert found["requests", *where] == 100
    assert found["error_ratio", *where] == pytest.approx(3 / 98)
    assert found["contention_error_ratio", *where] == pytest.approx(2 / 98), "503 is, a refused connection is not"
    assert found["goodput_ratio", *where] == pytest.approx(0.87)
    assert found["requests_per_second", *where] == 12.5
    assert found["output_tokens_per_second", *where] == 1600.0
    assert found["valid", *where] == 1
    for name, statistics in (("ttft", troubled.ttft), ("itl", troubled.itl), ("tpot", troubled.tpot)):
        for stat in ("mean", "min", "p50", "p90", "p95", "p99", "max"):
            assert found[f"{name}_seconds", *where, stat] == getattr(statistics, stat)
    assert found["e2e_seconds", *where, "p99"] == troubled.e2e.p99


def test_what_was_not_measured_is_absent(registry: Registry) -> None:
    LatestRuns(registry).add(run(1, empty_stage()))
    names_found = {labels[0] for labels in gauges(registry)}
    assert names_found == {
        "run_info",
        "start_timestamp_seconds",
        "duration_seconds",
        "requests",
        "error_ratio",
        "contention_error_ratio",
        "margin_ratio",
        "valid",
    }
    margins = {labels[-1] for labels in gauges(registry) if labels[0] == "margin_ratio"}
    assert margins == {"error_rate"}, "that of requests which are taken to be independent"


def test_the_oldest_run_makes_room(registry: Registry) -> None:
    latest = LatestRuns(registry, remembered=3)
    for number in range(5):
        latest.add(run(number))
    assert known_runs(registry) == {"r2", "r3", "r4"}
    assert {labels[-1] for labels in gauges(registry) if labels[0] == "requests"} == {"r2", "r3", "r4"}


def test_runs_of_many_stages_are_fewer_and_none_is_refused(registry: Registry) -> None:
    latest = LatestRuns(registry)
    sweep = [stage(stage=f"rate={rate}") for rate in range(30)]
    for number in range(7):
        latest.add(run(number, *sweep))
        assert registry.counter(names.LABEL_OVERFLOW).series == {}
    assert known_runs(registry) == {"r3", "r4", "r5", "r6"}, "4 runs x 30 stages x 7 statistics are below 1,000"
    latest.add(run(7))
    assert known_runs(registry) == {"r3", "r4", "r5", "r6", "r7"}


def test_what_a_target_lost_to_the_others(registry: Registry) -> None:
    known = ContentionFigure(alone=0.1, together=0.15, loss=0.5, low=0.4, high=0.6)
    unknown = ContentionFigure(alone=None, together=0.2, loss=None, low=None, high=None)
    lost = Contention(
        stage="rate=5",
        solo_stage="rate=5 solo=local",
        target="local",
        model="tiny",
        valid=True,
        figures={"ttft.p50": known, "goodput": unknown},
    )
    LatestRuns(registry).add(msgspec.structs.replace(run(1), contention=[lost]))
    found = {labels[1:]: value for labels, value in gauges(registry).items() if labels[0] == "contention_loss_ratio"}
    assert found == {("chat", "local", "tiny", "rate=5", "r1", "ttft_p50"): 0.5}


def test_how_far_chance_moves_a_figure(registry: Registry) -> None:
    precise = {
        "ttft.p95": StandardError(0.01, 11),
        "goodput": StandardError(0.02, 11),
        "request_rate": StandardError(0.5, 11),
    }
    plain = open_stage(precision=precise, request_rate=None)
    LatestRuns(registry).add(run(1, plain))
    found = {labels[-1]: value for labels, value in gauges(registry).items() if labels[0] == "margin_ratio"}
    student = 2.228  # with ten degrees of freedom
    assert plain.ttft.p95 is not None
    assert found == {
        "ttft_p95": pytest.approx(student * 0.01 / plain.ttft.p95, rel=1e-3),
        "goodput": pytest.approx(student * 0.02, rel=1e-3),
    }


def level(users: float, accepted: bool | None) -> SearchLevel:
    return SearchLevel(
        level=users, stage=f"concurrency={users:g}", accepted=accepted, sure=True, good=9, total=10, low=0.6, high=0.99,
        seconds=2.0, cut_short=False, reason="90 % of 10 requests were good",
    )  # fmt: skip


def test_what_a_search_found(registry: Registry) -> None:
    search = SearchResult(
        kind="concurrency", share=0.95, confidence=0.95, precision=0.05, capacity=40.0, low=32.0, high=None,
        request_rate=7.9, limit=(28.7, 32.8), ended="time", lines=[],
        levels=[level(32, True), level(64, False), level(48, False), level(44, None), level(40, True)],
        saturation=Saturation(bend=36.0, best=40.0, best_rate=7.9, errors_begin=None),
    )  # fmt: skip
    LatestRuns(registry).add(msgspec.structs.replace(run(1), search=search))
    found = gauges(registry)
    loads = {labels[1:]: value for labels, value in found.items() if labels[0] == "capacity"}
    wanted = {"carried": 40, "carried_for_sure": 32, "missed": 48, "bend": 36, "best": 40}
    wanted |= {"limit_low": 28, "limit_high": 32}
    assert loads == {("chat", "r1", "concurrency", what): load for what, load in wanted.items()}
    assert found["search_info", "chat", "r1", "concurrency", "time"] == 1


def test_runs_that_searched_for_nothing_say_nothing_of_it(registry: Registry) -> None:
    LatestRuns(registry).add(run(1))
    assert {labels[0] for labels in gauges(registry)} & {"capacity", "search_info"} == set()
