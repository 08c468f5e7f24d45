"""Figures as people read them."""

import pytest

from swelld.analysis import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.00 ms"),
        (0.00023, "0.23 ms"),
        (0.0456, "45.6 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.234, "1.23 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (65.0, "1m 05s"),
        (7380.0, "2h 03m"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    assert figures.seconds(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.87, "87.0%"),
        (0.0004, "0.04%"),
        (0.99996, "99.996%"),
        (0.000001, "<0.001%"),
        (0.9999999, ">99.999%"),
        (1.25, "125.0%"),
    ],
)
def test_percent_never_rounds_to_none_or_all(share: float | None, text: str) -> None:
    assert figures.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0.00"), (0.452, "0.45"), (9.996, "10.0"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_rate(value: float | None, text: str) -> None:
    assert figures.rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (9.4, "9s"), (65.0, "1m 05s"), (3599.6, "1h 00m"), (7380.0, "2h 03m")]
)
def test_clock(value: float | None, text: str) -> None:
    assert figures.clock(value) == text


def test_count_has_thousands() -> None:
    assert figures.count(1234567) == "1,234,567"
    assert figures.count(None) == "-"
