"""A served API with a daemon behind it that only remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from fake_control import FakeControl, FakeExposition
from swelld.api.application import Surroundings
from swelld.api.secrets import hash_token
from swelld.api.server import Server, serve
from swelld.insight.model import Model
from swelld.settings.web import Web

TOKENS = {role: f"swl_{role}-{'x' * 30}" for role in ("read", "operate", "admin")}


class FakeClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class FakeResolver:
    """Gives the answers it was told, one after the other, and the last one from then on."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.sleep(0)
        if host not in self.answers:
            raise OSError("no such name")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


Serving = Callable[..., AbstractAsyncContextManager[Server]]
Session = aiohttp.ClientSession


GONE = Model(url="http://127.0.0.1:9", name="gone"), "en"
"""A model that does not answer: then rules write the report."""


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
def exposition() -> FakeExposition:
    return FakeExposition()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def resolver() -> FakeResolver:
    return FakeResolver()


@pytest.fixture
def tokens() -> dict[str, str]:
    return TOKENS


@pytest.fixture
def serving(control: FakeControl, exposition: FakeExposition, clock: FakeClock, resolver: FakeResolver) -> Serving:
    """`async with serving(settings...) as server`: with a token for each role, on a free port of loopback."""

    @asynccontextmanager
    async def start(
        *, interval: float = 0.02, heartbeat: float = 5.0, header_seconds: float = 5.0, body_seconds: float = 5.0,
        write_seconds: float = 5.0, **settings: Any,
    ) -> AsyncIterator[Server]:  # fmt: skip
        hashes = [{"name": role, "role": role, "hash": hash_token(token)} for role, token in TOKENS.items()]
        web = Web.model_validate({"listen": "127.0.0.1:0", "tokens": hashes, **settings})
        around = Surroundings(clock, resolver, interval, heartbeat, body_seconds, write_seconds, writer=lambda: GONE)
        server = await serve(control, exposition, web, around, header_seconds)
        try:
            yield server
        finally:
            await server.aclose()

    return start


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def session(server: Server) -> AsyncIterator[Session]:
    """Without a token."""
    async with Session(server.url) as session:
        yield session


@pytest.fixture
async def admin(server: Server) -> AsyncIterator[Session]:
    async with Session(server.url, headers={"Authorization": f"Bearer {TOKENS['admin']}"}) as session:
        yield session
