"""Figures of stages as lines over load: what the sheets are put together from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from swelld.analysis.sweep import Sweep
from swelld.plots.chart import Axis, Chart, Level, Series, counted, group_axis, level_axis
from swelld.result import StageResult

Figure = Callable[[StageResult], float | None]

TITLES = {"concurrency": "concurrency (users)", "rate": "offered load (requests/s)", None: "stage"}

IN_SECONDS = 2.0
"""Charts whose largest time is at least this are in seconds, the others in milliseconds."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One target of one result under its name in the pictures."""

    name: str
    sweep: Sweep
    colour: int


class Curves:
    """Some curves over one common axis of load."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.curves = curves
        kinds = {curve.sweep.kind for curve in curves}
        self._by_level = len(kinds) == 1 and None not in kinds
        if self._by_level:
            levels = sorted({level for curve in curves for level in curve.sweep.levels})
            self.axis: Axis = level_axis(TITLES[kinds.pop()], levels)
            self._places = dict(zip(map(str, levels), self.axis.places, strict=True))
        else:
            names = list(dict.fromkeys(stage.stage for curve in curves for stage in curve.sweep.stages))
            self.axis = group_axis(TITLES[None], names)
            self._places = dict(zip(names, self.axis.places, strict=True))

    def places(self, curve: Curve) -> tuple[float, ...]:
        """Where the stages of a curve are on the axis."""
        if self._by_level:
            return tuple(self._places[str(level)] for level in curve.sweep.levels)
        return tuple(self._places[stage.stage] for stage in curve.sweep.stages)

    def line(self, curve: Curve, name: str, figure: Figure, colour: int, *, dashed: bool = False) -> Series:
        """A figure of every stage of a curve."""
        return Series(name, self.places(curve), tuple(figure(s) for s in curve.sweep.stages), colour, dashed)

    def stages(self) -> Iterable[StageResult]:
        """Those of all curves."""
        return (stage for curve in self.curves for stage in curve.sweep.stages)

    def chart(
        self, title: str, unit: str, series: Sequence[Series], samples: str, note: str, top: float | None = None
    ) -> Chart:
        """A chart over load; lines without a value are left out, and `note` says why where all are."""
        kept = tuple(line for line in series if any(y is not None for y in line.y))
        return Chart(title, unit, self.axis, kept, samples, top=top, note=None if kept else note)

    def timed(
        self, title: str, series: Sequence[Series], metric: str, note: str, levels: Sequence[Level] = ()
    ) -> Chart:
        """A chart of seconds, shown in the unit that suits; samples are those of a metric."""
        samples = counted([count for s in self.stages() if (count := getattr(s, metric).count)], "answer")
        return in_fitting_unit(self.chart(title, "s", series, samples, note), levels)


def in_fitting_unit(chart: Chart, levels: Sequence[Level] = ()) -> Chart:
    """A chart of seconds in ms or s. Thresholds far above everything measured would flatten it and are left out."""
    values = [y for series in chart.series for y in series.y if y is not None]
    values += [y for dots in chart.dots for y in dots.y]
    top = max(values, default=0.0)
    unit, factor = ("s", 1.0) if top >= IN_SECONDS else ("ms", 1000.0)
    return Chart(
        chart.title,
        unit,
        chart.x,
        tuple(
            Series(s.name, s.x, tuple(None if y is None else y * factor for y in s.y), s.colour, s.dashed)
            for s in chart.series
        ),
        chart.samples,
        tuple(type(dots)(dots.x, tuple(y * factor for y in dots.y), dots.colour) for dots in chart.dots),
        tuple(Level(level.y * factor, level.name) for level in levels if values and level.y <= 3 * top),
        chart.top,
        chart.note,
    )


def percentile(metric: str, percent: float) -> Figure:
    """A percentile of a distribution."""
    return lambda stage: getattr(stage, metric).percentile(percent)


def speed(percent: float) -> Figure:
    """Tokens per second within one answer: what all but `percent` % of the answers reach."""

    def figure(stage: StageResult) -> float | None:
        slowest = stage.tpot.percentile(percent)
        return 1 / slowest if slowest else None

    return figure


def threshold(stages: Iterable[StageResult], metric: str) -> list[Level]:
    """The objective on a metric, where there is one."""
    found = {
        stage.goodput.per_objective[metric].threshold
        for stage in stages
        if stage.goodput is not None and metric in stage.goodput.per_objective
    }
    return [Level(value, "objective") for value in sorted(found)]


def in_percent(share: Figure) -> Figure:
    """A share as percent."""

    def figure(stage: StageResult) -> float | None:
        value = share(stage)
        return None if value is None else 100 * value

    return figure


def good_share(stage: StageResult) -> float | None:
    """Scheduled requests within the objective; None without one."""
    return stage.goodput.ratio if stage.goodput else None


def answered_rate(stage: StageResult) -> float | None:
    """None where no request was answered: that is no rate."""
    return stage.request_rate if stage.requests.ok else None
