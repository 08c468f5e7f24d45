"""HTTP/1.1 on one connection: requests parsed by httptools, answered in order, stamped when their last byte is read."""

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import httptools

from swelld.sim.answer import Answer
from swelld.sim.ledger import Ledger
from swelld.sim.script import Ending, error_body, response
from swelld.sim.wheel import now
from swelld.sim.wire import compact

LARGEST_BODY: Final = 64 * 2**20
LARGEST_BACKLOG: Final = 16 * 2**20
"""Bytes a client may leave unread before it is cut off."""
MOST_PIPELINED: Final = 16
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Request:
    """One request."""

    method: str
    target: bytes
    sim: bytes | None
    """The header x-sim."""
    body: bytes
    keep_alive: bool
    version: str
    arrived: float = 0.0
    """When its last byte was read or, if it was pipelined, its turn came."""


class Inbox:
    """Stamped reads that wait for their turn, one for each turn of the loop.

    So whatever has arrived meanwhile is stamped before the next request is taken up: in a burst, no request seems to
    have come later than it did because another one took its time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reads: deque[tuple[Connection, bytes, float]] = deque()

    def put(self, connection: "Connection", data: bytes, moment: float) -> None:
        """Called with every read."""
        self._reads.append((connection, data, moment))
        if len(self._reads) == 1:
            self._loop.call_soon(self._take_one)

    def _take_one(self) -> None:
        connection, data, moment = self._reads[0]
        connection.take(data, moment)
        self._reads.popleft()
        if self._reads:
            self._loop.call_soon(self._take_one)


class Connection(asyncio.Protocol):
    """`respond` must end in `done`, at once or later."""

    def __init__(
        self,
        inbox: Inbox,
        respond: Callable[[Request, "Connection"], None],
        ledger: Ledger,
        peers: set["Connection"],
    ) -> None:
        self.answer: Answer | None = None
        self._inbox = inbox
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._respond = respond
        self._ledger = ledger
        self._peers = peers
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._request: Request | None = None  # being answered
        self._serving = False
        self._fd = -1
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own are not derived from it
        self._peers.add(self)
        self._ledger.tick("connections")
        self._ledger.open_connections += 1
        plain = transport.get_extra_info("socket")
        if plain.family != socket.AF_UNIX:
            _hasten(plain)
        if transport.get_extra_info("ssl_object") is None:
            self._fd = plain.fileno()

    def data_received(self, data: bytes) -> None:
        self._inbox.put(self, data, now())

    def take(self, data: bytes, moment: float) -> None:
        """Bytes that were read at `moment`."""
        if self.lost.done():
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400, "this is not an HTTP/1.1 request")
            return
        if len(self._body) > LARGEST_BODY:
            self._refuse(413, f"the body is longer than {LARGEST_BODY} bytes")
            return
        self._serve(moment)

    def eof_received(self) -> None:
        self._fd = -1  # the transport closes itself now, and the number may soon be another connection's

    def connection_lost(self, exc: Exception | None) -> None:
        self._fd = -1
        self._peers.discard(self)
        self.lost.set_result(None)
        self._ledger.open_connections -= 1
        self._requests.clear()
        if self.answer:
            self.answer.cancel()
            self.answer = None

    def on_message_begin(self) -> None:
        self._target = b""
        self._sim: bytes | None = None
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"x-sim":
            self._sim = value
        elif lower == b"expect" and value.lower() == b"100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= LARGEST_BODY:
            self._body += body

    def on_message_complete(self) -> None:
        parser = self._parser
        method, version = parser.get_method().decode(), parser.get_http_version()
        request = Request(method, self._target, self._sim, bytes(self._body), parser.should_keep_alive(), version)
        self._requests.append(request)
        if len(self._requests) == MOST_PIPELINED:
            self._transport.pause_reading()

    def send(self, data: bytes) -> None:
        """Hand bytes to the socket now; what it does not take goes through the transport's buffer."""
        transport = self._transport
        if self._fd >= 0 and not transport.get_write_buffer_size():
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # the transport sees it too, and reports connection_lost
            if sent == len(data):
                return
            data = data[sent:]
        if transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > LARGEST_BACKLOG:
            self._reset()

    def done(self, ending: Ending) -> None:
        """The request under way is answered."""
        request, self.answer = self._request, None
        if ending is Ending.HANG:
            return
        self._request = None
        if ending is Ending.RESET:
            self._reset()
        elif ending is Ending.CLOSE or (request and not request.keep_alive):
            self._close()
        else:
            self._serve(now())

    def abort(self) -> None:
        """Drop the connection: the server stops."""
        self._fd = -1
        self._transport.abort()

    def _serve(self, moment: float) -> None:
        if self._serving:
            return  # an answer given at once comes back here: the loop below goes on
        self._serving = True
        while self._requests and not self._request and not self._transport.is_closing():
            if len(self._requests) == MOST_PIPELINED:
                self._transport.resume_reading()
            request = self._request = self._requests.popleft()
            request.arrived = moment
            self._respond(request, self)
        self._serving = False

    def _refuse(self, status: int, reason: str) -> None:
        self._requests.clear()
        if not self._request:  # else it would land in the middle of an answer
            body = compact(error_body(status, reason))
            self.send(response(status, body, headers="connection: close\r\n"))
        self._close()

    def _reset(self) -> None:
        plain = self._transport.get_extra_info("socket")
        if plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.abort()

    def _close(self) -> None:
        self._fd = -1
        self._transport.close()


def _hasten(plain: socket.socket) -> None:
    """Let every write leave at once."""
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):  # a default such as BBR paces what is due now, and costs more per write
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
