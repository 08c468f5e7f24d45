"""Stand-ins for the client and the prompts of a load: they take note of what is asked, and when."""

import asyncio
from collections.abc import Coroutine
from typing import NamedTuple

from swelld.clock import now
from swelld.engine.client import Ticket
from swelld.prompt import Message, Prompt


class Prompts:
    """Endless."""

    size: int | None = None

    def __getitem__(self, index: int) -> Prompt:
        return Prompt(name=str(index), messages=(Message("user", "hi"),))


class Asked(NamedTuple):
    """One call of a client."""

    prompt: int
    ticket: Ticket
    moment: float


class Notes:
    """Stands for a client: `answer` is what an exchange waits for, `reached` what it says."""

    def __init__(self, seconds: float = 0.0, *, reached: bool = True) -> None:
        self.asked: list[Asked] = []
        self.dropped: list[Asked] = []
        self.cancelled = self.begun = 0
        self.most = self._now = 0
        self._seconds = seconds
        self._reached = reached

    def prepare(self, prompt: Prompt) -> Prompt:
        return prompt

    def drop(self, request: Prompt, ticket: Ticket, *_: object) -> None:
        self.dropped.append(Asked(int(request.name), ticket, now()))

    async def exchange(self, request: Prompt, ticket: Ticket) -> bool:
        self.asked.append(Asked(int(request.name), ticket, now()))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._now -= 1
        return self._reached

    def start(self, request: Prompt, ticket: Ticket) -> Coroutine[None, None, bool]:
        return self.exchange(request, ticket)

    @property
    def numbers(self) -> list[int]:
        return [asked.ticket.index for asked in self.asked if not asked.ticket.warmup]
