"""Ramp, steady and drain of a stage under way, and which of its exchanges the statistics are made of."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from swelld.hub.slices import Slices
from swelld.hub.steady import Found, Steady
from swelld.hub.tally import Tally
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Measurement, Outcome
from swelld.result import Phases

WindowKind = Literal["all", "steady"]


class Phasing:
    """Watches one stage; `asked` says whether statistics are wanted of its steady part only."""

    def __init__(
        self,
        stage: ClosedStage | OpenStage,
        start: float,
        tallies: Sequence[Tally],
        asked: WindowKind,
        *,
        lanes: int = 1,
        thresholds: Mapping[str, float] | None = None,
        percentiles: Sequence[float] = (),
    ) -> None:
        self._asked = asked
        self._tallies = tallies
        self._start = start
        self._steady = Steady(stage, start, lanes)
        self._slices = None
        if asked == "steady":
            self._slices = Slices(self._steady, stage, len(tallies), thresholds or {}, percentiles)
        self._answered = 0
        self._dropped = 0
        self._last_end: float | None = None

    def take(self, moment: float, in_flight: int, measurements: Sequence[Measurement]) -> None:
        """What one pulse brought, once the tallies have it; `in_flight` is of all shards."""
        dropped = sum(m.outcome is Outcome.DROPPED for m in measurements)
        self._dropped += dropped
        self._answered += len(measurements) - dropped
        ends = [m.end for m in measurements if m.end is not None]
        self._last_end = max([*ends, *([] if self._last_end is None else [self._last_end])], default=None)
        self._steady.look(
            moment,
            in_flight=in_flight,
            answered=self._answered,
            dropped=self._dropped,
            measured=sum(tally.done for tally in self._tallies),
            until=min(tally.window.end for tally in self._tallies),
        )
        if self._slices is not None:
            self._slices.add(measurements)

    def give_up(self, why: str) -> None:
        """The load was changed from outside: there is no steady part to be found."""
        self._steady.give_up(why)

    def outcome(self, target: int) -> tuple[Tally, Phases]:
        """What the figures of a target are made of, and what was found, once the stage is over."""
        found = self._found()
        if found.begin is None or self._slices is None:
            return self._tallies[target], self._phases(found, "all")
        tally = self._slices.tally(target, found)
        if not tally.done:  # the steady part is that of all targets together; this one has nothing in it
            return self._tallies[target], self._phases(Found(note="too short: no exchange within it"), "all")
        return tally, self._phases(found, "steady")

    def _found(self) -> Found:
        starts = [tally.window.start for tally in self._tallies]
        known = [start for start in starts if start is not None]
        return self._steady.found(max(known)) if known else Found(note="too short: nothing was measured")

    def _phases(self, found: Found, used: WindowKind) -> Phases:
        if found.begin is None or found.end is None:
            return Phases(asked=self._asked, used=used, reached=False, note=found.note)
        over = max(found.end, self._last_end if self._last_end is not None else -math.inf)
        return Phases(
            asked=self._asked,
            used=used,
            reached=True,
            ramp_seconds=found.begin - self._start,
            steady_seconds=found.end - found.begin,
            drain_seconds=over - found.end,
        )
