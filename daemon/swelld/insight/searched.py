"""What a search for the capacity found: its numbers, and what the rules say of it."""

from collections.abc import Iterator
from typing import Final

from swelld.analysis import figures
from swelld.analysis.sweep import LIMIT
from swelld.insight.fact import Fact, Unit, known
from swelld.insight.phrases import Language
from swelld.result import SearchLevel, SearchResult

UNDECIDED: Final = ("max", "doubt", "time", "requests", "stopped")
"""Ends of a search that leave the capacity open."""


def search_facts(found: SearchResult) -> Iterator[Fact]:
    """Of the whole search and of every level."""
    unit: Unit = "requests/s" if found.kind == "rate" else "count"
    bends = found.saturation
    levels = {"capacity": found.capacity, "low": found.low, "high": found.high}
    levels |= {"bend": bends.bend, "best": bends.best, "errors begin": bends.errors_begin}
    if found.limit is not None:
        levels |= {"limit low": found.limit[0], "limit high": found.limit[1]}
        if found.kind == "concurrency":
            low, high = _whole(found.limit)
            levels |= {"users low": low, "users high": high}
    yield from known(((f"search {name}", level) for name, level in levels.items()), unit)
    rates = (("search request rate", found.request_rate), ("search best rate", bends.best_rate))
    yield from known(rates, "requests/s")
    shares = {"asked": found.share, "confidence": found.confidence, "limit from": LIMIT[0], "limit to": LIMIT[1]}
    yield from known(((f"search {name}", share) for name, share in shares.items()), "share")
    yield Fact("search levels", len(found.levels), "count")
    for level in found.levels:
        yield Fact(f"search {level.stage} level", level.level, unit)
        yield from (Fact(f"search {level.stage} {fact.name}", *fact[1:]) for fact in _level(level))


def _level(level: SearchLevel) -> Iterator[Fact]:
    yield from (Fact("good", level.good, "count"), Fact("total", level.total, "count"))
    shares = (("share", level.good / level.total if level.total else None), ("low", level.low), ("high", level.high))
    yield from known(shares, "share")
    yield Fact("decided after", level.seconds, "s")


def search_lines(found: SearchResult, language: Language) -> Iterator[str]:
    """The capacity, how well it is known, the optimal level, and where to operate."""
    yield from _capacity(found, language)
    bends = found.saturation
    if bends.best is not None and bends.best_rate is not None:
        best = _amount(found, _level_name(found, bends.best), language)
        yield language.say("search_best", level=best, rate=figures.rate(bends.best_rate))
    yield from _limit(found, language)


def _capacity(found: SearchResult, language: Language) -> Iterator[str]:
    if found.capacity is None:
        missed = [level.level for level in found.levels if level.accepted is False]
        if missed:
            yield language.say("search_nothing", lowest=_amount(found, _level_name(found, min(missed)), language))
        else:
            yield language.say("search_undecided")
        return
    capacity = _amount(found, _level_name(found, found.capacity), language)
    if found.kind == "rate" or found.request_rate is None:
        yield language.say("search_capacity", capacity=capacity)
    else:
        yield language.say("search_capacity_at", capacity=capacity, rate=figures.rate(found.request_rate))
    ends = {name: level for name, level in (("low", found.low), ("high", found.high)) if level is not None}
    if ends:
        said = {name: _amount(found, _level_name(found, level), language) for name, level in ends.items()}
        yield language.say(f"search_known_{'_'.join(ends)}", confidence=_percent(found.confidence), **said)
    if found.ended in UNDECIDED:
        yield language.say(f"search_ended_{found.ended}")


def _limit(found: SearchResult, language: Language) -> Iterator[str]:
    if found.limit is None:
        return
    low, high = found.limit
    if found.kind == "rate":
        span = language.say("span", low=figures.rate(low), high=figures.rate(high))
    elif high >= 2:
        few, many = _whole(found.limit)
        span = figures.count(many) if few == many else language.say("span", low=f"{few:,}", high=f"{many:,}")
    else:
        return
    shares = {"low_share": _percent(LIMIT[0]), "high_share": _percent(LIMIT[1])}
    yield language.say("search_limit", span=_amount(found, span, language), **shares)


def _whole(limit: tuple[float, float]) -> tuple[int, int]:
    """Of users there are no parts."""
    return max(1, int(limit[0])), int(limit[1])


def _level_name(found: SearchResult, level: float) -> str:
    return f"{level:.6g}" if found.kind == "rate" else figures.count(level)


def _amount(found: SearchResult, level: str, language: Language) -> str:
    kind = "user" if found.kind == "concurrency" and level == "1" else found.kind
    return language.say(f"amount_{kind}", level=level)


def _percent(share: float) -> str:
    return f"{100 * share:g}%"
