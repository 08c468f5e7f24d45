"""In which order stages are shown where not all of them are levels."""

from sample_results import result, stage
from swelld.export.overview import ordered


def test_levels_come_first_and_together_then_probes_and_a_target_alone() -> None:
    labels = ("concurrency=1", "concurrency=64", "rate=20", "rate=5", "rate=10")
    made = result([stage(stage=label, target=target) for label in labels for target in ("a", "b")])
    order = ["rate=5", "rate=10", "rate=20", "concurrency=1", "concurrency=64"]
    assert [(one.target, one.stage) for one in ordered(made)] == [(target, one) for target in "ab" for one in order]
    alone = stage(stage="rate=2 solo=a", target="a", solo_of="rate=2")
    made = result([alone, stage(stage="rate=2", target="a")])
    assert [one.stage for one in ordered(made)] == ["rate=2", "rate=2 solo=a"]


def test_a_level_that_was_measured_again_is_shown_each_time() -> None:
    made = result([stage(stage=label) for label in ("rate=4", "rate=8", "rate=6", "rate=8 again=2")])
    assert [one.stage for one in ordered(made)] == ["rate=4", "rate=6", "rate=8 again=2", "rate=8"]
