"""A sweep that finds its own levels."""

import msgspec
import pytest

import sample_results
from swelld.analysis.sweep import sweeps
from swelld.analysis.verdict import verdict
from swelld.load.bounds import Bounds
from swelld.load.sweep import Sweeping
from swelld.search.sweeping import Sweep, numbers, rates
from swelld.sim.batch import capacity
from swelld.sim.options import SimOptions
from virtual_server import Clock, carry_out

SERVER = SimOptions(mode="realistic", max_num_seqs=16, step_base=0.008, prefix_caching=False)


def test_levels_between_two_probes() -> None:
    assert rates(2.0, 12.0, 6) == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert rates(12.0, 2.0, 2) == [2.0, 12.0]
    assert rates(5.0, 5.0, 4) == [5.0]
    assert numbers(8.0, 64, 4) == [2.0, 4.0, 8.0, 16.0]
    assert numbers(100.0, 64, 3) == [4.0, 16.0, 64.0]


def test_rates() -> None:
    course = Sweep(Sweeping.model_validate({"sweep": {"kind": "rate", "count": 4}}), Bounds(duration=10.0), 1)
    done = carry_out(course, SERVER, (64, 32), {}, 0.99, Clock())
    assert [stage.stage for stage in done][:2] == ["concurrency=1", "concurrency=64"]
    levels = [float(stage.stage.removeprefix("rate=")) for stage in done[2:]]
    assert len(levels) == 4
    assert levels[0] == pytest.approx(1 / (32 * 0.0081 + 64 * 0.00002), rel=0.1)  # one user alone
    assert levels[-1] == pytest.approx(capacity(SERVER, 64, 32).requests_per_second, rel=0.15)
    assert course.expected() == 6
    (sweep,) = sweeps(sample_results.result(done))
    assert (sweep.kind, list(sweep.levels)) == ("rate", levels)  # the probes are none of them


def test_users() -> None:
    course = Sweep(Sweeping.model_validate({"sweep": "concurrency"}), Bounds(duration=10.0), 1)
    done = carry_out(course, SERVER, (64, 32), {}, 0.99, Clock())
    labels = [stage.stage for stage in done]
    assert labels[:2] == ["concurrency=1", "concurrency=64"]
    assert len(labels) == len(set(labels))
    users = [int(label.removeprefix("concurrency=")) for label in labels[2:]]
    assert users == sorted(users)
    assert 16 <= users[-1] <= 32  # twice the batch at most


def test_a_server_that_answers_nothing_has_no_levels_between() -> None:
    course = Sweep(Sweeping.model_validate({"sweep": "rate"}), Bounds(duration=1.0), 1)
    assert course.next([]) is not None
    assert course.next([]) is not None
    assert course.next([]) is None


def test_the_verdict_is_not_of_the_probes() -> None:
    course = Sweep(Sweeping.model_validate({"sweep": "rate"}), Bounds(duration=1.0), 1)
    labels = ("concurrency=1", "concurrency=64", "rate=5", "rate=10")
    done = [sample_results.stage(stage=label, goodput=sample_results.goodput(1)) for label in labels]
    made = sample_results.result(done)
    found = course.complete(msgspec.structs.replace(made, verdict=verdict(done)))
    of = {label: {one.subject for one in found.verdict if one.stage == label} for label in labels}
    assert of["concurrency=64"] == of["concurrency=1"] == {"validity"}
    assert "goodput" in of["rate=10"]
    assert of["rate=10"] == of["rate=5"] == {one.subject for one in verdict(done[3:])}
