"""Targets from a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from watching import Watching

JSON = {"Content-Type": "application/json; charset=utf-8"}
A = '[{"targets": ["a:1"], "labels": {"model": "m"}}]'
B = '[{"targets": ["b:1"]}]'


class ListServer:
    """Answers with what it is told."""

    def __init__(self) -> None:
        self.answer: Callable[[], web.Response] = lambda: web.Response(text=A, headers=JSON)
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def says(self, text: str, status: int = 200, **headers: str) -> None:
        self.answer = lambda: web.Response(text=text, status=status, headers={**JSON, **headers})

    async def handle(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        return self.answer()


@pytest.fixture
async def lists() -> AsyncIterator[ListServer]:
    server = ListServer()
    app = web.Application()
    app.router.add_get("/targets", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/targets"
    yield server
    await runner.cleanup()


async def test_a_list_is_asked_for_again_and_again(watching: Watching, lists: ListServer) -> None:
    assert await watching.first({"http_sd": lists.url}) == {"a-1": "http://a:1"}
    lists.says(B)
    assert await watching.next() == {"b-1": "http://b:1"}
    lists.says("[]")
    assert await watching.next() == {}
    sent = lists.headers[0]
    assert sent["User-Agent"] == "swelld"
    assert sent["X-Prometheus-Refresh-Interval-Seconds"] == "0.02"
    assert "Authorization" not in sent


async def test_it_says_who_it_is(watching: Watching, lists: ListServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    token = {"file": str(tmp_path / "token")}
    found = await watching.first({"http_sd": {"url": lists.url, "bearer_token": token, "headers": {"X-Tenant": "red"}}})
    assert found == {"a-1": "http://a:1"}
    assert (lists.headers[0]["Authorization"], lists.headers[0]["X-Tenant"]) == ("Bearer s3cret", "red")


@pytest.mark.parametrize(("text", "status", "headers", "said"), [
    ("no", 500, {}, "answered 500 instead of 200"),
    ("", 302, {"Location": "/other"}, "answered 302 instead of 200; give the URL that it leads to"),
    (B, 200, {"Content-Type": "text/plain"}, "answered text/plain instead of application/json"),
    ("[{", 200, {}, "is no list of groups of targets"),
    ('{"targets": []}', 200, {}, "Expected `array`, got `object`"),
    (" " * (16 * 2**20 + 1), 200, {}, "answered more than 16777216 bytes"),
])  # fmt: skip
async def test_a_bad_answer_changes_nothing(
    watching: Watching, lists: ListServer, caplog: pytest.LogCaptureFixture,
    text: str, status: int, headers: dict[str, str], said: str,
) -> None:  # fmt: skip
    await watching.first({"http_sd": f"{lists.url}?key=s3cret"})
    lists.says(text, status, **headers)
    await watching.until('swelld_discovery_refresh_failures_total{kind="http"} 2')
    assert 'swelld_discovered_targets{kind="http"} 1' in watching.lines()
    assert watching.news.empty()
    (message,) = caplog.messages
    assert message.startswith(f"discovery: {lists.url} ")
    assert said in message
    assert message.endswith("; what is known of it still holds")
    assert "s3cret" not in message
    lists.says(B)
    assert await watching.next() == {"b-1": "http://b:1"}


async def test_nobody_there(watching: Watching, unused_port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert await watching.first({"http_sd": f"http://127.0.0.1:{unused_port}/x"}) == {}
    assert watching.value('swelld_discovery_refresh_failures_total{kind="http"}') == 1
    assert "does not answer" in caplog.text


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def test_a_secret_that_is_missing(
    watching: Watching, lists: ListServer, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"http_sd": {"url": lists.url, "bearer_token": {"env": "NO_SUCH_TOKEN"}}}
    assert await watching.first(entry) == {}
    assert "the environment variable NO_SUCH_TOKEN is not set" in caplog.text
    assert lists.headers == []


async def test_a_server_that_never_answers(
    watching: Watching, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("swelld.discovery.watch.LOOK_SECONDS", 0.2)
    silent = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await watching.first({"http_sd": f"http://127.0.0.1:{port}/x"}) == {}
        assert "no answer within 0.2 s" in caplog.text
        await watching.watch.aclose()
        silent.set()


async def test_https_is_verified(watching: Watching, tmp_path: Path) -> None:
    import ssl

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = ListServer()
    app = web.Application()
    app.router.add_get("/targets", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/targets"
        assert await watching.first({"http_sd": url}) == {}
        trusting = {"http_sd": {"url": url, "tls": {"ca_file": str(tmp_path / "ca.pem")}}}
        assert await watching.first(trusting) == {"a-1": "http://a:1"}
        assert len(server.headers) == 1
    finally:
        await runner.cleanup()
