"""Pushes a registry to a Prometheus Pushgateway; what becomes of it is counted, and in nobody's way."""

import asyncio
import base64
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from swelld import clock
from swelld_exporters import names
from swelld_exporters.prometheus import text
from swelld_exporters.prometheus.registry import Registry

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from yarl import URL

log = logging.getLogger(__name__)

LAST_TRIES: Final = 3
LAST_PAUSE: Final = 0.5
"""Seconds between tries of a push that matters."""
LAST_DEADLINE: Final = 15.0
"""Seconds for all of them."""
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A Pushgateway and the group that is pushed to; the password is never shown."""

    url: str
    job: str
    grouping: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 5.0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    def group(self) -> str:
        """URL of the group."""
        labels = {"job": self.job, **self.grouping}
        return self.url.rstrip("/") + "/metrics/" + "/".join(_label(name, value) for name, value in labels.items())


class PushFailed(Exception):
    """The gateway did not take it; the message says why."""


class Pusher:
    """One group of one gateway. Everything in it ends in its time and raises nothing."""

    def __init__(self, gateway: Gateway, registry: Registry, wall: Callable[[], float] = time.time) -> None:
        self._gateway = gateway
        self._registry = registry
        self._wall = wall
        self._one_at_a_time = asyncio.Lock()
        self._failing = False
        self._pushes = registry.counter(names.PUSHES).labels()
        self._failures = registry.counter(names.PUSH_FAILURES).labels()

    async def push(self) -> bool:
        """Replace the group by what the registry holds now; whether the gateway took it."""
        return await self._push(self._gateway.timeout)

    async def push_at_last(self) -> bool:
        """A push that no other will follow: tried a few times; that it was in vain is an error in the log."""
        until = clock.now() + LAST_DEADLINE
        for number in range(LAST_TRIES):
            await asyncio.sleep(LAST_PAUSE if number else 0)
            left = until - clock.now()
            if left > 0 and await self._push(min(left, self._gateway.timeout)):
                return True
        log.error("the Pushgateway %s has not got the last figures; nothing else suffers from it", self._gateway.url)
        return False

    async def delete(self) -> bool:
        """Take the group away."""
        try:
            await self._send("DELETE", None, self._gateway.timeout)
        except PushFailed as error:
            log.error("the group cannot be deleted from the Pushgateway %s: %s", self._gateway.url, error)
            return False
        return True

    async def _push(self, timeout: float) -> bool:
        async with self._one_at_a_time:
            self._pushes.inc()
            body = text.render(self._registry)
            try:
                await self._send("PUT", body, timeout)
            except PushFailed as error:
                self._failures.inc()
                self._tell(error)
                return False
        self._registry.gauge(names.PUSH_LAST_SUCCESS).labels().set(self._wall())
        if self._failing:
            log.warning("the Pushgateway %s takes pushes again", self._gateway.url)
        self._failing = False
        return True

    def _tell(self, error: PushFailed) -> None:
        """Once for a series of failures: the counter has the rest."""
        if not self._failing:
            log.warning("a push to the Pushgateway %s failed: %s", self._gateway.url, error)
        self._failing = True

    async def _send(self, method: str, body: bytes | None, timeout: float) -> None:
        """One request over a connection of its own: pushes are rare."""
        import aiohttp

        gateway = self._gateway
        headers = {"Content-Type": text.CONTENT_TYPE} if body is not None else {}
        if gateway.username is not None:
            pair = f"{gateway.username}:{gateway.password or ''}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        connector = aiohttp.TCPConnector(ssl=gateway.tls or True, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=timeout)) as session,
                session.request(
                    method,
                    _verbatim(gateway.group()),
                    data=body,
                    headers=headers,
                    server_hostname=gateway.server_name,
                    allow_redirects=False,  # a password goes where it was meant to
                ) as response,
            ):
                if not 200 <= response.status < 300:
                    raise PushFailed(await _reason(response))
        except TimeoutError:
            raise PushFailed(f"no answer within {timeout:.3g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PushFailed(str(error) or type(error).__name__) from None


def _label(name: str, value: str) -> str:
    """One part of a group's path; what a path cannot hold goes as base64."""
    if not value or "/" in value:
        encoded = base64.urlsafe_b64encode(value.encode()).decode() or "="
        return f"{name}@base64/{encoded}"
    return f"{name}/{quote(value, safe='')}"


def _verbatim(url: str) -> "URL":
    """Quoted already; quoted again, another group would be meant."""
    from yarl import URL

    return URL(url, encoded=True)


async def _reason(response: "ClientResponse") -> str:
    """The status, and what the gateway said of it."""
    said = " ".join((await response.text(errors="replace")).split())[:_LONGEST_REASON]
    return f"{response.status} {response.reason}" + (f": {said}" if said else "")
