"""When open-loop requests are due."""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.load.arrivals import arrivals, pick, share
from swelld.load.stage import OpenStage


def schedule(seed: int = 1, **stage: object) -> list[tuple[int, float, bool]]:
    return list(arrivals(OpenStage(label="s", **stage), seed))  # type: ignore[arg-type]


def test_a_constant_rate_is_a_multiplication_not_a_sum_of_gaps() -> None:
    dues = [a[1] for a in schedule(rate=50.0, duration=30.0)]
    assert len(dues) == 1500
    assert dues == [i / 50.0 for i in range(1500)]


def test_the_end_of_the_duration_is_not_part_of_it() -> None:
    assert [a[1] for a in schedule(rate=1.0, duration=3.0)] == [0.0, 1.0, 2.0]


def test_requests_and_duration_whichever_comes_first() -> None:
    assert len(schedule(rate=10.0, duration=1.0, requests=100)) == 10
    assert len(schedule(rate=10.0, duration=100.0, requests=25)) == 25


def test_without_bounds_it_never_ends() -> None:
    endless = arrivals(OpenStage(label="s", rate=2.0), 1)
    assert [a.due for a in itertools.islice(endless, 5)] == [0.0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("process", "burstiness", "variation"), [("poisson", 1.0, 1.0), ("gamma", 0.25, 2.0), ("gamma", 4.0, 0.5)]
)
def test_random_processes_have_the_rate_and_the_variation_they_promise(
    process: str, burstiness: float, variation: float
) -> None:
    dues = [a[1] for a in schedule(rate=20.0, requests=20_000, process=process, burstiness=burstiness)]
    gaps = [b - a for a, b in itertools.pairwise(dues)]
    assert statistics.mean(gaps) == pytest.approx(1 / 20.0, rel=0.05)
    assert statistics.stdev(gaps) / statistics.mean(gaps) == pytest.approx(variation, rel=0.05)


def test_a_ramp_offers_the_integral_of_its_rate() -> None:
    dues = [a[1] for a in schedule(rate=1.0, rate_end=20.0, duration=60.0)]
    assert len(dues) == 630  # (1 + 20) / 2 * 60
    for moment in (10.0, 30.0, 50.0):
        expected = moment + 0.5 * (19.0 / 60.0) * moment**2
        assert sum(d < moment for d in dues) == pytest.approx(expected, abs=1)


def test_a_falling_ramp_is_the_rising_one_backwards() -> None:
    up = schedule(rate=2.0, rate_end=30.0, duration=20.0)
    down = schedule(rate=30.0, rate_end=2.0, duration=20.0)
    assert len(up) == len(down) == 320
    assert all(math.isfinite(a[1]) for a in down)


def test_a_ramp_to_nothing_stops_by_itself() -> None:
    assert len(schedule(rate=10.0, rate_end=0.0, duration=10.0)) == 50


def test_warm_up_by_requests_is_numbered_apart_and_starts_the_window_after_it() -> None:
    found = schedule(rate=10.0, duration=1.0, warmup_requests=5)
    assert [a[0] for a in found if a[2]] == [0, 1, 2, 3, 4]
    measured = [a for a in found if not a[2]]
    assert [a[0] for a in measured] == list(range(10))
    assert measured[0][1] == 0.5


def test_warm_up_by_time_runs_at_the_first_rate_of_a_ramp() -> None:
    found = schedule(rate=10.0, rate_end=30.0, duration=10.0, warmup_seconds=2.0)
    assert [a[1] for a in found if a[2]] == [i / 10 for i in range(20)]
    assert sum(not a[2] for a in found) == 200


processes = st.sampled_from([("constant", 1.0), ("poisson", 1.0), ("gamma", 0.5)])


@given(
    process=processes,
    rate=st.floats(0.5, 200.0),
    requests=st.integers(1, 300),
    warmup=st.integers(0, 20),
    seed=st.integers(0, 5),
    parts=st.integers(1, 7),
)
def test_the_shares_of_all_shards_are_the_whole_schedule(
    process: tuple[str, float], rate: float, requests: int, warmup: int, seed: int, parts: int
) -> None:
    stage = OpenStage(
        label="s", rate=rate, requests=requests, warmup_requests=warmup, process=process[0], burstiness=process[1]
    )
    whole = list(arrivals(stage, seed))
    shares = [list(itertools.islice(arrivals(stage, seed), part, None, parts)) for part in range(parts)]
    assert sorted(itertools.chain(*shares), key=lambda a: (not a.warmup, a.number)) == whole
    assert len(whole) == requests + warmup
    assert all(a.due <= b.due for a, b in itertools.pairwise(whole))


@given(limit=st.integers(0, 10_000), parts=st.integers(1, 64))
def test_shares_of_a_limit_add_up_and_differ_by_one_at_most(limit: int, parts: int) -> None:
    shares = [share(limit, part, parts) for part in range(parts)]
    assert sum(shares) == limit
    assert max(shares) - min(shares) <= 1


@given(
    weights=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=5),
    start=st.integers(0, 10_000),
)
def test_weights_hold_over_any_stretch_of_requests(weights: list[float], start: int) -> None:
    picked = [pick(tuple(weights), index) for index in range(start, start + 1000)]
    for number, weight in enumerate(weights):
        assert picked.count(number) / 1000 == pytest.approx(weight / sum(weights), abs=0.02)


def test_the_same_seed_gives_the_same_arrivals_and_another_seed_others() -> None:
    poisson = {"rate": 10.0, "requests": 50, "process": "poisson"}
    assert schedule(7, **poisson) == schedule(7, **poisson)
    assert schedule(7, **poisson) != schedule(8, **poisson)
