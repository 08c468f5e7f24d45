"""When to push to a Pushgateway: as time goes by, at the end of runs, or both."""

import asyncio
from typing import Final

from swelld.engine.pool import tls_context
from swelld.settings.push import Pushgateway
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.pushgateway import LAST_DEADLINE, Gateway, Pusher

_GRACE: Final = 1.0


class Pushes:
    """Those of one process; does nothing where no gateway is set."""

    def __init__(self, settings: Pushgateway, registry: Registry) -> None:
        """ValueError if the password or a file of TLS cannot be read."""
        self._settings = settings
        self._pusher = Pusher(_gateway(settings, settings.url), registry) if settings.url is not None else None
        self._regular: asyncio.Task[None] | None = None
        self._last: asyncio.Task[None] | None = None
        self._again = False
        self._closed = False

    def start(self) -> None:
        """Begin with the regular pushes, if there are to be any."""
        if self._pusher is not None and self._settings.on != "end":
            self._regular = asyncio.create_task(self._push_regularly(self._pusher))

    def run_over(self) -> None:
        """A run has ended and its figures are in the registry; nobody waits for the push."""
        if self._pusher is None or self._settings.on == "interval":
            return
        self._again = True
        if self._last is None or self._last.done():
            self._last = asyncio.create_task(self._push_at_last(self._pusher))

    async def aclose(self) -> None:
        """End the regular pushes, wait for that of the last run, and delete the group if that is wanted."""
        if self._pusher is None or self._closed:
            return
        self._closed = True
        if self._regular is not None:
            self._regular.cancel()
            await asyncio.wait([self._regular])
        if self._last is not None:
            await asyncio.wait([self._last], timeout=2 * LAST_DEADLINE + _GRACE)
        if self._settings.delete_on_exit:
            await self._pusher.delete()

    async def _push_regularly(self, pusher: Pusher) -> None:
        while True:
            await asyncio.sleep(self._settings.interval)
            await pusher.push()

    async def _push_at_last(self, pusher: Pusher) -> None:
        while self._again:  # another run may have ended meanwhile
            self._again = False
            await pusher.push_at_last()


def _gateway(settings: Pushgateway, url: str) -> Gateway:
    tls = tls_context(settings.tls) if url.startswith("https:") else None
    instance = {} if settings.instance is None else {"instance": settings.instance}
    try:
        password = settings.password.reveal() if settings.password is not None else None
    except ValueError as error:
        raise ValueError(f"exporters.pushgateway.password: {error}") from None
    return Gateway(
        url=url,
        job=settings.job,
        grouping={**instance, **settings.grouping},
        timeout=settings.timeout,
        username=settings.username,
        password=password,
        tls=tls,
        server_name=settings.tls.server_name,
    )
