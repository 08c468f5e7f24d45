"""The web server of the hub."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from swelld.api.control import Control, Exposition
from swelld.settings.web import ServerTLS, format_address
from swelld.settings.web import Web as Settings
from swelld.settings.webconfig import with_config_file

if TYPE_CHECKING:
    from aiohttp import web

    from swelld.api.application import Surroundings

HEADER_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 1000
_IDLE_SECONDS: Final = 75.0
_LAST_REQUESTS: Final = 2.0  # seconds that requests under way have when the server closes


class Server:
    """A web server that is listening."""

    def __init__(
        self, runner: "web.AppRunner", listening: asyncio.Server, host: str, tls: "Certificates | None"
    ) -> None:
        self._runner = runner
        self._listening = listening
        self._tls = tls
        self.host = host
        self.port: int = listening.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - shown, not bound
        return f"http{'s' if self._tls else ''}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def refresh(self) -> None:
        """Read the certificate again; ValueError if it cannot be used, and the former one stays."""
        if self._tls is not None:
            self._tls.refresh()

    async def aclose(self) -> None:
        """Stop listening and close every connection; requests under way get a moment to end."""
        self._listening.close()
        await self._runner.cleanup()


class Certificates:
    """What new connections are greeted with."""

    def __init__(self, settings: ServerTLS) -> None:
        from swelld.api.tls import server_context

        self._settings = settings
        self.context: ssl.SSLContext = server_context(settings)

    def refresh(self) -> None:
        """Read the files again."""
        from swelld.api.tls import load_certificate, server_context

        server_context(self._settings)  # a bad pair must not replace half of a good one
        load_certificate(self.context, self._settings)


async def serve(
    control: Control,
    exposition: Exposition,
    settings: Settings,
    around: "Surroundings | None" = None,
    header_seconds: float = HEADER_SECONDS,
) -> Server:
    """Listen as the settings say; ValueError if the address cannot be had, or a secret or certificate not be used."""
    from aiohttp import web  # a tenth of a second to import: only who serves pays for it

    from swelld.api.application import application
    from swelld.api.connections import Connections

    settings = with_config_file(settings)
    tls = Certificates(settings.tls) if settings.tls is not None else None
    connections = Connections(header_seconds, MOST_CONNECTIONS)
    app = application(control, exposition, settings, around)
    app.middlewares.insert(0, connections.middleware())
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_LAST_REQUESTS,
        keepalive_timeout=_IDLE_SECONDS,
        lingering_time=_LAST_REQUESTS,
    )
    await runner.setup()
    assert runner.server is not None
    factory = connections.factory(runner.server)
    host, port = settings.listen
    everywhere = "0.0.0.0"  # noqa: S104 - an empty host asks for it
    try:
        listening = await asyncio.get_running_loop().create_server(
            factory,
            host or everywhere,
            port,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=header_seconds if tls else None,
        )
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or str(error)
        place = format_address(settings.listen)
        raise ValueError(f"web: cannot listen on {place} ({reason}); choose another address with web.listen") from None
    return Server(runner, listening, host, tls)
