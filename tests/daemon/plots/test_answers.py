"""Single requests, cut into bins."""

import pytest

from swelld.plots.answers import DOTS, answers, binned, quantile, thinned
from swept import row


def test_warmup_is_left_out_and_failures_are_marked() -> None:
    found = answers([row(0, warmup=True), row(1), row(2, outcome="timeout", ttft=None, e2e=None)])
    assert [(a.ok, a.input_tokens, a.ttft) for a in found] == [(True, 101, 0.051), (False, 102, None)]


def test_bins_are_even_and_hold_their_quantiles() -> None:
    found = binned([(float(x), float(x)) for x in range(100)], 0.0)
    assert [b.x for b in found] == [4.5 + 10 * n for n in range(10)]
    assert found[0].p50 == 4.5
    assert found[0].p95 == pytest.approx(8.55)


def test_equal_lengths_stay_together() -> None:
    found = binned([(100.0, 1.0)] * 30 + [(103.0, 2.0)] * 30 + [(200.0, 3.0)] * 30, 10.0)
    assert [(b.x, b.p50) for b in found] == [(101.5, 1.5), (200.0, 3.0)]


def test_a_small_rest_joins_its_neighbour() -> None:
    found = binned([(float(x), 1.0) for x in range(12)], 0.0)
    assert [b.x for b in found] == [2.0, 8.0]


def test_one_request_is_one_bin() -> None:
    assert [tuple(b) for b in binned([(5.0, 0.1)], 0.0)] == [(5.0, 0.1, 0.1)]
    assert binned([], 0.0) == []


def test_many_dots_are_thinned() -> None:
    found = thinned([(float(x), 0.0) for x in range(10 * DOTS)])
    assert len(found) == DOTS
    assert found[1] == (10.0, 0.0)


def test_quantiles_are_interpolated() -> None:
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
