"""One request and its answer: whatever happens, exactly one measurement."""

import asyncio
from array import array

from swelld.adapters.base import Answer, Decoder, Garbled, Kind, ServerError, Truncated
from swelld.clock import now
from swelld.engine import failure
from swelld.engine.connection import Connection
from swelld.engine.failure import Failure
from swelld.engine.target import Timeouts
from swelld.measurement import ErrorType, Outcome

ERROR_BODY = 4096
"""Bytes kept of an error answer."""


class Exchange:
    """Receives one answer from a connection, stamps its tokens and watches its deadlines."""

    __slots__ = ("_again", "_connection", "_decoder", "_done", "_error_body", "_keep", "_limit", "_size", "_timeouts",
                 "_timer", "answer", "end", "failure", "first_answer", "first_byte", "parts", "sent", "status",
                 "thoughts", "tokens_at", "was_stale")  # fmt: skip

    def __init__(self, decoder: Decoder, timeouts: Timeouts, limit: int, *, keep_text: bool) -> None:
        self._decoder = decoder
        self._again = None if keep_text else decoder.again
        self._timeouts = timeouts
        self._limit = limit
        self._keep = keep_text
        self._size = 0
        self._error_body = b""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self.sent: float = 0.0
        self.first_byte: float | None = None
        self.first_answer: float | None = None
        self.end: float | None = None
        self.tokens_at = array("d")
        self.parts: list[str] = []
        self.thoughts: list[int] = []
        """Which parts are reasoning."""
        self.status: int | None = None
        self.answer: Answer | None = None
        self.failure: Failure | None = None
        self.was_stale = False

    def begin(self, connection: Connection, request: bytes) -> None:
        """Send."""
        self._connection = connection
        self.sent = connection.send(request, self)
        self._watch()

    async def over(self) -> None:
        """Wait for the end, good or bad. Cancelling it closes the connection."""
        try:
            await self._done
        except asyncio.CancelledError:
            self._connection.abort()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def said(self) -> str:
        """The text that was kept, or came in one piece, without reasoning; once the exchange is over."""
        answer = self.answer
        if answer is not None and (answer.said is not None or answer.text):
            return answer.text if answer.said is None else answer.said
        thoughts = set(self.thoughts)
        return "".join(part for place, part in enumerate(self.parts) if place not in thoughts)

    # --- what the connection calls

    def head(self, status: int) -> None:
        self.status = status

    def body(self, data: bytes, moment: float) -> None:
        self._size += len(data)
        if self._again is not None and self._size <= self._limit and self._again(data):
            self.tokens_at.append(moment)
        else:
            self._body(data, moment)

    def _body(self, data: bytes, moment: float) -> None:
        if self.first_byte is None:
            self.first_byte = moment
        if self._size > self._limit:
            what = f"the answer is larger than {self._limit} bytes"
            self._give_up(Failure(Outcome.GARBLED, ErrorType.PROTOCOL, what))
        elif self.status is None or self.status >= 300:
            self._error_body = (self._error_body + data)[:ERROR_BODY]
        else:
            try:
                deltas = self._decoder.feed(data)
            except (ServerError, Garbled) as error:
                self._give_up(failure.of_decoding(error))
                return
            for delta in deltas:
                self.tokens_at.append(moment)
                if self.first_answer is None and delta.kind is not Kind.REASONING:
                    self.first_answer = moment
                if self._keep:
                    if delta.kind is Kind.REASONING:
                        self.thoughts.append(len(self.parts))
                    self.parts.append(delta.text)

    def complete(self, moment: float) -> None:
        assert self.status is not None
        if self.status >= 300:
            self.failed(failure.of_status(self.status, self._error_body))
            return
        try:
            self.answer = self._decoder.close()
        except (ServerError, Garbled, Truncated) as error:
            self.failed(failure.of_decoding(error))
            return
        self._finish(moment)

    def failed(self, failure: Failure) -> None:
        self.failure = failure
        self._finish(now())

    def stale(self) -> None:
        self.was_stale = True
        self._finish(now())

    def _give_up(self, failure: Failure) -> None:
        self._connection.abort()
        self.failed(failure)

    def _finish(self, moment: float) -> None:
        self.end = moment
        if not self._done.done():
            self._done.set_result(None)

    # --- deadlines: one timer, moved on only when it fires

    def _watch(self) -> None:
        if self._done.done():  # the connection may carry another exchange by now
            return
        moment = now()
        deadline, error_type, what = self._deadline()
        if moment >= deadline:
            self._give_up(Failure(Outcome.TIMEOUT, error_type, what))
        else:
            self._timer = asyncio.get_running_loop().call_later(deadline - moment, self._watch)

    def _deadline(self) -> tuple[float, ErrorType, str]:
        """The next deadline as things stand: (moment, type, what to say when it passes)."""
        limits = self._timeouts
        waiting = not self.tokens_at
        kind = ErrorType.TTFT_TIMEOUT if waiting else ErrorType.READ_TIMEOUT
        deadlines = [(self.sent + limits.total, kind, f"not complete within {limits.total:g} s")]
        if waiting:
            deadlines.append((self.sent + limits.first_token, kind, f"no token within {limits.first_token:g} s"))
        if self.first_byte is not None:
            idle = self._connection.last_read + limits.idle
            deadlines.append((idle, ErrorType.READ_TIMEOUT, f"nothing came for {limits.idle:g} s"))
        return min(deadlines)
