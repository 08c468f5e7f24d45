"""An answer on its way out: writes its script at the moments it is told, and enters them in the ledger."""

from collections.abc import Callable
from typing import Final, Protocol

from swelld.sim.ledger import BATCH, Ledger
from swelld.sim.plan import Plan
from swelld.sim.script import Ending, Script
from swelld.sim.wheel import now

BREAKING: Final = frozenset(
    {"status", "refuse", "cut", "reset", "garbage_http", "garbage_event", "error_event", "no_end"}
)
"""Faults that no client may take for a complete answer."""
HEADLESS: Final = frozenset({"refuse", "garbage_http"})
"""Faults without a status."""


class Line(Protocol):
    """The connection as an answer sees it."""

    def send(self, data: bytes) -> None:
        """Hand bytes to the socket."""

    def done(self, ending: Ending) -> None:
        """The answer is complete."""


class Answer:
    """Ends as exactly one of completed, broken (by its own fault) and aborted (the client left)."""

    __slots__ = (
        *("_arrived", "_data", "_due", "_last", "_ledger", "_line", "_script", "_status", "_timed", "_tokens"),
        *("on_over", "over", "plan"),
    )

    def __init__(self, line: Line, plan: Plan, script: Script, ledger: Ledger, arrived: float) -> None:
        self.plan = plan
        self.over = False
        self.on_over: Callable[[], None] | None = None
        self._line = line
        self._script = script
        self._ledger = ledger
        self._arrived = arrived
        self._due = arrived
        self._last = 0.0
        self._data = b""
        self._tokens = 0
        self._status: int | None = _status(plan)
        broken = plan.fault in BREAKING or (plan.fault == "stall" and plan.particulars.seconds is None)
        self._timed = not broken
        ledger.running += 1

    def first_due(self) -> float | None:
        """The moment of the first step; None when there is none."""
        return self._pull()

    def fire(self, moment: float) -> float | None:
        """Scripted: write the step that is due."""
        if self.over:
            return None
        self._write(moment)
        return self._pull()

    def feed(self, due: float, last: bool) -> None:
        """Realistic: the batch has produced a token at `due`, the last one or not."""
        if self.over or not (self.plan.stream or last):
            return
        while self._pull() is not None:
            self._due = due
            self._write(now())
            if self._tokens and not last:
                return

    def cancel(self) -> None:
        """The client is gone."""
        if not self.over:
            self._ledger.tick("aborted_by_client")
            self._ledger.tick("finished:abort")
            self._leave()

    def _pull(self) -> float | None:
        try:
            offset, self._data, self._tokens = next(self._script)
        except StopIteration as stop:
            self._end(stop.value)
            return None
        self._due = due = self._arrived + offset
        return due

    def _write(self, moment: float) -> None:
        self._line.send(self._data)
        ledger = self._ledger
        if self._status:
            ledger.tick(f"status:{self._status}")
            self._status = None
        tokens = self._tokens
        if not tokens:
            return
        ledger.total["output_tokens"] += tokens
        ledger.total["events"] += 1
        if self._timed:
            if self.plan.stream:
                if self._last:
                    ledger.itl.waiting.append(moment - self._last)
                else:
                    ledger.ttft.waiting.append(moment - self._arrived)
            self._last = moment
            late = ledger.lateness.waiting
            late.append(moment - self._due)
            if len(late) >= BATCH:
                ledger.flush()

    def _end(self, ending: Ending) -> None:
        if self.over:
            return  # the write found that the client was gone
        if self._timed:
            self._ledger.tick("completed")
            self._ledger.tick(f"finished:{self.plan.finish}")
            self._ledger.e2e.waiting.append(self._last - self._arrived)
        else:
            self._ledger.tick("broken")
        self._leave()
        self._line.done(ending)

    def _leave(self) -> None:
        self.over = True
        self._ledger.running -= 1
        if self.on_over:
            self.on_over()


def _status(plan: Plan) -> int | None:
    if plan.fault in HEADLESS:
        return None
    return (plan.particulars.status or 503) if plan.fault == "status" else 200
