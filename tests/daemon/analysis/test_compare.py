"""Runs side by side: pairs, changes, regressions, and what is said of unlike things."""

from typing import Any

import msgspec
import pytest

from sample_results import NOTHING, goodput, result, spread, stage, validity
from swelld.analysis.compare import Change, Comparison, compare
from swelld.analysis.thresholds import threshold
from swelld.result import Requests, Result, StageResult, StandardError


def precise(error: float = 0.01, **changes: Any) -> StageResult:
    """A stage whose figures are known to a share `error` of themselves."""
    made = stage(**changes)
    times = {f"ttft.{name}": (made.ttft, name) for name in ("mean", "p50", "p90", "p95")}
    known = {name: StandardError(error * getattr(found, part), 11) for name, (found, part) in times.items()}
    known["request_rate"] = StandardError(error * (made.request_rate or 0.0), 11)
    known["error_rate"] = StandardError(error, 11)
    known["goodput"] = StandardError(error, 11)
    return msgspec.structs.replace(made, precision=known)


def run(*stages: StageResult, **changes: Any) -> Result:
    made = result(stages)
    return msgspec.structs.replace(made, run=msgspec.structs.replace(made.run, **changes))


def changed(found: Comparison, figure: str, row: int = 0) -> Change:
    return next(one for one in found.rows[row].changes if one.figure == figure)


def told(found: Comparison) -> list[str]:
    return [f"{remark.level} {remark.text}" for remark in found.remarks]


def test_a_change_comes_with_its_interval() -> None:
    """1 % error each make 1.41 % together, of 20 degrees of freedom: +- 2.09 times that, on a logarithmic scale."""
    found = compare([run(precise(ttft=spread(0.1))), run(precise(ttft=spread(0.11)))])
    one = changed(found, "ttft.p50")
    assert one.change == pytest.approx(0.1, abs=0.003)
    assert one.low == pytest.approx(1.1 / 1.0299 - 1, abs=0.004)
    assert one.high == pytest.approx(1.1 * 1.0299 - 1, abs=0.004)
    assert one.direction == "worse"


def test_a_share_changes_by_points() -> None:
    found = compare([run(precise(goodput=goodput(90))), run(precise(goodput=goodput(84)))])
    one = changed(found, "goodput")
    assert one.change == pytest.approx(-0.06)
    assert one.direction == "worse"
    assert one.low == pytest.approx(-0.06 - 2.086 * 0.01414, abs=0.0002)


@pytest.mark.parametrize(
    ("ttft", "error", "direction", "outcome"),
    [
        (0.100, 0.01, "same", "PASS"),
        (0.104, 0.01, "worse", "PASS"),  # for sure, but not too much
        (0.110, 0.01, "worse", "FAIL"),
        (0.110, 0.05, "unsure", "UNCLEAR"),  # too much, but chance may explain it
        (0.100, 0.03, "unsure", "PASS"),  # no change is seen, but one that is too much could hide
        (0.090, 0.01, "better", "PASS"),
    ],
)
def test_a_regression_is_both_large_and_sure(ttft: float, error: float, direction: str, outcome: str) -> None:
    base, new = run(precise(error, ttft=spread(0.1))), run(precise(error, ttft=spread(ttft)))
    found = compare([base, new], [threshold("ttft.p50 > +5%")])
    assert changed(found, "ttft.p50").direction == direction
    assert found.outcome == outcome
    (check,) = found.checks
    assert (check.outcome, check.threshold, check.series) == (outcome, "ttft.p50 > +5%", 1)


def test_many_verdicts_need_more_confidence_each() -> None:
    """A change that is sure by itself is not among thirty."""
    base = [precise(0.02, stage=f"rate={n}", ttft=spread(0.1)) for n in range(30)]
    new = [precise(0.02, stage=f"rate={n}", ttft=spread(0.108 if n == 0 else 0.1)) for n in range(30)]
    alone = compare([run(base[0]), run(new[0])], [threshold("ttft.p50 > +5%")])
    among = compare([run(*base), run(*new)], [threshold("ttft.p50 > +5%")])
    assert (alone.outcome, among.outcome) == ("FAIL", "UNCLEAR")
    assert changed(among, "ttft.p50").direction == "worse"


