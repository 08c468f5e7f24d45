"""Where a target is: looked up outside of the timed part, and again while the load goes on."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from swelld.clock import now
from swelld.engine.failure import Failure
from swelld.measurement import ErrorType, Outcome

REFRESH_SECONDS = 30.0
RETRY_SECONDS = 1.0
LOOKUP_SECONDS = 5.0

log = logging.getLogger(__name__)


class Addresses:
    """The addresses of a host; an exchange never waits for a look-up, it uses what the last one brought."""

    def __init__(self, url: str, pinned: Sequence[str] = ()) -> None:
        """`pinned`: the only addresses, without any look-up."""
        parts = urlsplit(url)
        self.socket_path = parts.path if parts.scheme == "unix" else None
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or "localhost"
        self.port = parts.port or (443 if self.secure else 80)
        self._pinned = bool(pinned)
        self._found: list[str] = [*pinned]
        self._error = "not looked up yet"
        self._refreshing: asyncio.Task[None] | None = None
        self._asked = -RETRY_SECONDS

    @property
    def place(self) -> str:
        """For messages."""
        return self.socket_path or f"{self.host}:{self.port}"

    async def current(self) -> list[str]:
        """Addresses to try in order; a Failure of type dns if the name has none."""
        if self._pinned:
            return self._found
        age = now() - self._asked
        if not self._found and age >= RETRY_SECONDS:
            await self.look_up()
        elif age >= REFRESH_SECONDS and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self.look_up())
        if not self._found:
            raise Failure(Outcome.UNREACHABLE, ErrorType.DNS, f"cannot resolve {self.host}: {self._error}")
        return self._found

    async def look_up(self) -> None:
        """Ask the system; a failed look-up leaves the known addresses as they are."""
        if self._pinned:
            return
        self._asked = now()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            self._error = str(error) or "timed out"
            log.warning("cannot resolve %s: %s", self.host, self._error)
            return
        self._found = list(dict.fromkeys(str(info[4][0]) for info in found))

    async def aclose(self) -> None:
        """Give up a look-up that is under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
