"""One HTTP/1.1 connection: every read is stamped before a byte of it is parsed."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from swelld.clock import now
from swelld.engine.failure import Failure
from swelld.measurement import ErrorType, Outcome


class Receiver(Protocol):
    """What takes an answer from a connection, in this order; `failed` may come at any time instead of the rest."""

    def head(self, status: int) -> None:
        """The headers are complete."""

    def body(self, data: bytes, moment: float) -> None:
        """Body bytes, read at `moment`."""

    def complete(self, moment: float) -> None:
        """The message is complete."""

    def failed(self, failure: Failure) -> None:
        """The answer will not be completed."""

    def stale(self) -> None:
        """A reused connection turned out to be closed before the first byte of the answer."""


class Connection(asyncio.Protocol):
    """Carries at most one exchange at a time; gives itself back through `on_idle` when an answer is complete."""

    __slots__ = ("_answering", "_framed", "_parser", "_status", "_uses", "last_read", "on_idle", "on_lost", "receiver",
                 "transport")  # fmt: skip

    def __init__(self, on_idle: Callable[["Connection"], None], on_lost: Callable[["Connection"], None]) -> None:
        self.on_idle = on_idle
        self.on_lost = on_lost
        self.receiver: Receiver | None = None
        self.last_read = 0.0
        self._uses = 0
        self._status = 0
        self._framed = False
        self._answering = False
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    @property
    def usable(self) -> bool:
        """False once either side has begun to close it."""
        return self.receiver is None and not self.transport.is_closing()

    def send(self, request: bytes, receiver: Receiver) -> float:
        """Begin an exchange; the moment its bytes were handed to the system."""
        self.receiver = receiver
        self._uses += 1
        self._answering = self._framed = False
        self.last_read = now()
        self.transport.write(request)
        return now()

    def abort(self) -> None:
        """Close at once; the receiver hears nothing more."""
        self.receiver = None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.last_read = now()
        self._answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Failure(Outcome.GARBLED, ErrorType.PROTOCOL, f"not HTTP: {error}: {data[:60]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            if not self._answering and self._uses > 1:
                receiver.stale()
            elif self._status and not self._framed and error is None:
                receiver.complete(self.last_read)
            else:
                where = "in the middle of the answer" if self._answering else "before it answered"
                how = f" ({error})" if error else ""
                receiver.failed(
                    Failure(Outcome.TRUNCATED, ErrorType.TRUNCATED, f"the server closed the connection {where}{how}")
                )
        self.on_lost(self)

    # --- what httptools calls

    def on_message_begin(self) -> None:
        self._status = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self.receiver is None:
            self.abort()
        elif self._status >= 200:
            self.receiver.head(self._status)

    def on_body(self, data: bytes) -> None:
        if self.receiver is not None:
            self.receiver.body(data, self.last_read)

    def on_message_complete(self) -> None:
        receiver = self.receiver
        if receiver is None or self._status < 200:
            return
        self.receiver = None
        self._status = 0
        if self._parser.should_keep_alive():
            self.on_idle(self)
        else:
            self.transport.close()
        receiver.complete(self.last_read)

    def _fail(self, failure: Failure) -> None:
        receiver = self.receiver
        self.abort()
        if receiver is not None:
            receiver.failed(failure)
