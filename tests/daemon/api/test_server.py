"""The pages beside the API, and how the server comes and goes."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from structlog.testing import capture_logs

import swelld
from fake_control import DONE, FakeControl, FakeExposition
from swelld.api.server import Server, serve
from swelld.settings.web import Web

NOWHERE = "there is nothing at this path; /api/v1/openapi.json lists what there is"


async def test_it_listens_on_a_free_port_of_loopback(server: Server, session: aiohttp.ClientSession) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.port > 0
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


async def test_ready_only_when_the_daemon_is(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.get("/-/ready") as response:
        assert (response.status, await response.text()) == (200, "swelld is ready\n")
    control.is_ready = False
    async with session.get("/-/ready") as response:
        assert (response.status, await response.text()) == (503, "swelld is not ready\n")


async def test_healthy_says_what_the_watchdog_says(session: aiohttp.ClientSession, control: FakeControl) -> None:
    control.complaints = ["shard 1 has not moved for 20 s", "the store cannot be reached"]
    async with session.get("/-/healthy") as response:
        assert response.status == 503
        assert await response.text() == "shard 1 has not moved for 20 s\nthe store cannot be reached\n"


async def test_the_landing_page_shows_what_is_running(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.get("/") as response:
        assert response.content_type == "text/html"
        page = await response.text()
    assert "<tr><td>canary</td><td>running</td></tr>" in page
    assert f'<a href="/api/v1/runs/{DONE}">{DONE}</a>' in page
    assert "Ready." in page
    control.is_ready = False
    async with session.get("/") as response:
        assert "Not ready yet." in await response.text()


async def test_every_link_of_the_landing_page_leads_somewhere(session: aiohttp.ClientSession) -> None:
    async with session.get("/") as response:
        links = re.findall(r'href="([^"]+)"', await response.text())
    assert len(links) >= 12
    links.remove("/probe?target=a")  # has tests of its own: a target is asked
    for link in links:
        async with session.get(link) as response:
            assert response.status == 200, link


@pytest.mark.parametrize(
    ("method", "path", "status", "title", "detail"),
    [
        (
            "GET",
            "/nowhere",
            404,
            "Not Found",
            "there is nothing at this path; /api/v1/openapi.json lists what there is",
        ),
        ("GET", "/api/v1/runs/unknown", 404, "Not Found", "there is no run unknown; GET /api/v1/runs lists them"),
        ("PUT", "/api/v1/runs", 405, "Method Not Allowed", "PUT is not for this path; use GET, HEAD, POST"),
        ("DELETE", "/metrics", 405, "Method Not Allowed", "DELETE is not for this path; use GET, HEAD"),
    ],
)
async def test_errors_are_problem_documents(
    session: aiohttp.ClientSession, method: str, path: str, status: int, title: str, detail: str
) -> None:
    async with session.request(method, path) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        expected = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}
        assert await response.json() == expected
        assert response.headers.get("Allow") == (detail.rpartition("use ")[2] if status == 405 else None)


async def test_an_unexpected_error_is_logged_and_keeps_its_inside_to_itself(
    session: aiohttp.ClientSession, control: FakeControl
) -> None:
    control.known["broken"] = control.known[DONE]
    with capture_logs() as logs:
        async with session.get("/api/v1/runs/broken") as response:
            assert response.status == 500
            assert (await response.json())["detail"] == "swelld failed to answer this; its log says why"
    assert [(entry["path"], entry["log_level"]) for entry in logs] == [("/api/v1/runs/broken", "error")]
    async with session.get("/-/healthy") as response:
        assert response.status == 200


async def test_head_is_a_get_without_a_body(session: aiohttp.ClientSession) -> None:
    async with session.head("/-/healthy") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == "18"


async def test_every_answer_carries_headers_that_keep_browsers_in_check(session: aiohttp.ClientSession) -> None:
    for path in ("/", "/nowhere"):
        async with session.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert response.headers["Server"] == "swelld"


async def test_a_taken_port_is_named_with_the_remedy(
    server: Server, control: FakeControl, exposition: FakeExposition
) -> None:
    web = Web.model_validate({"listen": f"127.0.0.1:{server.port}"})
    with pytest.raises(
        ValueError, match=rf"web: cannot listen on 127.0.0.1:{server.port} .*choose another address with web.listen"
    ):
        await serve(control, exposition, web)


async def test_a_closed_server_listens_no_more(control: FakeControl, exposition: FakeExposition) -> None:
    server = await serve(control, exposition, Web.model_validate({"listen": "127.0.0.1:0"}))
    await server.aclose()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{server.url}/-/healthy")


@pytest.fixture
async def everywhere(control: FakeControl, exposition: FakeExposition) -> AsyncIterator[Server]:
    server = await serve(control, exposition, Web.model_validate({"listen": ":0", "open_reading": True}))
    yield server
    await server.aclose()


async def test_the_url_can_be_opened_here_even_if_it_listens_everywhere(everywhere: Server) -> None:
    assert everywhere.url == f"http://127.0.0.1:{everywhere.port}"
    async with aiohttp.ClientSession(everywhere.url) as session, session.get("/api/v1/status/buildinfo") as response:
        assert await response.json() == {"version": swelld.__version__, "python": sys.version.split()[0]}


def test_aiohttp_is_imported_only_by_who_serves() -> None:
    code = "import sys, swelld.api.server; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
