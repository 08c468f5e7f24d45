"""Connections that say nothing: each has some seconds for its first request, and there are only so many at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


class Connections:
    """Watches over those of one server."""

    def __init__(self, header_seconds: float, most: int) -> None:
        self._header_seconds = header_seconds
        self._most = most
        self._silent: set[asyncio.BaseProtocol] = set()

    def factory(self, server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
        """For `create_server`: makes the protocol of a new connection."""
        loop = asyncio.get_running_loop()

        def connect() -> asyncio.BaseProtocol:
            if len(server.connections) >= self._most:
                return _Full()
            protocol = server()
            self._silent.add(protocol)
            loop.call_later(self._header_seconds, self._close, protocol)
            return protocol

        return connect

    def middleware(self) -> Middleware:
        """Notices the first request of a connection."""

        @web.middleware
        async def heard(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._silent.discard(request.protocol)
            return await handler(request)

        return heard

    def _close(self, protocol: Any) -> None:
        if protocol in self._silent:
            self._silent.discard(protocol)
            protocol.force_close()


class _Full(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
