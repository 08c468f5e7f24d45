"""What a run over several levels says of a server: where it bends, where errors begin, where to operate it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from sample_results import empty_stage, open_stage, result, stage, validity
from swelld.analysis.saturation import saturation
from swelld.analysis.sweep import Reading, conclusions, error_share, read, success_share, sweeps
from swelld.result import Kind, LevelChange, Requests, Saturation, SearchResult, StageResult
from swept import level, sweep_result


def reading(stages: Sequence[StageResult]) -> Reading:
    (sweep,) = sweeps(result(stages))
    return read(sweep)


def names(found: Reading) -> list[str | None]:
    stages = (found.best, found.saturation, found.errors_begin, found.carried)
    return [None if one is None else one.stage for one in stages]


def test_a_bend_is_found_and_a_limit_recommended() -> None:
    (sweep,) = sweeps(sweep_result())
    found = read(sweep)
    assert (sweep.kind, sweep.levels, sweep.samples) == ("concurrency", (8.0, 16.0, 32.0, 64.0, 128.0), 510)
    assert names(found) == ["concurrency=32", "concurrency=32", "concurrency=128", "concurrency=32"]
    assert found.limit == pytest.approx((0.7 * 16, 0.8 * 16))
    assert found.lines == (
        "Saturated at concurrency=32: 16.0 requests/s, and more load brings no more.",
        "Timeouts and answers 429 or 503 begin at concurrency=128 (10 of them).",
        "The highest load that met the objective was concurrency=32 (16.0 requests/s).",
        "Operate at 11.2 to 12.8 requests/s (70% to 80% of that).",
    )


def test_stages_are_put_in_order_of_load() -> None:
    (sweep,) = sweeps(sweep_result((128, 8, 32)))
    assert sweep.levels == (8.0, 32.0, 128.0)
    assert [stage.users for stage in sweep.stages] == [8, 32, 128]


def test_each_target_is_a_sweep_of_its_own() -> None:
    found = sweeps(result([level(8), level(8, target="other"), level(16)]))
    assert [(sweep.target, sweep.levels) for sweep in found] == [("local", (8.0, 16.0)), ("other", (8.0,))]


def test_saturation_begins_before_the_best_level() -> None:
    rates = (10.0, 19.5, 20.0, 20.1)
    found = reading(
        [open_stage(rate, request_rate=got, goodput=None) for rate, got in zip((10, 20, 30, 40), rates, strict=True)]
    )
    assert found.lines[0] == "Saturated from rate=20 (19.5 requests/s); the most was 20.1 requests/s at rate=40."


def test_rates_that_outran_the_server_at_the_last_level_saturated_it() -> None:
    def lines(last: float, seconds: float = 600.0) -> tuple[str, ...]:
        rates = ((10, 10.0), (20, 20.0), (60, last))
        return reading(
            [open_stage(rate, request_rate=got, window_seconds=seconds, goodput=None) for rate, got in rates]
        ).lines

    assert lines(27.0)[0] == (
        "Saturated below rate=60: only 27.0 of the 60.0 requests/s there were answered; add levels between rate=20 and "
        "rate=60 to find where."
    )
    assert lines(58.0)[0].startswith("Not saturated: ")
    assert lines(27.0, seconds=20.0)[0].startswith("Not saturated: ")  # most answers of 14 s came after the window


def test_a_rate_that_still_grows_is_not_saturated() -> None:
    found = reading([level(users) for users in (8, 16, 32)])
    assert found.saturation is None
    assert (
        "Not saturated: the request rate still grew at the last level (16.0 requests/s at concurrency=32)"
        in found.lines[0]
    )
    assert found.lines[-1].endswith("(70% to 80% of that) until higher levels are measured.")


def test_a_level_without_any_answer_in_its_window_is_saturated() -> None:
    """Its answers came all, but later."""
    carried = [level(users, goodput=None) for users in (8, 16, 32)]
    found = reading([*carried, level(64, request_rate=0.0, goodput=None)])
    assert names(found) == ["concurrency=32", "concurrency=32", None, "concurrency=32"]
    assert found.lines == (
        "Saturated at concurrency=32: 16.0 requests/s, and more load brings no more.",
        "The highest load that answered 99.0% of the requests was concurrency=32 (16.0 requests/s).",
        "Operate at 11.2 to 12.8 requests/s (70% to 80% of that).",
    )
    first = reading([level(8, request_rate=0.0, goodput=None), *carried[1:], level(64, goodput=None)])
    assert names(first) == ["concurrency=32", "concurrency=32", None, "concurrency=64"]


def test_windows_that_are_all_too_short_say_so() -> None:
    found = reading([level(users, request_rate=0.0) for users in (8, 16, 32)])
    assert names(found) == [None, None, None, None]
    assert found.lines == ("No answer came while its level was measured: measure for longer than one answer takes.",)


def test_without_an_objective_nearly_all_must_be_answered() -> None:
    found = reading([level(users, goodput=None) for users in (8, 16, 32, 64, 128)])
    assert found.carried is not None
    assert found.carried.stage == "concurrency=64"
    assert "answered 99.0% of the requests" in found.lines[2]


def test_a_level_above_one_that_failed_is_not_carried() -> None:
    found = reading([level(8), level(16, good=50), level(32)])
    assert found.carried is not None
    assert found.carried.stage == "concurrency=8"


def test_there_may_be_nothing_to_recommend() -> None:
    found = reading([level(users, good=50) for users in (8, 16, 32)])
    assert (found.carried, found.limit) == (None, None)
    assert found.lines[-1].startswith("Already concurrency=8 did not meet the objective")


def test_doubtful_levels_below_the_limit_forbid_a_recommendation() -> None:
    doubted = validity(valid=False, reasons=["late"])
    stages = [level(8, validity=doubted), level(16), level(32), level(64)]
    found = reading(stages)
    assert found.limit is None
    assert (
        found.lines[0]
        == "The load generator itself was the bottleneck at concurrency=8: figures from there are in doubt."
    )
    assert "no load is recommended" in found.lines[-1]
    assert reading([*stages[1:], level(128, validity=doubted)]).limit is not None


@pytest.mark.parametrize(
    "stages", [[stage()], [level(8), level(16)], [stage(stage="sequential")], [level(8), open_stage(), level(16)]]
)
def test_few_or_unlike_stages_say_how_to_find_out(stages: list[StageResult]) -> None:
    found = reading(stages)
    assert (found.saturation, found.limit) == (None, None)
    assert found.lines[-1] == "To find where the server saturates, sweep at least 3 levels of rate or concurrency."


def test_ramps_and_mixtures_are_no_levels() -> None:
    (sweep,) = sweeps(result([stage(stage="rate=1..20"), open_stage(5)]))
    assert (sweep.kind, sweep.levels) == (None, (0.0, 1.0))


def test_nothing_answered_says_why() -> None:
    found = reading([empty_stage()])
    assert names(found) == [None, None, None, None]
    assert found.lines == ("No request was answered (10 times connect): there is nothing to read from the figures.",)


def test_shares() -> None:
    dropped = stage(requests=Requests(scheduled=20, started=15, ok=12, failed=3, dropped=5))
    assert (error_share(dropped), success_share(dropped)) == (3 / 15, 12 / 20)
    none = stage(requests=Requests(scheduled=0, started=0, ok=0, failed=0, dropped=0))
    assert (error_share(none), success_share(none)) == (None, None)


def test_a_stage_whose_level_was_changed_is_no_level() -> None:
    (sweep,) = sweeps(result([level(8), level(16, changes=[LevelChange(at=1.0, concurrency=20)]), level(32)]))
    assert sweep.kind is None


def test_conclusions_are_those_of_each_target_or_of_the_search() -> None:
    swept = result([level(8), level(8, target="b")])
    assert [target for target, _ in conclusions(swept)] == ["local", "b"]
    search = SearchResult(
        kind="concurrency", share=0.99, confidence=0.95, precision=0.05, capacity=None, low=None, high=None,
        request_rate=None, limit=None, ended="nothing", levels=[],
        saturation=Saturation(bend=None, best=None, best_rate=None, errors_begin=None), lines=["Not even 8 users."],
    )  # fmt: skip
    assert conclusions(msgspec.structs.replace(swept, search=search)) == [("local, b", ("Not even 8 users.",))]


def test_probes_are_no_levels_of_a_sweep_of_rates() -> None:
    probes = [stage(stage="concurrency=1", request_rate=2.0), stage(stage="concurrency=64", request_rate=21.0)]
    rates = [(10, 10.0), (20, 19.9), (5, 5.0), (40, 20.1)]
    (sweep,) = sweeps(result([*probes, *(stage(stage=f"rate={rate}", request_rate=got) for rate, got in rates)]))
    assert (sweep.kind, sweep.levels, sweep.samples) == ("rate", (5.0, 10.0, 20.0, 40.0), 400)
    found = read(sweep)
    assert names(found) == ["rate=40", "rate=20", None, "rate=40"]
    assert found.lines[0] == "Saturated from rate=20 (19.9 requests/s); the most was 20.1 requests/s at rate=40."


def test_probes_of_a_sweep_of_users_are_levels() -> None:
    (sweep,) = sweeps(result([level(1), level(64), level(8), level(32)]))
    assert (sweep.kind, sweep.levels) == ("concurrency", (1.0, 8.0, 32.0, 64.0))


def test_a_target_alone_is_no_level() -> None:
    stages = []
    for users in (8, 16, 32, 64):
        for target in ("a", "b"):
            alone = f"concurrency={users} solo={target}"
            stages.append(level(users, target=target, stage=alone, solo_of=f"concurrency={users}", request_rate=99.0))
        stages += [level(users, target=target) for target in ("a", "b")]
    found = sweeps(result(stages))
    assert [(sweep.target, sweep.kind, sweep.levels) for sweep in found] == [
        (target, "concurrency", (8.0, 16.0, 32.0, 64.0)) for target in ("a", "b")
    ]
    assert [read(sweep).lines[0] for sweep in found] == [
        "Saturated at concurrency=32: 16.0 requests/s, and more load brings no more."
    ] * 2


def test_one_judge_for_a_sweep_and_for_a_search() -> None:
    (sweep,) = sweeps(sweep_result())
    found = read(sweep)
    assert found.saturation is not None
    assert found.saturation.stage == f"concurrency={saturation(sweep.stages, 'concurrency').bend:g}"


def searched(capacity: float | None, kind: Kind = "concurrency", **changes: Any) -> SearchResult:
    plain = SearchResult(
        kind=kind, share=0.95, confidence=0.95, precision=0.05, capacity=capacity, low=capacity, high=None,
        request_rate=None, limit=None if capacity is None else (0.7 * capacity, 0.8 * capacity), ended="precise",
        levels=[], saturation=Saturation(bend=None, best=None, best_rate=None, errors_begin=None), lines=["So it is."],
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def test_what_a_search_found_is_what_is_read() -> None:
    bends = Saturation(bend=32.0, best=16.0, best_rate=8.0, errors_begin=None)
    whole = msgspec.structs.replace(sweep_result(), search=searched(16.0, saturation=bends))
    (sweep,) = sweeps(whole)
    found = read(sweep)
    assert names(found) == ["concurrency=32", "concurrency=32", "concurrency=128", "concurrency=16"]
    assert found.lines == ("So it is.",)
    assert found.limit == pytest.approx((0.7 * 8, 0.8 * 8))
    (sweep,) = sweeps(msgspec.structs.replace(whole, search=searched(None)))
    assert names(read(sweep)) == ["concurrency=32", None, "concurrency=128", None]
    assert read(sweep).limit is None


def test_a_search_for_a_rate_says_one_limit() -> None:
    stages = [stage(stage=f"rate={rate}", request_rate=0.98 * rate) for rate in (8, 16)]
    whole = msgspec.structs.replace(result(stages), search=searched(16.0, "rate"))
    (sweep,) = sweeps(whole)
    assert read(sweep).limit == pytest.approx((0.7 * 16, 0.8 * 16))
    other = [stage(stage=f"rate={rate}", target="b", request_rate=0.3 * rate) for rate in (8, 16)]
    two = sweeps(msgspec.structs.replace(whole, stages=[*stages, *other]))
    assert read(two[1]).limit == pytest.approx((0.7 * 0.3 * 16, 0.8 * 0.3 * 16))
