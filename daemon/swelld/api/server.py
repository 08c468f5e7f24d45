"""The web server of the hub."""

from typing import TYPE_CHECKING

from swelld.api.view import Exposition, View

if TYPE_CHECKING:
    from aiohttp import web

_LAST_REQUESTS = 2.0  # seconds that requests under way have when the server closes


class Web:
    """A web server that is listening."""

    def __init__(self, runner: "web.AppRunner", host: str, port: int) -> None:
        self._runner = runner
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - shown, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def aclose(self) -> None:
        """Stop listening and close every connection; requests under way get a moment to end."""
        await self._runner.cleanup()


async def start(view: View, exposition: Exposition, *, host: str = "127.0.0.1", port: int = 0) -> Web:
    """Listen; an empty host is every address, port 0 any free one. ValueError if the address cannot be had."""
    from aiohttp import web  # a tenth of a second to import: only who serves pays for it

    from swelld.api.pages import application

    runner = web.AppRunner(
        application(view, exposition), access_log=None, handle_signals=False, shutdown_timeout=_LAST_REQUESTS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or str(error)
        raise ValueError(
            f"web: cannot listen on {host}:{port} ({reason}); choose another address with web.listen"
        ) from None
    return Web(runner, host, runner.addresses[0][1])
