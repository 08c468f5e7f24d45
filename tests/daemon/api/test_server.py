"""The web server: what it shows, and what it refuses."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest
from structlog.testing import capture_logs

import swelld
from swelld.api.server import Web, start

RUN = {"id": "r/1", "scenario": "<canary>", "state": "running", "stages": [{"stage": "rate=10"}]}


class FakePage(NamedTuple):
    body: bytes
    content_type: str


class FakeExposition:
    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.lines = 2000

    def render(self, accept: str) -> FakePage:
        self.accepted.append(accept)
        return FakePage(b"swelld_target_up 1\n" * self.lines, "text/plain; version=0.0.4; charset=utf-8")


class FakeView:
    def __init__(self) -> None:
        self.is_ready = True

    def ready(self) -> bool:
        return self.is_ready

    def config(self) -> dict[str, Any]:
        return {"targets": {"a": {"api_key": "<redacted>"}}}

    def targets(self) -> list[dict[str, Any]]:
        return [{"name": "a", "url": "http://127.0.0.1:1"}]

    def scenarios(self) -> list[dict[str, Any]]:
        return [{"name": "<canary>", "state": "running"}]

    def runs(self) -> list[dict[str, Any]]:
        return [{key: RUN[key] for key in ("id", "scenario", "state")}]

    def run(self, run_id: str) -> dict[str, Any] | None:
        if run_id == "broken":
            raise RuntimeError("secret inside")
        return RUN if run_id == RUN["id"] else None


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
def exposition() -> FakeExposition:
    return FakeExposition()


@pytest.fixture
async def web(view: FakeView, exposition: FakeExposition) -> AsyncIterator[Web]:
    server = await start(view, exposition)
    yield server
    await server.aclose()


@pytest.fixture
async def session(web: Web) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(web.url) as session:
        yield session


async def test_it_listens_on_a_free_port_of_loopback(web: Web, session: aiohttp.ClientSession) -> None:
    assert web.url == f"http://127.0.0.1:{web.port}"
    assert web.port > 0
    async with session.get("/-/healthy") as response:
        assert (response.status, await response.text()) == (200, "swelld is healthy\n")


async def test_metrics_are_those_of_the_exposition(session: aiohttp.ClientSession, exposition: FakeExposition) -> None:
    async with session.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"}) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await response.read() == b"swelld_target_up 1\n" * 2000
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Vary"] == "Accept, Accept-Encoding"
        assert int(response.headers["Content-Length"]) < 2000
    assert exposition.accepted == ["text/plain;version=0.0.4"]


async def test_metrics_are_plain_for_a_client_that_cannot_unpack(session: aiohttp.ClientSession) -> None:
    async with session.get("/metrics", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert int(response.headers["Content-Length"]) == 19 * 2000


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0, *", None),
        ("gzip; q=0.0", None),
        ("gzip;q=much", None),
        ("zstd, br", None),
        ("", None),
    ],
)
async def test_metrics_are_packed_only_for_who_can_unpack(
    session: aiohttp.ClientSession, accepted: str, coding: str | None
) -> None:
    async with session.get("/metrics", headers={"Accept-Encoding": accepted}) as response:
        assert response.headers.get("Content-Encoding") == coding
        assert await response.read() == b"swelld_target_up 1\n" * 2000


async def test_a_small_page_is_not_worth_packing(session: aiohttp.ClientSession, exposition: FakeExposition) -> None:
    exposition.lines = 50
    async with session.get("/metrics") as response:
        assert "Content-Encoding" not in response.headers
        assert await response.read() == b"swelld_target_up 1\n" * 50


async def test_a_large_page_is_packed_beside_the_event_loop(
    session: aiohttp.ClientSession, exposition: FakeExposition
) -> None:
    exposition.lines = 20000
    async with session.get("/metrics") as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.read() == b"swelld_target_up 1\n" * 20000


async def test_head_of_metrics_says_what_a_get_would_bring(session: aiohttp.ClientSession) -> None:
    async with session.get("/metrics") as response:
        expected = {name: response.headers[name] for name in ("Content-Type", "Content-Length", "Content-Encoding")}
    async with session.head("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        assert {name: response.headers[name] for name in expected} == expected
        assert await response.read() == b""


async def test_ready_only_when_the_daemon_is(session: aiohttp.ClientSession, view: FakeView) -> None:
    async with session.get("/-/ready") as response:
        assert (response.status, await response.text()) == (200, "swelld is ready\n")
    view.is_ready = False
    async with session.get("/-/ready") as response:
        assert (response.status, await response.text()) == (503, "swelld is not ready\n")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("status/config", {"targets": {"a": {"api_key": "<redacted>"}}}),
        ("targets", {"targets": [{"name": "a", "url": "http://127.0.0.1:1"}]}),
        ("scenarios", {"scenarios": [{"name": "<canary>", "state": "running"}]}),
        ("runs", {"runs": [{"id": "r/1", "scenario": "<canary>", "state": "running"}]}),
        ("runs/r%2F1", RUN),
        ("status/buildinfo", {"version": swelld.__version__, "python": sys.version.split()[0]}),
    ],
)
async def test_the_api_answers_with_json(session: aiohttp.ClientSession, path: str, expected: dict[str, Any]) -> None:
    async with session.get(f"/api/v1/{path}") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert await response.json() == expected


async def test_the_landing_page_shows_what_is_running_and_trusts_no_name(
    session: aiohttp.ClientSession, view: FakeView
) -> None:
    async with session.get("/") as response:
        assert response.content_type == "text/html"
        page = await response.text()
    assert "<tr><td>&lt;canary&gt;</td><td>running</td></tr>" in page
    assert '<a href="/api/v1/runs/r%2F1">r/1</a>' in page
    assert "Ready." in page
    assert "<canary>" not in page
    view.is_ready = False
    async with session.get("/") as response:
        assert "Not ready yet." in await response.text()


async def test_every_link_of_the_landing_page_leads_somewhere(session: aiohttp.ClientSession) -> None:
    import re

    async with session.get("/") as response:
        links = re.findall(r'href="([^"]+)"', await response.text())
    assert len(links) == 9
    for link in links:
        async with session.get(link) as response:
            assert response.status == 200, link


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/api/v1/runs/unknown", 404, "Not Found"),
        ("POST", "/api/v1/runs", 405, "Method Not Allowed"),
        ("DELETE", "/metrics", 405, "Method Not Allowed"),
    ],
)
async def test_errors_are_problem_documents(
    session: aiohttp.ClientSession, method: str, path: str, status: int, title: str
) -> None:
    async with session.request(method, path) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        expected = {"type": "about:blank", "title": title, "status": status, "instance": path}
        assert await response.json() == expected
        assert response.headers.get("Allow") == ("GET,HEAD" if status == 405 else None)


async def test_an_unexpected_error_is_logged_and_keeps_its_inside_to_itself(session: aiohttp.ClientSession) -> None:
    with capture_logs() as logs:
        async with session.get("/api/v1/runs/broken") as response:
            assert response.status == 500
            assert "secret" not in await response.text()
    assert [(entry["path"], entry["log_level"]) for entry in logs] == [("/api/v1/runs/broken", "error")]
    async with session.get("/-/healthy") as response:
        assert response.status == 200


async def test_head_is_a_get_without_a_body(session: aiohttp.ClientSession) -> None:
    async with session.head("/-/healthy") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == "18"


async def test_a_taken_port_is_named_with_the_remedy(web: Web, view: FakeView, exposition: FakeExposition) -> None:
    with pytest.raises(
        ValueError, match=rf"web: cannot listen on 127.0.0.1:{web.port} .*choose another address with web.listen"
    ):
        await start(view, exposition, port=web.port)


async def test_a_closed_server_listens_no_more(view: FakeView, exposition: FakeExposition) -> None:
    server = await start(view, exposition)
    await server.aclose()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{server.url}/-/healthy")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://[::1]:9"),
        ("swelld.lan", "http://swelld.lan:9"),
    ],
)
def test_the_url_can_be_opened_here(host: str, url: str) -> None:
    assert Web(None, host, 9).url == url  # type: ignore[arg-type]


def test_aiohttp_is_imported_only_by_who_serves() -> None:
    code = "import sys, swelld.api.server; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
