"""Lengths follow their distribution, and what makes none is refused with the reason."""

from statistics import fmean, median, pstdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from swelld.prompts.lengths import Lengths, Lognormal, Normal, Uniform, sampler

ANY: TypeAdapter[int | Uniform | Normal | Lognormal] = TypeAdapter(Lengths)
COUNT = 20_000
EVENLY = [(number + 0.5) / COUNT for number in range(COUNT)]


def drawn(written: Any) -> list[int]:
    sample = sampler(ANY.validate_python(written))
    return [sample(u) for u in EVENLY]


@pytest.mark.parametrize("written", [256, "256", " 256 ", 256.0])
def test_a_plain_number_is_fixed(written: Any) -> None:
    assert ANY.validate_python(written) == 256
    assert set(drawn(written)) == {256}


def test_uniform_gives_every_length_equally_often() -> None:
    lengths = drawn({"kind": "uniform", "min": 11, "max": 20})
    assert {length: lengths.count(length) for length in set(lengths)} == dict.fromkeys(range(11, 21), COUNT // 10)


def test_normal_has_its_mean_and_deviation() -> None:
    lengths = drawn({"kind": "normal", "mean": 500, "std": 50})
    assert fmean(lengths) == pytest.approx(500, abs=0.5)
    assert pstdev(lengths) == pytest.approx(50, rel=0.01)


def test_normal_is_cut_off_without_heaps_at_the_ends() -> None:
    lengths = drawn({"kind": "normal", "mean": 100, "std": 50, "min": 80, "max": 120})
    assert (min(lengths), max(lengths)) == (80, 120)
    assert lengths.count(120) == pytest.approx(lengths.count(119), rel=0.05)
    assert lengths.count(80) == pytest.approx(lengths.count(81), rel=0.05)


def test_lognormal_by_mean_and_deviation() -> None:
    lengths = drawn({"kind": "lognormal", "mean": 400, "std": 200})
    assert fmean(lengths) == pytest.approx(400, rel=0.01)
    assert pstdev(lengths) == pytest.approx(200, rel=0.02)


def test_lognormal_by_median_and_sigma() -> None:
    lengths = drawn({"kind": "lognormal", "median": 300, "sigma": 0.7})
    assert median(lengths) == pytest.approx(300, abs=1)
    assert lengths[round(0.8413 * COUNT)] == pytest.approx(300 * 2.01375, rel=0.01)  # one sigma up


@settings(deadline=None)
@given(
    u=st.floats(0, 1, exclude_min=True, exclude_max=True),
    mean=st.floats(0.5, 1e6),
    std=st.floats(0.01, 1e6),
    low=st.integers(1, 1000),
    width=st.integers(0, 10**6),
    kind=st.sampled_from([Normal, Lognormal]),
)
def test_any_draw_lies_between_the_bounds(
    u: float, mean: float, std: float, low: int, width: int, kind: type[Normal] | type[Lognormal]
) -> None:
    try:
        lengths = kind(mean=mean, std=std, min=low, max=low + width)
    except ValidationError as error:
        assert "leave nothing of the distribution" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert low <= lengths.sampler()(u) <= low + width


def test_written_and_read_back() -> None:
    for lengths in (256, Uniform(min=1, max=2), Normal(mean=9, std=2), Lognormal(median=9, sigma=1, max=50)):
        assert ANY.validate_json(ANY.dump_json(lengths)) == lengths


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (True, "a length is a whole number of tokens, or a distribution with `kind: uniform`"),
        ({"mean": 3, "std": 1}, "a length is a whole number of tokens, or a distribution with"),
        ({"kind": "gauss"}, "or a distribution with `kind: uniform`, `kind: normal` or `kind: lognormal`"),
        (None, "a length is a whole number of tokens"),
        (0, "greater than 0"),
        (2.5, "fractional part"),
        ("many", "unable to parse string as an integer"),
        ({"kind": "uniform", "min": 5, "max": 4}, "`min` 5 is above `max` 4"),
        ({"kind": "normal", "mean": 5, "std": 1, "min": 9, "max": 7}, "`min` 9 is above `max` 7"),
        ({"kind": "normal", "mean": 10, "std": 1, "min": 100}, "`min` and `max` leave nothing of the distribution"),
        ({"kind": "normal", "mean": 10, "std": 0}, "greater than 0"),
        ({"kind": "normal", "mean": 10, "std": 1, "median": 5}, "Extra inputs are not permitted"),
        ({"kind": "lognormal", "mean": 10}, "either `mean` and `std`, or `median` and `sigma`"),
        ({"kind": "lognormal", "mean": 10, "std": 3, "sigma": 1}, "either `mean` and `std`, or `median` and `sigma`"),
    ],
)
def test_what_is_no_length_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ANY.validate_python(written)
    assert message in str(caught.value)