def test_nothing_is_sure_where_the_load_generator_was_the_bottleneck() -> None:
    slow = precise(ttft=spread(0.2), validity=validity(valid=False, reasons=["the load process is late"]))
    found = compare([run(precise(ttft=spread(0.1))), run(slow)])
    assert found.outcome == "UNCLEAR"
    assert not found.rows[0].valid
    assert "this may be its doing" in found.checks[0].text
    assert told(found) == [
        "WARNING concurrency=10 of local: the load generator was the bottleneck: the load process is late"
    ]


def test_a_percentile_of_too_few_is_unclear() -> None:
    few = compare([run(precise(e2e=spread(1.0))), run(precise(e2e=spread(2.0)))], [threshold("e2e.p95 > +10%")])
    assert (few.outcome, changed(few, "e2e.p95").direction) == ("UNCLEAR", None)
    assert "too few requests" in few.checks[0].text


def test_a_figure_that_has_gone_is_unclear() -> None:
    found = compare([run(precise()), run(stage(ttft=NOTHING))], [threshold("ttft.p50 > +5%")])
    assert (found.outcome, found.checks[0].text) == ("UNCLEAR", "ttft.p50 was not measured any more")


def test_a_threshold_that_nothing_can_exceed_is_told() -> None:
    found = compare([run(precise()), run(precise())], [threshold("goodput < -2%")])
    assert (found.outcome, found.checks) == ("PASS", [])
    assert told(found) == ["WARNING goodput < -2pp: goodput was not measured, so nothing was held against it"]


def test_without_precision_requests_are_taken_to_be_independent() -> None:
    """1 / sqrt(100) of the standard deviation; and that is said."""
    base, new = stage(ttft=spread(0.1)), stage(ttft=spread(0.15))
    found = compare([run(base), run(new)])
    one = changed(found, "ttft.mean")
    assert one.low is not None
    assert base.ttft.std is not None
    assert base.ttft.mean is not None
    assert one.low == pytest.approx(1.5 / (1 + 1.96 * 2**0.5 * base.ttft.std / 10 / base.ttft.mean) - 1, abs=0.005)
    assert [text.partition(":")[0] for text in told(found)] == [
        "WARNING too short, or measured by a version too old, to tell how precise its figures are"
    ] * 2


def test_stages_belong_together_by_name() -> None:
    base = run(precise(stage="rate=1"), precise(stage="rate=5"), precise(stage="rate=10"))
    found = compare([base, run(precise(stage="rate=5"), precise(stage="rate=20")), run(precise(stage="rate=10"))])
    assert [(row.series, row.base_stage, row.stage) for row in found.rows] == [
        (1, "rate=5", "rate=5"),
        (2, "rate=10", "rate=10"),
    ]
    assert "NOTE not compared, for nothing belongs to it: rate=20 of local" in told(found)
    assert "NOTE not compared, for nothing belongs to it: rate=1 of local" in told(found)


def test_the_only_stages_belong_together_whatever_their_names() -> None:
    found = compare([run(precise(stage="rate=5")), run(precise(stage="rate=10", target="other"))])
    assert [(row.base_stage, row.stage, row.target) for row in found.rows] == [("rate=5", "rate=10", "other")]


def test_targets_of_other_names_belong_together_where_they_are_alone() -> None:
    base = run(precise(stage="rate=5"), precise(stage="rate=10"))
    found = compare([base, run(*(precise(stage=f"rate={n}", target="new") for n in (5, 10)))])
    assert [(row.base_target, row.target, row.stage) for row in found.rows] == [
        ("local", "new", "rate=5"),
        ("local", "new", "rate=10"),
    ]


def test_targets_of_one_run() -> None:
    one = run(*(precise(target=name, ttft=spread(t)) for name, t in (("a", 0.1), ("b", 0.2), ("c", 0.05))))
    found = compare([one], by="target")
    assert [series.name for series in found.series] == ["a", "b", "c"]
    assert [(row.series, row.target, changed(found, "ttft.p50", n).direction) for n, row in enumerate(found.rows)] == [
        (1, "b", "worse"),
        (2, "c", "better"),
    ]


