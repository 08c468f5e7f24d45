"""Distributions as bytes: exact, mergeable, and never read wrongly."""

import numpy as np
import pytest

from stored import distribution, result
from swelld.distribution import Distribution
from swelld.store.base import StageDistributions, merge
from swelld.store.blobs import copy, pack, pack_result, unpack, unpack_result
from swelld.store.files import StoreError

DRAW = np.random.default_rng(7)


def same(one: Distribution, other: Distribution) -> bool:
    """Whether they hold the same, whatever room their arrays have."""
    moments = [(d.count, d.zeros, d.min, d.max) for d in (one, other)]
    return (
        moments[0] == moments[1]
        and np.isclose([one.sum, one.square], [other.sum, other.square], rtol=1e-12).all().item()
        and one.exponential(8)[1].sum() == other.exponential(8)[1].sum()
        and all(one.quantile(q) == other.quantile(q) for q in (0.01, 0.1, 0.5, 0.9, 0.99, 0.999))
    )


@pytest.mark.parametrize(
    "values", [[], [0.0], [0.0, 1e-12, 3.0], [0.05], [1e-6, 1e6], list(DRAW.lognormal(-2, 1, 9999))]
)
def test_a_distribution_comes_back_as_it_was(values: list[float]) -> None:
    found = distribution(values)
    again = unpack(pack(found))
    assert same(again, found)
    assert (again.sum, again.square) == (found.sum, found.square)


def test_halves_that_were_stored_add_up_to_the_whole() -> None:
    values = DRAW.lognormal(-2, 0.7, 20_000)
    halves = [unpack(pack(distribution(half))) for half in (values[:7000], values[7000:])]
    (whole,) = merge([StageDistributions("rate=10", "a", {"ttft": half}) for half in halves])
    assert (whole.stage, whole.target) == ("rate=10", "a")
    assert same(whole.by_name["ttft"], distribution(values))
    assert halves[0].count == 7000  # the parts stay what they were


def test_only_what_belongs_together_is_added_up() -> None:
    parts = [StageDistributions("s", target, {"ttft": distribution([0.1])}) for target in ("a", "b", "a")]
    assert {one.target: one.by_name["ttft"].count for one in merge(parts)} == {"a": 2, "b": 1}


def test_a_copy_does_not_grow_with_the_original() -> None:
    original = distribution([0.1, 0.2])
    taken = copy(original)
    original.update(np.array([0.3]))
    assert (taken.count, original.count) == (2, 3)


def test_a_thousand_latencies_take_little_room() -> None:
    assert len(pack(distribution(DRAW.lognormal(-2, 0.3, 1000)))) < 1200


def test_another_format_is_refused_with_the_remedy() -> None:
    blob = pack(distribution([0.1]))
    with pytest.raises(StoreError, match=r"of format 9/8 and this version reads 1/8: update swelld"):
        unpack(b"\x09" + blob[1:])


@pytest.mark.parametrize("cut", [0, 10, 70, -1])
def test_what_is_damaged_is_refused(cut: int) -> None:
    with pytest.raises(StoreError, match="damaged"):
        unpack(pack(distribution([0.1, 0.2, 0.4]))[:cut])


def test_counts_that_do_not_add_up_are_refused() -> None:
    found = distribution([0.1, 0.2])
    found.count = 3
    with pytest.raises(StoreError, match="do not add up"):
        unpack(pack(found))


def test_a_result_comes_back_as_it_was() -> None:
    found = result("r1")
    assert unpack_result(pack_result(found)) == found
    with pytest.raises(StoreError, match="cannot be read"):
        unpack_result(b"no")
