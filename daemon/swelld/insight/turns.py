"""Sessions of several turns: their numbers, and what the rules say of them."""

from collections.abc import Iterator
from typing import Final

from swelld.analysis import figures
from swelld.analysis.turns import cached_share, turn_name
from swelld.insight.fact import Fact, growth, known, of_statistics
from swelld.insight.phrases import Language
from swelld.result import Sessions, StageResult, TurnFigures

SLOWER: Final = 1.5
"""Growth of TTFT over the turns from which on it is spoken of."""
CACHED: Final = 0.5
"""Share of a prompt in the prefix cache below which there is something to gain: most of it was sent before."""


def session_facts(found: Sessions) -> Iterator[Fact]:
    """What became of the sessions, and every turn by itself and over the first."""
    ends = ("begun", "completed", "failed", "cut")
    yield from known(((f"sessions {name}", getattr(found, name)) for name in ends), "count")
    for turn in found.turns:
        yield Fact("turn", turn.turn, "count")
        yield from (Fact(f"turn {turn.turn} {fact.name}", *fact[1:]) for fact in _turn(turn, found.turns[0]))


def _turn(turn: TurnFigures, first: TurnFigures) -> Iterator[Fact]:
    yield from (Fact("requests", turn.requests, "count"), Fact("ok", turn.ok, "count"))
    yield from of_statistics("ttft", turn.ttft, "s")
    yield from of_statistics("e2e", turn.e2e, "s")
    yield from of_statistics("input tokens", turn.input_tokens, "tokens")
    yield from known((("cached tokens", turn.cached_tokens),), "tokens")
    yield from known((("cached", cached_share(turn)),), "share")
    grown = (("ttft p50", growth(first.ttft.p50, turn.ttft.p50)), ("input tokens", _longer(first, turn)))
    yield from known(((f"{name} over the first", value) for name, value in grown), "factor")


def session_lines(stage: StageResult, language: Language) -> Iterator[str]:
    """What became of the sessions of a stage, and what later turns cost."""
    found = stage.sessions
    if found is None:
        return
    place = {"stage": stage.stage, "target": stage.target}
    ends = {name: figures.count(getattr(found, name)) for name in ("begun", "completed", "failed", "cut")}
    yield language.say("sessions", **place, **ends)
    turns = answered(found)
    if len(turns) < 2:
        return
    first, last = turns[0], turns[-1]
    names = {"first": turn_name(first), "last": turn_name(last)}
    ttft, longer = growth(first.ttft.p50, last.ttft.p50), _longer(first, last)
    yield language.say("turns", **place, **names, ttft=language.times(ttft), input=language.times(longer))
    cached = cached_share(last)
    if cached is not None:
        yield language.say("turns_cached", **place, last=names["last"], share=figures.percent(cached))


def answered(found: Sessions) -> list[TurnFigures]:
    """The turns of which TTFT is known."""
    return [turn for turn in found.turns if turn.ttft.p50 is not None]


def uncached(stage: StageResult) -> bool:
    """Whether later turns wait longer though the server might know most of their prompt already, and does not."""
    turns = answered(stage.sessions) if stage.sessions else []
    if len(turns) < 2:
        return False
    grown, cached = growth(turns[0].ttft.p50, turns[-1].ttft.p50), cached_share(turns[-1])
    return grown is not None and grown >= SLOWER and cached is not None and cached < CACHED


def _longer(first: TurnFigures, turn: TurnFigures) -> float | None:
    return growth(first.input_tokens.mean, turn.input_tokens.mean)
