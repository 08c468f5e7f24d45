"""Keep-alive connections to one target, the most recently used first, under a limit that can be seen."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from swelld.clock import now
from swelld.engine import failure
from swelld.engine.addresses import Addresses
from swelld.engine.connection import Connection, Inbox
from swelld.engine.target import TLS, Target

log = logging.getLogger(__name__)


class Pool:
    """Lends connections. Every one that is lent comes back by itself: complete (`on_idle`) or closed (`on_lost`)."""

    def __init__(self, target: Target, limit: int) -> None:
        self.limit = limit
        self.addresses = Addresses(target.url, target.addresses)
        self._timeout = target.timeouts.connect
        self._tls = tls_context(target.tls) if self.addresses.secure else None
        if self._tls is not None and not target.tls.verify:
            log.warning("TLS to %s is NOT verified: anyone in between can read and change it", self.addresses.place)
        self._server_name = target.tls.server_name
        self.inbox = Inbox()
        self._idle: dict[Connection, None] = {}
        """In the order of their last use; thousands may be closed at once, so each has to be found at once."""
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed: asyncio.Event | None = None

    @property
    def open(self) -> int:
        """Connections open or being opened; never above `limit`."""
        return len(self._all) + self._opening

    @property
    def waiting(self) -> int:
        """Exchanges that wait for the limit."""
        return sum(not turn.done() for turn in self._waiting)

    def idle(self) -> Connection | None:
        """The connection that was used last, if any is free."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.usable:
                return connection
        return None

    async def acquire(self, *, fresh: bool = False) -> tuple[Connection, float | None]:
        """A connection and the seconds its opening took (None if it was open already); raises Failure."""
        while True:
            connection = None if fresh else self.idle()
            if connection is not None:
                return connection, None
            if fresh and self._idle and self.open >= self.limit:
                self._idle.popitem()[0].transport.close()
            if self.open < self.limit:
                with self._opens():
                    return await self._connect()
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # it was our turn already: pass it on
                    self._wake()
                raise

    @contextmanager
    def _opens(self) -> Iterator[None]:
        self._opening += 1
        try:
            yield
        except BaseException:
            self._opening -= 1
            self._wake()
            raise
        self._opening -= 1

    async def _connect(self) -> tuple[Connection, float]:
        """Tries the addresses in order until one answers, within one deadline."""
        loop = asyncio.get_running_loop()
        path = self.addresses.socket_path
        hosts = [""] if path else await self.addresses.current()
        start = now()
        for place, host in enumerate(hosts):
            try:
                async with asyncio.timeout(self._timeout - (now() - start)):
                    if path:
                        _, connection = await loop.create_unix_connection(self._new, path)
                    else:
                        name = (self._server_name or self.addresses.host) if self._tls else None
                        _, connection = await loop.create_connection(
                            self._new, host, self.addresses.port, ssl=self._tls, server_hostname=name
                        )
                if connection.transport.is_closing():  # nobody would hear of it any more
                    raise ConnectionResetError("the server closed the connection at once")
                break
            except (OSError, TimeoutError) as error:
                if place == len(hosts) - 1:
                    raise failure.of_connecting(error, self.addresses.place, self._timeout) from error
        self._all.add(connection)
        return connection, now() - start

    def _new(self) -> Connection:
        return Connection(self.inbox, self._on_idle, self._on_lost)

    def _on_idle(self, connection: Connection) -> None:
        self._idle[connection] = None
        self._wake()

    def _on_lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._idle.pop(connection, None)
        if not self._all and self._closed is not None:
            self._closed.set()
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def aclose(self) -> None:
        """Close every connection and wait until the system has let go of them."""
        self._closed = asyncio.Event()
        for connection in list(self._all):
            connection.abort()
        if self._all:
            await self._closed.wait()
        await self.addresses.aclose()


def tls_context(tls: TLS) -> ssl.SSLContext:
    """The context of a target's TLS settings; ValueError names the file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(f) for f in (tls.ca_file, tls.cert_file, tls.key_file) if f)
        raise ValueError(f"cannot use the TLS files {files}: {error}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
