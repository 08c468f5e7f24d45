"""Where a target is: no exchange waits for a look-up, and a failed one takes nothing away."""

import asyncio
import socket
from typing import Any

import pytest

from swelld.engine import addresses
from swelld.engine.addresses import REFRESH_SECONDS, RETRY_SECONDS, Addresses
from swelld.engine.failure import Failure
from swelld.measurement import ErrorType, Outcome


class Names:
    """The system's look-ups, and a clock; both as a test sets them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.answer: list[str] | OSError = []
        self.asked = 0
        self.slow: asyncio.Event | None = None
        patch.setattr(addresses, "now", lambda: self.now)
        patch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._ask)

    async def _ask(self, _host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        if self.slow is not None:
            await self.slow.wait()
        if isinstance(self.answer, OSError):
            raise self.answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port)) for found in self.answer]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


async def test_addresses_are_in_the_order_of_the_system_and_once_each(names: Names) -> None:
    names.answer = ["10.0.0.2", "10.0.0.1", "10.0.0.2"]
    found = Addresses("http://big.example:8000/v1")
    assert await found.current() == ["10.0.0.2", "10.0.0.1"]
    assert (found.place, found.secure) == ("big.example:8000", False)


async def test_what_is_known_is_used_while_it_is_looked_up_again(names: Names) -> None:
    names.answer = ["10.0.0.1"]
    found = Addresses("https://big.example")
    await found.look_up()
    names.now += REFRESH_SECONDS
    names.answer, names.slow = ["10.0.0.2"], asyncio.Event()
    for _ in range(3):  # one look-up for all of them
        assert await found.current() == ["10.0.0.1"]
        await asyncio.sleep(0)
    names.slow.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await found.current() == ["10.0.0.2"]
    assert (names.asked, found.port) == (2, 443)
    await found.aclose()


async def test_a_failed_look_up_takes_nothing_away(names: Names) -> None:
    names.answer = ["10.0.0.1"]
    found = Addresses("http://big.example")
    await found.look_up()
    names.answer = OSError("no network")
    await found.look_up()
    assert await found.current() == ["10.0.0.1"]


async def test_a_name_that_nobody_knows_is_asked_for_now_and_then(names: Names) -> None:
    names.answer = OSError("unknown name")
    found = Addresses("http://big.example")
    for _ in range(5):
        with pytest.raises(Failure, match=r"cannot resolve big\.example: unknown name") as failed:
            await found.current()
        assert (failed.value.outcome, failed.value.error_type) == (Outcome.UNREACHABLE, ErrorType.DNS)
    assert names.asked == 1
    names.now += RETRY_SECONDS
    names.answer = ["10.0.0.1"]
    assert await found.current() == ["10.0.0.1"]
    assert names.asked == 2


async def test_a_look_up_that_takes_too_long_is_given_up(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "LOOKUP_SECONDS", 0.01)
    names.slow = asyncio.Event()
    found = Addresses("http://big.example")
    with pytest.raises(Failure, match=r"cannot resolve big\.example: timed out"):
        await found.current()


async def test_pinned_addresses_are_never_looked_up(names: Names) -> None:
    found = Addresses("http://big.example", ["10.0.0.9"])
    await found.look_up()
    names.now += 2 * REFRESH_SECONDS
    assert await found.current() == ["10.0.0.9"]
    assert names.asked == 0
