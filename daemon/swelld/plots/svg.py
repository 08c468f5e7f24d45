"""A chart as an SVG drawing for a web page: no library, and the page's own colours for light and dark.

The page's style sheet says how `svg.chart` and its classes look.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swelld.plots.chart import PALETTE, Chart, Series, log_ticks, ticks
from swelld.plots.markup import Markup, element

WIDTH: Final = 480.0
HEIGHT: Final = 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 10.0, 44.0
FEW_DOTS: Final = 100
"""Up to so many are drawn larger, lest nobody see them."""
_LABEL_ROOM: Final = 46.0
"""Least distance between names on the horizontal axis."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """From values to places in the drawing."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    logarithmic: bool

    def x(self, value: float) -> float:
        return _LEFT + (value - self.low_x) / (self.high_x - self.low_x) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high, here = self.low_y, self.high_y, value
        if self.logarithmic:
            low, high, here = math.log(low), math.log(high), math.log(value)
        return HEIGHT - _BOTTOM - (here - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)


def chart_svg(chart: Chart) -> Markup:
    """The drawing alone; title, unit and legend are the page's."""
    label = f"{chart.title} in {chart.unit}"
    if chart.empty:
        middle = element("text", chart.note, x=WIDTH / 2, y=HEIGHT / 2, text_anchor="middle")
        return _svg(label, middle)
    frame = _frame(chart)
    drawn = _bars(chart, frame) if chart.bars else _lines(chart, frame)
    return _svg(label, *_y_axis(frame), *_x_axis(chart, frame), *drawn, *_levels(chart, frame))


def legend(chart: Chart) -> Markup:
    """A key to the colours; nothing where there is only one line."""
    if len(chart.series) < 2:
        return Markup()
    keys = (
        element("span", element("i", class_=_colour(s.colour)), s.name + (_broken(chart) if s.dashed else ""))
        for s in chart.series
    )
    return element("div", *keys, class_="legend")


def _broken(chart: Chart) -> str:
    return " (hollow)" if chart.bars else " (dashed)"


def _svg(label: str, *parts: Markup) -> Markup:
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return element("svg", element("title", label), *parts, class_="chart", viewBox=box, role="img", aria_label=label)


def _frame(chart: Chart) -> _Frame:
    values = [y for series in chart.series for y in series.y if y is not None]
    values += [y for dots in chart.dots for y in dots.y] + [level.y for level in chart.levels]
    values += [end for series in chart.series for span in series.spans if span is not None for end in span]
    places = [*chart.x.places, *(x for dots in chart.dots for x in dots.x)]
    low_x, high_x = min(places), max(places)
    room = 0.7 if chart.bars else 0.03 * (high_x - low_x) or 1.0
    if chart.logarithmic and min(values) > 0:
        return _Frame(low_x - room, high_x + room, min(values) / 1.3, max(values) * 1.3, True)
    top = chart.top if chart.top is not None else max(values)
    above = 1.14 if chart.bars else 1.06  # bars have a label over them
    return _Frame(low_x - room, high_x + room, chart.lowest * above, (max(0.0, top) or 1.0) * above, False)


def _y_axis(frame: _Frame) -> Iterator[Markup]:
    found = log_ticks(frame.low_y, frame.high_y) if frame.logarithmic else ticks(frame.low_y, frame.high_y)
    for value in found:
        y = frame.y(value)
        yield element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid")
        yield element("text", f"{value:,g}", x=_LEFT - 6, y=y + 4, text_anchor="end")
    base = frame.y(max(0.0, frame.low_y))
    yield element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=base, y2=base, class_="axis")


