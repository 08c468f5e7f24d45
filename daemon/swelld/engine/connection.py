"""One HTTP/1.1 connection: every read is stamped before a byte of it, or of any other read, is parsed."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from swelld.clock import now
from swelld.engine.failure import Failure
from swelld.measurement import ErrorType, Outcome

ALONE = 30e-6
"""Seconds since the last read after which one is taken to come alone; those of a burst are some 8 us apart."""
SLICE = 0.0002
"""Seconds of parsing between two looks at the sockets, and at what has to be sent."""


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


class Inbox:
    """Stamped reads that wait to be parsed.

    The event loop hands over everything that has arrived, connection by connection, before it comes to what was
    scheduled meanwhile, and parsing is done in slices, between which it can do so again. So a burst of reads is
    stamped within some microseconds each, however long its parsing takes. A read that comes alone is parsed at once: a
    turn of the loop for it would cost as much again.
    """

    __slots__ = ("_last", "_loop", "_reads", "largest")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self.largest = 0
        """Most reads that waited at a time."""
        self._reads: deque[tuple[Connection, bytes, float]] = deque()

    def put(self, connection: "Connection", data: bytes, moment: float) -> None:
        """Called with every read, and nothing is done here that could be done later."""
        if not self._reads:
            if moment - self._last > ALONE:
                self._last = moment
                connection.parse(data, moment)
                return
            self._loop.call_soon(self._work)
        self._last = moment
        self._reads.append((connection, data, moment))

    def _work(self) -> None:
        reads = self._reads
        self.largest = max(self.largest, len(reads))
        end = now() + SLICE
        try:
            while reads:
                connection, data, moment = reads.popleft()
                connection.parse(data, moment)
                if now() >= end:
                    break
        finally:  # whatever one read does to its own connection, the others are parsed
            if reads:
                self._loop.call_soon(self._work)

    def empty(self) -> None:
        """Parse everything that has been read."""
        while self._reads:
            connection, data, moment = self._reads.popleft()
            connection.parse(data, moment)


class Connection(asyncio.Protocol):
    """Carries at most one exchange at a time; gives itself back through `on_idle` when an answer is complete.

    httptools is the parser. A whole chunk leaves it as it was: a read that begins where a chunk may begin and is
    nothing but one, as nearly every token is sent, is taken out of its frame here and never shown to it.
    """

    __slots__ = ("_answering", "_between", "_fd", "_framed", "_inbox", "_moment", "_parser", "_status", "_uses",
                 "last_read", "on_idle", "on_lost", "receiver", "transport")  # fmt: skip

    def __init__(
        self, inbox: Inbox, on_idle: Callable[["Connection"], None], on_lost: Callable[["Connection"], None]
    ) -> None:
        self._inbox = inbox
        self._fd: int | None = None
        self._moment = 0.0
        self.on_idle = on_idle
        self.on_lost = on_lost
        self.receiver: Receiver | None = None
        self.last_read = 0.0
        self._uses = 0
        self._status = 0
        self._framed = False
        self._answering = False
        self._between = False  # the parser expects a chunk, and there is somebody to take it
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("ssl_object") is None:
            self._fd = transport.get_extra_info("socket").fileno()

    @property
    def usable(self) -> bool:
        """False once either side has begun to close it."""
        return self.receiver is None and not self.transport.is_closing()

    def send(self, request: bytes, receiver: Receiver) -> float:
        """Begin an exchange; the moment just before its bytes were handed to the system.

        Before, because the system may let the server run first: a moment taken afterwards would flatter it.

        The transport would write at the end of the loop's turn, after everything else that is ready: the request goes
        straight to the socket instead, on which nothing else is waiting to be written.
        """
        self.receiver = receiver
        self._uses += 1
        self._answering = self._framed = self._between = False
        moment = self.last_read = now()
        written = 0
        if self._fd is not None:
            with contextlib.suppress(OSError):  # full or broken: the transport finds out which
                written = os.write(self._fd, request)
        if written < len(request):
            self.transport.write(request[written:])
        return moment

    def abort(self) -> None:
        """Close at once; the receiver hears nothing more."""
        self.receiver = None
        self._between = False
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        moment = now()
        self.last_read = moment
        self._inbox.put(self, data, moment)

    def parse(self, data: bytes, moment: float) -> None:
        """Bytes that were read at `moment`."""
        if self._between:
            size, _, rest = data.partition(b"\r\n")
            if rest[-2:] == b"\r\n" and size.lower() == b"%x" % (len(rest) - 2) != b"0":
                self.receiver.body(rest[:-2], moment)  # type: ignore[union-attr]  # `_between` says there is one
                return
        self._moment = moment
        self._answering = True
        try:
            self._parser.feed_data(data)
            self._between = self._between and data[-1] == 0x0A  # else a size line has begun
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Failure(Outcome.GARBLED, ErrorType.PROTOCOL, f"not HTTP: {error}: {data[:60]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._inbox.empty()
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            if not self._answering and self._uses > 1:
                receiver.stale()
            elif self._status >= 200 and not self._framed and error is None:
                receiver.complete(self._moment)
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
            self.receiver.body(data, self._moment)

    def on_chunk_header(self) -> None:
        self._between = False

    def on_chunk_complete(self) -> None:
        self._between = self.receiver is not None

    def on_message_complete(self) -> None:
        receiver = self.receiver
        self._between = False
        if receiver is None or self._status < 200:
            return
        self.receiver = None
        self._status = 0
        if self.transport.get_write_buffer_size():  # what is left of the request must not run into the next one
            self.transport.abort()
        elif self._parser.should_keep_alive():
            self.on_idle(self)
        else:
            self.transport.close()
        receiver.complete(self._moment)

    def _fail(self, failure: Failure) -> None:
        receiver = self.receiver
        self.abort()
        if receiver is not None:
            receiver.failed(failure)
