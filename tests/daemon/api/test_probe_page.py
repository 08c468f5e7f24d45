"""`/probe` over HTTP."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest

from probe_server import probe_server
from swelld.api.control import NotFound, Refused, Unavailable
from swelld.api.probe import TIMEOUT_HEADER, Probing
from swelld.api.route import Call

PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class Page(NamedTuple):
    body: bytes
    content_type: str


class FakeProber:
    """Remembers what it was asked, and answers or fails as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, float | None, bool]] = []
        self.failing: Exception | None = None

    async def probe(self, target: str, module: str | None, scrape_timeout: float | None, *, debug: bool) -> Page:
        self.asked.append((target, module, scrape_timeout, debug))
        if self.failing:
            raise self.failing
        return Page(b"swelld_probe_success 1\n", PLAIN)


@pytest.fixture
def prober() -> FakeProber:
    return FakeProber()


@pytest.fixture
async def session(prober: FakeProber) -> AsyncIterator[aiohttp.ClientSession]:
    async with probe_server(prober) as url, aiohttp.ClientSession(url) as session:
        yield session


def test_who_may_read_may_probe() -> None:
    (route,) = Probing(None).routes()
    assert (route.method, route.path, route.role) == ("GET", "/probe", "read")


async def test_a_scrape(prober: FakeProber, session: aiohttp.ClientSession) -> None:
    parameters, headers = {"target": "http://llm:8000/v1", "module": "chat"}, {TIMEOUT_HEADER: "9.5"}
    async with session.get("/probe", params=parameters, headers=headers) as response:
        assert (response.status, await response.text()) == (200, "swelld_probe_success 1\n")
        assert response.headers["Content-Type"] == PLAIN
        assert response.headers["Cache-Control"] == "no-store"
    assert prober.asked == [("http://llm:8000/v1", "chat", 9.5, False)]


async def test_a_person(prober: FakeProber, session: aiohttp.ClientSession) -> None:
    async with session.get("/probe?target=a&debug=true") as response:
        assert response.status == 200
    assert prober.asked == [("a", None, None, True)]


@pytest.mark.parametrize(("failing", "status"), [
    (NotFound("no such target"), 404),
    (Refused("not allowed"), 422),
    (Unavailable("too many"), 503),
])  # fmt: skip
async def test_what_cannot_be_probed(
    prober: FakeProber, session: aiohttp.ClientSession, failing: Exception, status: int
) -> None:
    prober.failing = failing
    async with session.get("/probe?target=a") as response:
        assert response.status == status
        assert (await response.json())["detail"] == str(failing)


@pytest.mark.parametrize("query", ["", "?target=", "?target=a&target=b", "?target=a&modul=b", "?target=a&debug=maybe"])
async def test_what_is_no_question(prober: FakeProber, session: aiohttp.ClientSession, query: str) -> None:
    async with session.get(f"/probe{query}") as response:
        assert response.status == 422
    assert prober.asked == []


@pytest.mark.parametrize("header", ["", "soon", "0", "-1", "nan", "inf"])
async def test_what_is_no_timeout(prober: FakeProber, session: aiohttp.ClientSession, header: str) -> None:
    async with session.get("/probe?target=a", headers={TIMEOUT_HEADER: header}) as response:
        assert response.status == 422
        assert TIMEOUT_HEADER in (await response.json())["detail"]
    assert prober.asked == []


async def test_a_page_of_another_site_gets_nothing(prober: FakeProber, session: aiohttp.ClientSession) -> None:
    async with session.get("/probe?target=a", headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 403
    async with session.get("/probe?target=a", headers={"Sec-Fetch-Site": "same-origin"}) as response:
        assert response.status == 200
    assert len(prober.asked) == 1


async def test_nothing_to_ask() -> None:
    call: Any = Call(None, None, {}, None, None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="nothing can be probed now"):
        await Probing(None).probe(call)


async def test_who_is_to_be_probed_has_to_be_said(session: aiohttp.ClientSession) -> None:
    async with session.get("/probe") as response:
        assert (await response.json())["errors"] == ["target is missing: write /probe?target=..."]
