"""Requests to a served API."""

from typing import Any

import aiohttp


async def post(session: aiohttp.ClientSession, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, JSON and headers of the answer."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.post(path, json=body, headers=given) as response:
        return response.status, await response.json(), response.headers
