"""The sheet of sessions: how their turns differ."""

from collections.abc import Callable

from swelld.analysis.turns import cached_share, turn_name
from swelld.plots.chart import Axis, Chart, Series, Sheet, counted
from swelld.plots.curves import in_fitting_unit
from swelld.plots.names import file_name
from swelld.result import Result, StageResult, TurnFigures


def turn_sheets(result: Result, name: str) -> list[Sheet]:
    """One, where prompts were sessions; `name` tells this result from others."""
    charts = turn_charts(result)
    if not charts:
        return []
    found = [stage.sessions for stage in result.stages if stage.sessions is not None]
    sessions = counted([sum(one.begun for one in found)], "session")
    subtitle = f"{result.run.scenario}, run {result.run.id} of {result.run.started[:10]}; {sessions}"
    return [Sheet(file_name("turns", name), "Sessions, turn by turn", subtitle, charts)]


def turn_charts(result: Result) -> tuple[Chart, ...]:
    """TTFT, length of the prompt and what was cached of it, by turn; nothing where there are no sessions."""
    stages = [stage for stage in result.stages if stage.sessions is not None and stage.sessions.turns]
    if not stages:
        return ()
    figures: tuple[tuple[str, str, Callable[[TurnFigures], float | None], float | None], ...] = (
        ("Time to first token (TTFT), median", "s", lambda turn: turn.ttft.p50, None),
        ("Time to first token (TTFT), p95", "s", lambda turn: turn.ttft.p95, None),
        ("Prompt with all that was said before, mean", "tokens", lambda turn: turn.input_tokens.mean, None),
        ("Of it in the server's prefix cache", "% of tokens", _cached, 100.0),
    )
    return tuple(_chart(stages, *one) for one in figures)


def _chart(
    stages: list[StageResult], title: str, unit: str, value: Callable[[TurnFigures], float | None], top: float | None
) -> Chart:
    turns = {turn.turn: turn_name(turn) for stage in stages for turn in _turns(stage)}
    places = sorted(turns)
    axis = Axis("turn", tuple(map(float, places)), tuple(turns[place] for place in places), numeric=True)
    several = len({stage.target for stage in stages}) > 1
    series = tuple(
        Series(
            f"{stage.stage} {stage.target}" if several else stage.stage,
            tuple(float(turn.turn) for turn in _turns(stage)),
            tuple(value(turn) for turn in _turns(stage)),
            colour,
        )
        for colour, stage in enumerate(stages)
    )
    kept = tuple(line for line in series if any(y is not None for y in line.y))
    samples = counted([turn.ok for stage in stages for turn in _turns(stage) if turn.ok], "answer")
    chart = Chart(title, unit, axis, kept, samples, top=top, note=None if kept else "the server does not tell")
    return in_fitting_unit(chart) if unit == "s" else chart


def _turns(stage: StageResult) -> list[TurnFigures]:
    return stage.sessions.turns if stage.sessions is not None else []


def _cached(turn: TurnFigures) -> float | None:
    share = cached_share(turn)
    return None if share is None else 100 * share
