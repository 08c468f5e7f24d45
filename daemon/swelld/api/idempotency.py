"""Requests that may be sent twice and still do their work once: the first answer is kept by the key of its request."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from swelld.api.problems import Problem

HEADER: Final = "Idempotency-Key"
KEPT_SECONDS: Final = 86400.0
_MOST: Final = 10_000
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that can be given again."""

    status: int
    body: bytes
    location: str


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    at: float
    answer: asyncio.Future[Kept]


class Answers:
    """The answers of the last day, 10,000 at most; lost with the process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    async def once(
        self, who: str, key: str | None, request: bytes, make: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, bool]:
        """The answer, and whether it had been given before; what fails is not kept and may be tried again."""
        if key is None:
            return await make(), False
        if not _KEY.fullmatch(key):
            raise Problem(400, f"{HEADER} takes 1 to 255 visible ASCII characters, e.g. a UUID")
        self._forget()
        fingerprint = hashlib.sha256(request).digest()
        entry = self._entries.get((who, key))
        if entry is None:
            return await self._first((who, key), fingerprint, make), False
        if entry.fingerprint != fingerprint:
            raise Problem(422, f"this {HEADER} belongs to another request; take a new key for each")
        return await asyncio.shield(entry.answer), True

    async def _first(self, place: tuple[str, str], fingerprint: bytes, make: Callable[[], Awaitable[Kept]]) -> Kept:
        answer: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting for it
        self._entries[place] = _Entry(fingerprint, self._clock(), answer)
        try:
            kept = await make()
        except BaseException as error:
            del self._entries[place]
            gone = Problem(503, "the first request with this key was broken off; send it again")
            answer.set_exception(error if isinstance(error, Exception) else gone)
            raise
        answer.set_result(kept)
        return kept

    def _forget(self) -> None:
        """Whatever is too old, and the oldest of too many; one that is being made stays."""
        horizon = self._clock() - KEPT_SECONDS
        for place, entry in list(self._entries.items()):
            if entry.at > horizon and len(self._entries) < _MOST:
                return
            if entry.answer.done():
                del self._entries[place]
