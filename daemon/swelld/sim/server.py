"""Listening and stopping: a server in this event loop, or in this whole process."""

import asyncio
import contextlib
import gc
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swelld.sim.connection import Connection, Inbox
from swelld.sim.ledger import Ledger
from swelld.sim.options import SimOptions
from swelld.sim.service import Service
from swelld.sim.wheel import Wheel


class SimServer:
    """A server that listens; made by `serve`."""

    def __init__(self, options: SimOptions, wheel: Wheel, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self.port = options.port
        self._wheel = wheel
        self._service = Service(options, wheel, ledger)
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Base URL, without /v1."""
        if self.options.unix_socket:
            return f"unix://{Path(self.options.unix_socket).absolute()}"
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"{'https' if self.options.tls_cert else 'http'}://{host}:{self.port}"

    def truth(self) -> dict[str, Any]:
        """What /sim/truth says."""
        return self.ledger.truth()

    async def listen(self) -> None:
        """Accept connections from now on."""
        self._inbox = Inbox()
        loop, options = asyncio.get_running_loop(), self.options
        tls = _tls(options)
        if options.unix_socket:
            self._listener = await loop.create_unix_server(self._connection, options.unix_socket, ssl=tls, backlog=4096)
        else:
            self._listener = await loop.create_server(
                self._connection, options.host, options.port, ssl=tls, backlog=4096
            )
            self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Drop every connection and stop listening."""
        if self._listener:
            self._listener.close()
        for connection in self._connections:
            connection.abort()
        await asyncio.gather(*(connection.lost for connection in self._connections))
        self._wheel.close()
        if self._listener:
            await self._listener.wait_closed()
        self._remove_socket()

    def _remove_socket(self) -> None:
        if self.options.unix_socket:
            Path(self.options.unix_socket).unlink(missing_ok=True)

    def _connection(self) -> Connection:
        return Connection(self._inbox, self._service.respond, self.ledger, self._connections)


async def serve(options: SimOptions) -> SimServer:
    """Start a server in this event loop; raises ValueError or OSError if it cannot be."""
    options.verified()
    server = SimServer(options, Wheel(asyncio.get_running_loop()), Ledger())
    try:
        await server.listen()
    except BaseException:
        await server.close()
        raise
    return server


def run(options: SimOptions, ready: Callable[[str], None], until_stdin_closes: bool = False) -> None:
    """Serve in this process, which it has for itself, until SIGINT or SIGTERM; `ready` gets the URL."""
    import uvloop

    uvloop.run(_until_stopped(options, ready, until_stdin_closes))


async def _until_stopped(options: SimOptions, ready: Callable[[str], None], until_stdin_closes: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await serve(options)
    if until_stdin_closes:
        _watch_stdin(loop, stop)
    gc.collect()
    gc.freeze()  # a full collection of what never dies would be the longest pause there is
    ready(server.url)
    await stop.wait()
    await server.close()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    with contextlib.suppress(OSError):  # not something that can be waited for: then it never closes either
        loop.add_reader(descriptor, read)


def _tls(options: SimOptions) -> ssl.SSLContext | None:
    if not options.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    if options.tls_client_ca:
        context.load_verify_locations(options.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
