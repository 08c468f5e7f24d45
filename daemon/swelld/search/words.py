"""What a search found, in sentences."""

from collections.abc import Iterator

from swelld.analysis import figures
from swelld.result import SearchResult


def amount(kind: str, level: float) -> str:
    """A level in words: `12.5 requests/s`, `50 users`."""
    if kind == "rate":
        return f"{level:.6g} requests/s"
    return f"{figures.count(level)} user{'' if level == 1 else 's'}"


def lines(found: SearchResult) -> list[str]:
    """The capacity and how well it is known, where the server bends, and at how much of that to operate."""
    return [*_capacity(found), *_bends(found), *_limit(found)]


def _capacity(found: SearchResult) -> Iterator[str]:
    kind = found.kind
    if found.capacity is None:
        lowest = min((level.level for level in found.levels), default=None)
        if lowest is None:
            yield "No level was decided: there is nothing to say about the capacity."
        elif found.ended == "doubt":
            yield f"Nothing can be said of {amount(kind, lowest)}: {_doubt(found)}."
        else:
            yield f"Not even {amount(kind, lowest)} met the objective: begin at a lower level, or look at the server."
        return
    capacity = amount(kind, found.capacity)
    yield f"The highest load that met the objective is {capacity}{_rate(found)}."
    yield _known(found)
    if all(level.doubted for level in found.levels if level.accepted and level.level == found.capacity):
        yield f"The load generator was the bottleneck at {capacity}: use more load processes, or a larger machine."
    elif found.low != found.capacity:
        sure = f"{amount(kind, found.low)} did" if found.low is not None else "no level did"
        yield (
            f"That {capacity} met it is not certain: with {found.confidence:.0%} confidence {sure}; "
            "raise `requests` or `duration` of a level to know better."
        )


def _rate(found: SearchResult) -> str:
    if found.kind == "rate" or found.request_rate is None:
        return ""
    return f", at {figures.rate(found.request_rate)} answers/s"


def _known(found: SearchResult) -> str:
    kind, capacity = found.kind, found.capacity or 0.0
    missed = (level.level for level in found.levels if level.accepted is False and level.level > capacity)
    rejected = min(missed, default=None)
    beyond = "" if rejected is None else f"{amount(kind, rejected)} did not meet it any more"
    if found.ended == "precise":
        return f"{beyond}{'' if found.high is not None else ', by a margin that chance may explain'}."
    if found.ended == "max":
        return (
            "That is the highest level that was to be tried: the capacity is at least so much, raise `max` to find it."
        )
    if found.ended == "doubt":
        why = f"beyond it nothing can be said: {_doubt(found)}"
    else:
        used_up = {"time": "its time was used up", "requests": "its requests were used up"}
        why = f"the search ended before it was precise: {used_up.get(found.ended, 'it was stopped')}"
    return f"The capacity is at least so much; {why}{f', and {beyond}' if beyond else ''}."


def _doubt(found: SearchResult) -> str:
    return next((level.reason for level in found.levels if level.accepted is None), "no reason recorded")


def _bends(found: SearchResult) -> Iterator[str]:
    bends, kind = found.saturation, found.kind
    if bends.bend is not None:
        yield f"Answers per second grow with the load up to about {amount(kind, bends.bend)}, hardly beyond."
    if bends.best is not None and bends.best_rate is not None:
        best = figures.rate(bends.best_rate)
        yield f"Most good answers came at {amount(kind, bends.best)}: {best} per second, the optimal level."
    if bends.errors_begin is not None:
        yield f"Timeouts and answers 429 or 503 begin at {amount(kind, bends.errors_begin)}."


def _limit(found: SearchResult) -> Iterator[str]:
    if found.limit is None:
        return
    low, high = found.limit
    if found.kind == "rate":
        yield f"Operate at {figures.rate(low)} to {figures.rate(high)} requests/s: 70% to 80% of the capacity."
    elif high >= 2:
        yield f"Operate at {max(1, int(low))} to {int(high)} users: 70% to 80% of the capacity."
