"""Charts made of single requests: by length, complexity and category of the prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from swelld.analysis.sweep import read
from swelld.plots.answers import Answer, binned, quantile, thinned
from swelld.plots.chart import Axis, Chart, Dots, Series, counted, group_axis
from swelld.plots.curves import Curve, in_fitting_unit

NO_REQUESTS: Final = "needs the single requests: `requests.jsonl` beside the result"
NO_INPUT: Final = "nobody counted the tokens of the prompts"
NO_OUTPUT: Final = "nobody counted the tokens of the answers"
NO_CATEGORY: Final = "the prompts have no category: those of the curated suite have (`--prompts suite`)"
NO_COMPLEXITY: Final = "the prompts have no complexity: those of the curated suite have (`--prompts suite`)"

NARROWEST: Final = 0.05
"""Width of a bin of lengths, as a share of the longest one: within it, lengths count as the same."""

COMPLEXITIES: Final = ("simple", "moderate", "complex")

Part = Callable[[str], str | None]
Point = Callable[[Answer], tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class Group:
    """One target of one result, with its single requests; None where they were not kept."""

    curve: Curve
    answers: Sequence[Answer] | None


def common_stage(groups: Sequence[Group]) -> str | None:
    """Where single requests of all are compared: the highest stage that all have, and that all carried if any is."""
    stages = [[stage.stage for stage in group.curve.sweep.stages] for group in groups]
    shared = [name for name in stages[0] if all(name in names for names in stages)] if stages else []
    for group, names in zip(groups, stages, strict=True):
        carried = read(group.curve.sweep).carried
        if carried is not None:
            shared = [name for name in shared if names.index(name) <= names.index(carried.stage)] or shared
    return shared[-1] if shared else None


def of_stage(groups: Sequence[Group], stage: str | None) -> list[Group]:
    """The same with only the requests of one stage; with all of them where there is no common one."""
    if stage is None:
        return list(groups)
    return [
        Group(group.curve, None if group.answers is None else [a for a in group.answers if a.stage == stage])
        for group in groups
    ]


def by_prompt_length(groups: Sequence[Group]) -> tuple[Chart, ...]:
    """TTFT and E2E by tokens of the prompt."""
    return (
        _scatter("TTFT", "prompt tokens", groups, lambda a: _pair(a.input_tokens, a.ttft), NO_INPUT),
        _scatter("E2E", "prompt tokens", groups, lambda a: _pair(a.input_tokens, a.e2e), NO_INPUT),
    )


def by_answer_length(groups: Sequence[Group]) -> Chart:
    """E2E by tokens of the answer."""
    title = "E2E by length of the answer"
    return _scatter(title, "output tokens", groups, lambda a: _pair(a.output_tokens, a.e2e), NO_OUTPUT)


def by_part(groups: Sequence[Group], part: Part, note: str) -> tuple[Chart, ...]:
    """Bars for each group of prompts: TTFT, E2E, speed, and how many were answered."""
    names = _ordered({name for group in groups for a in group.answers or () if (name := part(a.category))})
    parts = [
        (group.curve, [[a for a in group.answers or () if part(a.category) == name] for name in names])
        for group in groups
    ]
    sizes = [len(rows) for _, found in parts for rows in found if rows]
    samples = counted(sizes, "request").replace("a point", "a bar") + _where(groups)
    axis = group_axis("", names)
    note = NO_REQUESTS if all(group.answers is None for group in groups) else note

    def bars(
        title: str, unit: str, value: Callable[[Sequence[Answer]], float | None], top: float | None = None
    ) -> Chart:
        lines = [(curve, tuple(value(rows) for rows in found)) for curve, found in parts]
        series = tuple(
            Series(curve.name, axis.places, values, curve.colour)
            for curve, values in lines
            if any(v is not None for v in values)
        )
        return Chart(title, unit, axis, series, samples, top=top, note=None if series else note)

    return (
        in_fitting_unit(bars("TTFT, median", "s", _median(lambda a: a.ttft))),
        in_fitting_unit(bars("E2E, median", "s", _median(lambda a: a.e2e))),
        bars("Tokens within one answer, median", "tokens/s", _median(lambda a: 1 / a.tpot if a.tpot else None)),
        bars("Answered", "% of requests", _share_ok, 100.0),
    )


def complexity(category: str) -> str | None:
    """The middle one of `length/complexity/category`, as the curated suite names its prompts; else None."""
    parts = category.split("/")
    return parts[1] if len(parts) == 3 else None


def kind(category: str) -> str | None:
    """What a prompt is about: the last of the three parts, or the whole name; None without any."""
    return category.rpartition("/")[2] or None


def _scatter(title: str, x: str, groups: Sequence[Group], point: Point, note: str) -> Chart:
    """Single answers as dots, and the median and p95 of neighbours."""
    series, dots = [], []
    found = [
        (group.curve, [place for a in group.answers or () if a.ok and (place := point(a)) is not None])
        for group in groups
    ]
    width = NARROWEST * max((x for _, points in found for x, _ in points), default=0.0)
    for curve, points in found:
        if not points:
            continue
        name, colour = curve.name, curve.colour
        chosen, bins = thinned(points), binned(points, width)
        dots.append(Dots(tuple(p[0] for p in chosen), tuple(p[1] for p in chosen), colour))
        places = tuple(b.x for b in bins)
        series.append(Series(f"{name}, median" if name else "median", places, tuple(b.p50 for b in bins), colour))
        series.append(
            Series(f"{name}, p95" if name else "p95", places, tuple(b.p95 for b in bins), colour, dashed=True)
        )
    if all(group.answers is None for group in groups):
        note = NO_REQUESTS
    axis = Axis(x, tuple(sorted({place for line in series for place in line.x})), (), numeric=True)
    samples = counted([sum(len(points) for _, points in found)], "answer") + _where(groups)
    return in_fitting_unit(Chart(title, "s", axis, tuple(series), samples, tuple(dots), note=None if series else note))


def _where(groups: Sequence[Group]) -> str:
    """The stage, where the requests of all are from the same one."""
    stages = {a.stage for group in groups for a in group.answers or ()}
    return f" at {stages.pop()}" if len(stages) == 1 else ""


def _pair(x: int | None, y: float | None) -> tuple[float, float] | None:
    return None if x is None or y is None else (float(x), y)


def _ordered(names: set[str]) -> list[str]:
    """By difficulty where the names say it, else by the alphabet."""
    difficulty = {name: place for place, name in enumerate(COMPLEXITIES)}
    return sorted(names, key=lambda name: (difficulty.get(name, len(difficulty)), name))


def _median(value: Callable[[Answer], float | None]) -> Callable[[Sequence[Answer]], float | None]:
    def median(rows: Sequence[Answer]) -> float | None:
        values = sorted(found for a in rows if a.ok and (found := value(a)) is not None)
        return quantile(values, 0.5) if values else None

    return median


def _share_ok(rows: Sequence[Answer]) -> float | None:
    return 100 * sum(a.ok for a in rows) / len(rows) if rows else None
