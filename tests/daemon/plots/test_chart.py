"""Charts as data: axes, units, ticks, and when a chart is of bars."""

import pytest

from swelld.plots.chart import Axis, Chart, Dots, Level, Series, counted, group_axis, level_axis, log_ticks, ticks
from swelld.plots.curves import in_fitting_unit
from swelld.plots.names import file_name


def chart(*values: float | None, axis: Axis | None = None, **more: object) -> Chart:
    axis = axis or level_axis("users", range(1, len(values) + 1))
    series = (Series("p50", axis.places, values, 0),)
    return Chart("TTFT", "s", axis, series, **more)  # type: ignore[arg-type]


def test_wide_ranges_of_load_are_spread_by_their_logarithm() -> None:
    assert level_axis("users", (1, 2, 8)).places == (0.0, 1.0, 3.0)
    assert level_axis("users", (8, 2, 4)).places == (2, 4, 8)
    assert level_axis("rate", range(2, 18, 2)).places == tuple(range(2, 18, 2))  # wide, but even
    assert level_axis("users", (1, 128)).names == ("1", "128")


def test_single_places_and_separate_things_are_bars() -> None:
    assert chart(1.0).bars
    assert not chart(1.0, 2.0).bars
    assert chart(1.0, 2.0, axis=group_axis("", ["a", "b"])).bars
    assert not chart(1.0, dots=(Dots((1.0,), (1.0,), 0),)).bars


@pytest.mark.parametrize(
    ("values", "expected"), [((0.1, 3.1), True), ((0.1, 2.9), False), ((0.0, 5.0), False), ((None, 5.0), False)]
)
def test_only_what_would_vanish_makes_a_scale_logarithmic(values: tuple[float | None, ...], expected: bool) -> None:
    assert chart(*values).logarithmic is expected


def test_shares_are_never_logarithmic() -> None:
    assert not chart(0.1, 100.0, top=100.0).logarithmic


def test_times_are_shown_in_the_unit_that_suits() -> None:
    short = in_fitting_unit(chart(0.05, None, 1.9), [Level(0.5, "objective")])
    assert (short.unit, short.series[0].y) == ("ms", (50.0, None, 1900.0))
    assert short.levels == (Level(500.0, "objective"),)
    long = in_fitting_unit(chart(0.05, 2.0), [Level(50.0, "objective")])
    assert (long.unit, long.series[0].y, long.levels) == ("s", (0.05, 2.0), ())


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([], "n = 0 answers"),
        ([1], "n = 1 answer"),
        ([5, 5], "n = 5 answers a point"),
        ([1200, 40], "n = 40 to 1,200 answers a point"),
    ],
)
def test_samples_are_told(counts: list[int], said: str) -> None:
    assert counted(counts, "answer") == said


def test_ticks_are_round() -> None:
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks(0, 0.9) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert ticks(3, 3) == [3]
    assert log_ticks(0.02, 3) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(1, 1e6) == pytest.approx([1, 10, 100, 1000, 10000, 100000, 1000000])


def test_names_of_files_are_never_paths() -> None:
    assert file_name("saturation", "", "../../etc/passwd") == "saturation-etc-passwd"
    assert file_name("a b/c", "Qwen2.5-0.5B") == "a-b-c-Qwen2.5-0.5B"
    assert len(file_name("x" * 500)) == 120
