"""The course of a capacity search: stage after stage, until it is known how much a server carries."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Literal

import msgspec

from swelld.analysis.saturation import saturation
from swelld.load.bounds import Bounds
from swelld.load.course import End, Look
from swelld.load.levelled import again
from swelld.load.search import Search
from swelld.load.stage import Stage
from swelld.result import Finding, Result, SearchLevel, SearchResult, StageResult, Why
from swelld.search.bracket import Bracket
from swelld.search.judging import Asked, Judge, Judgement, answer_seconds, counts
from swelld.search.memory import Found, Memory
from swelld.search.words import amount, lines

LIMIT: Final = (0.7, 0.8)
"""Shares of the capacity within which to operate: what is left takes up bursts and a lost replica."""


MOST_DOUBTS: Final = 3
"""Times in a row that a level is measured and nothing can be said: then it is no passing moment."""


class CapacitySearch:
    """A course; see `swelld.load.course.Course`."""

    def __init__(
        self, search: Search, bounds: Bounds, share: float, copies: int, memory: Memory, now: Callable[[], float]
    ) -> None:
        """`share`: of good requests, that is asked for; `copies`: how many times the load is carried side by side."""
        self._search = search
        self._bounds = bounds
        self._asked = Asked(share, search.confidence, search.precision)
        self._copies = copies
        self._memory = memory
        self._now = now
        self._begun = now()
        whole = search.kind == "concurrency"
        self._bracket = Bracket(search.first, search.last, search.precision, whole, search.levels)
        self._judge: Judge | None = None
        self._level = search.first
        self._answer: float | None = None
        self._requests = 0
        self._doubts = 0
        """How often in a row nothing could be said of the present level."""
        self._ended: Why | None = None
        self._found = [_taken_over(one) for one in memory.recall()]
        for one in self._found:
            self._note(one)

    def before(self) -> Sequence[StageResult]:
        return [stage for one in self._found for stage in one.stages]

    def next(self, done: Sequence[StageResult]) -> Stage | None:
        if self._judge is not None:
            self._decide(self._judge, [stage for stage in done if stage.stage == self._judge.stage.label])
            self._judge = None
        self._ended = self._ended or self._used_up() or self._at_the_end()
        if self._ended is not None:
            if self._ended not in ("time", "requests", "doubt"):
                self._memory.forget()
            return None
        level = self._level if self._doubts else self._bracket.next()
        assert level is not None
        self._level = level
        stage = self._search.stage(level, self._bounds, self._answer, len(self._found))
        stage = msgspec.structs.replace(stage, label=self._unused(stage.label))
        self._judge = Judge(stage, self._asked, self._copies, far=self._bracket.rejected is None)
        return stage

    def look(self, look: Look) -> End | None:
        assert self._judge is not None
        end = self._judge.look(look)
        if end is None and (used_up := self._used_up(sum(counts(stage)[1] for stage in look.stages))):
            self._ended = used_up
            return "drain"
        return end

    def expected(self) -> int:
        return len(self._found) + (0 if self._ended else self._bracket.steps())

    def complete(self, result: Result) -> Result:
        """Levels that missed the objective are what a search is about: only those that met it are judged."""
        found = self.result(result.stages)
        rejected = {level.stage for level in found.levels if not level.accepted}
        verdict = [finding for finding in result.verdict if finding.stage not in rejected]
        return msgspec.structs.replace(result, search=found, verdict=[_finding(found), *verdict])

    def result(self, stages: Sequence[StageResult]) -> SearchResult:
        """What is known by now."""
        kind, capacity = self._search.kind, self._bracket.accepted
        levels = [one.level for one in self._found]
        sure = [level for level in levels if level.sure]
        low = max((x.level for x in sure if x.accepted and x.level <= (capacity or 0.0)), default=None)
        high = min((x.level for x in sure if x.accepted is False and x.level > (capacity or 0.0)), default=None)
        carried = [one for one in self._found if one.level.level == capacity and one.level.accepted]
        at_capacity = [stage.request_rate for one in carried[-1:] for stage in one.stages]
        found = SearchResult(
            kind=kind,
            share=self._asked.share,
            confidence=self._search.confidence,
            precision=self._search.precision,
            capacity=capacity,
            low=low,
            high=high,
            request_rate=sum(rate or 0.0 for rate in at_capacity) if capacity is not None else None,
            limit=None if capacity is None else (LIMIT[0] * capacity, LIMIT[1] * capacity),
            ended=self._ended or "stopped",
            levels=levels,
            saturation=saturation(stages, kind),
            lines=[],
        )
        return msgspec.structs.replace(found, lines=lines(found))

    def _decide(self, judge: Judge, stages: Sequence[StageResult]) -> None:
        if not stages:
            return
        judgement = judge.over(stages)
        found = Found(_level(self._level, judge.stage.label, judgement), list(stages))
        self._found.append(found)
        self._requests += sum(counts(stage)[1] for stage in stages)
        self._note(found)
        self._memory.keep([one for one in self._found if one.level.accepted is not None])

    def _note(self, found: Found) -> None:
        level = found.level
        if level.accepted is None:  # a moment in which the machine was busy is no limit: once more
            self._doubts += 1
            if self._doubts >= MOST_DOUBTS:
                self._bracket.give_up(level.level)
                self._doubts = 0
            return
        self._doubts = 0
        self._bracket.take(level.level, accepted=level.accepted, doubted=level.doubted)
        if level.accepted:
            self._answer = answer_seconds(found.stages) or self._answer

    def _unused(self, name: str) -> str:
        """A name for the stage that no other one has."""
        known = {one.level.stage for one in self._found}
        return next(one for time in count(1) if (one := again(name, time)) not in known)

    def _used_up(self, under_way: int = 0) -> Literal["time", "requests"] | None:
        most = self._search.at_most
        if self._now() - self._begun >= most.duration:
            return "time"
        if most.requests is not None and self._requests + under_way >= most.requests:
            return "requests"
        return None

    def _at_the_end(self) -> Why | None:
        if self._doubts or self._bracket.next() is not None:
            return None
        if self._bracket.blurred:
            return "doubt"
        if self._bracket.accepted is None:
            return "nothing"
        return "max" if self._bracket.rejected is None else "precise"


def _level(level: float, label: str, judgement: Judgement) -> SearchLevel:
    bounds = judgement.bounds
    return SearchLevel(
        level=level,
        stage=label,
        accepted=judgement.accepted,
        sure=judgement.sure,
        good=judgement.good,
        total=judgement.total,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        seconds=judgement.seconds,
        cut_short=judgement.early,
        reason=judgement.reason,
        doubted=judgement.doubted,
    )


def _finding(found: SearchResult) -> Finding:
    """The capacity as the first thing of a verdict."""
    if found.capacity is None:
        return Finding("FAIL", "capacity", found.lines[0])
    text = f"{amount(found.kind, found.capacity)} met the objective"
    if found.ended == "precise":
        return Finding("PASS", "capacity", text)
    return Finding("WARNING", "capacity", text, reason="the search ended before it knew the capacity precisely")


def _taken_over(found: Found) -> Found:
    return Found(msgspec.structs.replace(found.level, taken_over=True), found.stages)