def _x_axis(chart: Chart, frame: _Frame) -> Iterator[Markup]:
    named = list(zip(chart.x.places, chart.x.names, strict=True)) if chart.x.names else _numbers(frame)
    last = -math.inf
    for place, name in named:
        x = frame.x(place)
        if x - last >= _LABEL_ROOM or (len(name) < 5 and x - last >= _LABEL_ROOM / 2):
            yield element("text", _short(name), x=x, y=HEIGHT - _BOTTOM + 17, text_anchor="middle")
            last = x
    yield element("text", chart.x.title, x=(_LEFT + WIDTH - _RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle")


def _numbers(frame: _Frame) -> list[tuple[float, str]]:
    return [(value, f"{value:,g}") for value in ticks(frame.low_x, frame.high_x)]


def _short(name: str) -> str:
    return name if len(name) <= 16 else name[:15] + "…"


def _lines(chart: Chart, frame: _Frame) -> Iterator[Markup]:
    for dots in chart.dots:
        size = 1.6 if len(dots.x) > FEW_DOTS else 2.6
        spots = (
            element("circle", cx=frame.x(x), cy=frame.y(y), r=size)
            for x, y in zip(dots.x, dots.y, strict=True)
            if y >= frame.low_y
        )
        yield element("g", *spots, class_=_colour(dots.colour), opacity=0.3)
    for series in chart.series:
        places = [(x, y) for x, y in zip(series.x, series.y, strict=True)]
        colour = _colour(series.colour)
        for part in _unbroken(places):
            points = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in part)
            yield element("polyline", points=points, class_=f"line {colour}" + (" dashed" if series.dashed else ""))
        for x, y in places:
            if y is not None:
                tip = element("title", f"{series.name} {y:,.4g} {chart.unit}".strip())
                yield element("circle", tip, cx=frame.x(x), cy=frame.y(y), r=3.6, class_=colour)
        yield from _whiskers(series, frame, 0.0, f"span {colour}")


def _unbroken(places: Sequence[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    """The stretches between missing values."""
    part: list[tuple[float, float]] = []
    for x, y in [*places, (0.0, None)]:
        if y is not None:
            part.append((x, y))
        elif part:
            yield part
            part = []


def _bars(chart: Chart, frame: _Frame) -> Iterator[Markup]:
    width = 0.8 / len(chart.series)
    thick = frame.x(frame.low_x + width * 0.92) - _LEFT
    for place, series in enumerate(chart.series):
        shift = (place - len(chart.series) / 2) * width
        spans = series.spans or (None,) * len(series.y)
        for x, y, span in zip(series.x, series.y, spans, strict=True):
            if y is None:
                continue
            left, top, base = frame.x(x + shift), frame.y(max(y, 0.0)), frame.y(min(y, 0.0))
            tip = element("title", f"{series.name} {y:,.4g} {chart.unit}".strip())
            colour = _colour(series.colour) + (" hollow" if series.dashed else "")
            yield element("rect", tip, x=left, y=top, width=thick, height=base - top, class_=colour)
            if len(chart.x.places) * len(chart.series) <= 8:
                over = top if span is None else min(top, frame.y(span[1]))
                yield element("text", f"{y:,.3g}", x=left + thick / 2, y=over - 4, text_anchor="middle")
        yield from _whiskers(series, frame, shift + width * 0.46, "span ink")


def _whiskers(series: Series, frame: _Frame, shift: float, style: str) -> Iterator[Markup]:
    """From where to where each value may reach."""
    for x, span in zip(series.x, series.spans, strict=False):
        if span is not None:
            middle, low, high = frame.x(x + shift), frame.y(span[0]), frame.y(span[1])
            yield element("line", x1=middle, x2=middle, y1=low, y2=high, class_=style)
            for end in (low, high):
                yield element("line", x1=middle - 4, x2=middle + 4, y1=end, y2=end, class_=style)


def _levels(chart: Chart, frame: _Frame) -> Iterator[Markup]:
    for level in chart.levels:
        y = frame.y(level.y)
        yield element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="level")
        text = f"{level.name} {level.y:g} {chart.unit}"
        yield element("text", text, x=_LEFT + 4, y=y - 5)


def _colour(number: int) -> str:
    """The class that the style sheet gives a colour, another one in the dark."""
    return f"c{number % len(PALETTE)}"