def test_a_target_alone_belongs_to_a_target_alone() -> None:
    names = ("a", "b")
    alone = [precise(stage=f"rate=5 solo={name}", target=name, solo_of="rate=5") for name in names]
    found = compare([run(*alone, *(precise(stage="rate=5", target=name) for name in names))], by="target")
    assert [(row.base_stage, row.stage) for row in found.rows] == [
        ("rate=5 solo=a", "rate=5 solo=b"),
        ("rate=5", "rate=5"),
    ]


def test_models_of_several_runs() -> None:
    runs = [run(precise(model=name), id=name) for name in ("small", "large")]
    found = compare(runs, by="model", names=["first", "second"])
    assert [series.name for series in found.series] == ["first small", "second large"]
    assert told(found) == []  # another model is what was asked for


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="--by target or --by model"):
        compare([run(precise())])
    with pytest.raises(ValueError, match="there is only one target"):
        compare([run(precise())], by="target")


def test_unlike_runs_are_flagged_not_refused() -> None:
    base = run(
        precise(),
        config={"scenario": {"load": {"rate": "5/s"}, "prompts": {"kind": "suite"}}, "targets": {"local": {}}},
    )
    other = run(
        precise(model="large", input_tokens=spread(300)),
        seed=8,
        state="cancelled",
        swelld_version="9.9",
        config={
            "scenario": {"load": {"rate": "9/s"}, "prompts": {"kind": "suite"}},
            "targets": {"local": {"stream": False, "url": "http://b"}},
        },
    )
    found = compare([base, other])
    assert len(found.rows) == 1
    assert told(found) == [
        "WARNING other load.rate: 9/s beside 5/s",
        "WARNING target local, other stream: false beside none",
        "NOTE target local, other url: http://b beside none",
        "WARNING other model: large beside tiny",
        "WARNING other seed, so other prompts and arrivals: 8 beside 7",
        "NOTE measured by swelld 9.9, the base by 0.1.0",
        "WARNING it is cancelled, not completed",
        "WARNING concurrency=10: prompts of 320 tokens beside 256",
    ]


def test_many_errors_are_told_for_they_are_in_no_latency() -> None:
    failing = precise(requests=Requests(scheduled=100, started=100, ok=90, failed=10, dropped=0))
    found = compare([run(precise()), run(failing)])
    assert told(found) == ["NOTE concurrency=10 of local: 10.0% failed, and are in no latency"]
    assert [check.threshold for check in found.checks if check.outcome == "FAIL"] == ["error_rate > +1pp"]


def test_the_comparison_survives_json() -> None:
    found = compare([run(precise()), run(precise(ttft=spread(0.06)))])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            {"kind": "synthetic", "input_tokens": 256, "output_tokens": {"kind": "uniform", "min": 1, "max": 9}},
            {"kind": "synthetic", "input_tokens": 256, "output_tokens": {"kind": "uniform", "min": 1, "max": 8}},
            ["WARNING other prompts.output_tokens.max: 8 beside 9"],
        ),
        (
            {"kind": "synthetic", "input_tokens": 9, "tokenizer": None, "a": {"b": 1}},
            {"kind": "inline", "prompts": ["Hi"]},
            ["WARNING other prompts: kind: inline, prompts: [Hi] beside kind: synthetic, input_tokens: 9, a: {b: 1}"],
        ),
        ({"kind": "suite"}, None, ["WARNING other prompts: none beside kind: suite"]),
    ],
)  # fmt: skip
def test_what_is_unlike_is_told_as_it_is_written(before: Any, after: Any, said: list[str]) -> None:
    base, other = (run(precise(), config={"scenario": {"prompts": one}, "targets": {}}) for one in (before, after))
    assert told(compare([base, other])) == said


def test_how_large_a_change_may_hide_is_up_to_the_thresholds() -> None:
    base, new = run(precise(0.03, ttft=spread(0.1))), run(precise(0.03, ttft=spread(0.1)))
    directions = {
        limit: changed(compare([base, new], [threshold(limit)]), "ttft.p50").direction
        for limit in ("ttft.p50 > +5%", "ttft.p50 > +20%", "ttft.p50 > +5ms", "ttft.p50 > +20ms", "ttft.p95 > +20%")
    }
    assert list(directions.values()) == ["unsure", "same", "unsure", "same", "unsure"]
