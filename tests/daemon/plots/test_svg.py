"""Charts for web pages, read back as XML, and markup in which text stays text."""

import xml.etree.ElementTree as ET

import pytest

from swelld.plots.chart import Chart, Dots, Level, Series, group_axis, level_axis
from swelld.plots.markup import Markup, element, joined
from swelld.plots.svg import HEIGHT, WIDTH, chart_svg, legend

USERS = level_axis("users", (1, 2, 4))


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(chart_svg(chart))


def places(root: ET.Element) -> list[list[tuple[float, float]]]:
    lines = [line.get("points", "").split() for line in root.iter("polyline")]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line)] for line in lines]


def texts(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter("text")]


def test_a_line_rises_where_its_values_do() -> None:
    root = drawn(Chart("TTFT", "ms", USERS, (Series("p50", USERS.places, (10.0, 20.0, 40.0), 0),)))
    ((first, second, third),) = places(root)
    assert first[0] < second[0] < third[0]
    assert first[1] - second[1] == pytest.approx((second[1] - third[1]) / 2, abs=0.2)
    assert [text for text in texts(root) if text in ("1", "2", "4")] == ["1", "2", "4"]
    assert root.get("aria-label") == "TTFT in ms"


def test_a_missing_value_interrupts_the_line() -> None:
    root = drawn(Chart("TTFT", "ms", USERS, (Series("p50", USERS.places, (10.0, None, 40.0), 3),)))
    assert [len(line) for line in places(root)] == [1, 1]
    assert [dot.get("class") for dot in root.iter("circle")] == ["c3", "c3"]


def test_everything_stays_inside_the_drawing() -> None:
    series = (
        Series("a", USERS.places, (0.02, 5.0, 90.0), 0),
        Series("b", USERS.places, (1.0, 1.0, 1.0), 1, dashed=True),
    )
    dots = (Dots((1.0, 4.0), (0.05, 100.0), 0),)
    root = drawn(Chart("E2E", "s", USERS, series, dots=dots, levels=(Level(30.0, "objective"),)))
    spots = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in root.iter("circle")]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in [*spots, *(p for line in places(root) for p in line)])
    assert "objective 30 s" in texts(root)


def test_bars_have_the_height_of_their_values() -> None:
    axis = group_axis("", ["simple", "complex"])
    root = drawn(
        Chart("E2E", "s", axis, (Series("a", axis.places, (1.0, 3.0), 0), Series("b", axis.places, (None, 2.0), 1)))
    )
    assert [float(bar.get("height", "")) / 50 for bar in root.iter("rect")] == pytest.approx(
        [float(next(root.iter("rect")).get("height", "")) / 50 * n for n in (1, 3, 2)], rel=0.01
    )
    assert {"simple", "complex", "3"} <= set(texts(root))


def test_a_chart_without_values_says_why() -> None:
    root = drawn(Chart("TTFT", "ms", USERS, (), note="not <streamed>"))
    assert texts(root) == ["not <streamed>"]


def test_a_legend_names_what_there_is_more_than_one_of() -> None:
    one = Series("p50", USERS.places, (1.0, 1.0, 1.0), 0)
    two = Series("<p95>", USERS.places, (1.0, 1.0, 1.0), 1, dashed=True)
    assert legend(Chart("T", "s", USERS, (one,))) == ""
    keys = ET.fromstring(legend(Chart("T", "s", USERS, (one, two))))
    assert ["".join(span.itertext()) for span in keys.iter("span")] == ["p50", "<p95> (dashed)"]


def test_text_is_never_markup() -> None:
    found = element("p", "<script>&\x00", element("b", "x"), title='"><img>', none=None)
    assert found == '<p title="&quot;&gt;&lt;img&gt;">&lt;script&gt;&amp;\N{REPLACEMENT CHARACTER}<b>x</b></p>'
    assert joined("<", None, Markup("<br/>")) == "&lt;<br/>"
