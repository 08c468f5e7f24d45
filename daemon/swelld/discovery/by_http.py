"""Targets from a URL as `http_sd` of Prometheus asks it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from swelld.config import format_duration
from swelld.discovery.groups import LARGEST, Labels, Trouble, from_json
from swelld.discovery.settings import HttpSD
from swelld.engine.pool import tls_context

if TYPE_CHECKING:
    from aiohttp import ClientResponse


class HttpSource:
    """Asks one URL, and follows no redirect: credentials are for the server that was named."""

    def __init__(self, settings: HttpSD, interval: float) -> None:
        self._settings = settings
        self._interval = interval

    async def places(self) -> Sequence[str]:
        return [self._settings.url.partition("?")[0]]

    async def read(self, place: str) -> list[Labels]:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(
                    self._settings.url,
                    headers=self._headers(),
                    ssl=await asyncio.to_thread(tls_context, self._settings.tls),
                    allow_redirects=False,
                ) as response,
            ):
                data = await self._body(response)
        except (aiohttp.ClientError, OSError) as error:
            raise Trouble(f"does not answer: {error}") from None
        except ValueError as error:  # a certificate or a secret that cannot be read
            raise Trouble(str(error)) from None
        return [{**labels, "__meta_url": self._settings.url} for labels in from_json(data)]

    def _headers(self) -> dict[str, str]:
        token = self._settings.bearer_token
        return {
            "User-Agent": "swelld",
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": f"{self._interval:g}",
            **({"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}),
            **self._settings.headers,
        }

    async def _body(self, response: "ClientResponse") -> bytes:
        if response.status != 200:
            moved = "; give the URL that it leads to" if 300 <= response.status < 400 else ""
            raise Trouble(f"answered {response.status} instead of 200{moved}")
        if response.content_type != "application/json":
            raise Trouble(f"answered {response.content_type} instead of application/json")
        data = bytearray()
        async for part in response.content.iter_any():
            data += part
            if len(data) > LARGEST:
                raise Trouble(f"answered more than {LARGEST} bytes every {format_duration(self._interval)}")
        return bytes(data)
