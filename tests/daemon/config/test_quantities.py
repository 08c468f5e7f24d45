"""Quantities as people write them: what is read, what is refused, and that printing reads back."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.config import (
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_list,
    parse_rate,
    parse_size,
)

FINITE = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("570ms", 0.57),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("30s", 30.0),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1h 30m 5s", 5405.0),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        (".5s", 0.5),
        ("1e-3s", 0.001),
        ("5", 5.0),
        (" 5 S ", 5.0),
        (5, 5.0),
        (0.25, 0.25),
        (0, 0.0),
    ],
)
def test_durations_are_read_in_seconds(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("10/s", 10.0), ("600/min", 10.0), ("600 / m", 10.0), ("36/h", 0.01), ("0.5/sec", 0.5), ("7", 7.0), (7, 7.0)],
)
def test_rates_are_read_per_second(text: Any, per_second: float) -> None:
    assert parse_rate(text) == per_second


@pytest.mark.parametrize(
    ("text", "size"),
    [("64KiB", 65536), ("8 mib", 8388608), ("1GB", 10**9), ("2GiB", 2**31), ("100", 100), ("7b", 7), (512, 512)],
)
def test_sizes_are_read_in_bytes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("parse", "value", "message"),
    [
        (parse_duration, "soon", "'soon' is no duration: write a number with a unit, e.g. 500ms, 30s, 2m, 1h30m"),
        (parse_duration, "-5s", "'-5s' is no duration"),
        (parse_duration, "1h30", "'1h30' is no duration"),
        (parse_duration, "", "'' is no duration"),
        (parse_duration, "5 weeks", "'weeks' is no unit of time; use one of us, ms, s, m, h, d"),
        (parse_duration, "1e999", "a duration is a finite number, not below zero"),
        (parse_duration, "1e999s", "a duration is a finite number, not below zero"),
        (parse_duration, -1, "a duration is a finite number, not below zero"),
        (parse_duration, True, "a duration is a number with a unit"),
        (parse_duration, [1], "a duration is a number with a unit"),
        (parse_rate, "10/fortnight", "'fortnight' is no time for a rate; use one of s, sec, m, min, h, hour, d"),
        (parse_rate, "-1/s", "'-1/s' is no rate: write a number over a time, e.g. 10/s, 600/min, 1/h"),
        (parse_rate, float("inf"), "a rate is a finite number, not below zero"),
        (parse_rate, False, "a rate is a number over a time"),
        (parse_size, "8 buckets", "'8 buckets' is no size: write a whole number with a unit, e.g. 64KiB, 8MiB, 1GiB"),
        (parse_size, "1.5MiB", "'1.5MiB' is no size"),
        (parse_size, 1.5, "a size is a whole number with a unit: 64KiB, 8MiB"),
    ],
)
def test_what_is_no_quantity_is_refused(parse: Callable[[Any], Any], value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        parse(value)
    assert str(caught.value).startswith(message)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"^'x{57}\.\.\.' is no rate"):
        parse_rate("x" * 1000)


@given(FINITE)
def test_a_printed_duration_reads_back_to_the_same_float(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(FINITE.filter(bool))
def test_a_printed_rate_reads_back_to_the_same_float(rate: float) -> None:
    assert parse_rate(format_rate(rate)) == rate


@given(st.integers(min_value=0, max_value=2**63))
def test_a_printed_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.decimals(min_value=0, max_value=10**6, places=3), st.sampled_from(["us", "ms", "s", "m", "h", "d"]))
def test_a_written_duration_survives_printing(number: Any, unit: str) -> None:
    seconds = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.5, "500ms"), (0.00025, "250us"), (90.0, "90s"), (120.0, "2m"), (5400.0, "90m"), (86400.0, "1d")],
)
def test_durations_are_printed_in_their_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(10.0, "10/s"), (0.5, "0.5/s"), (1 / 3, "20/min"), (1 / 3600, "1/h"), (0.57, "0.57/s")]
)
def test_rates_are_printed_the_shortest_way(rate: float, text: str) -> None:
    assert format_rate(rate) == text


@pytest.mark.parametrize(("size", "text"), [(2**26, "64MiB"), (2**30, "1GiB"), (3 * 2**10, "3KiB"), (1000, "1000")])
def test_sizes_are_printed_in_binary_units(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("value", "items"), [("1, 10,50,", ["1", "10", "50"]), ("50", ["50"]), (50, [50]), ([1, 2], [1, 2]), ("", [])]
)
def test_lists_are_read_from_commas(value: Any, items: list[Any]) -> None:
    assert parse_list(value) == items
