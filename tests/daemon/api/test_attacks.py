"""Attacks on the daemon, one by one, and what each of them gets: docs/security.md has the same table."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fake_control import DONE, LIVE, FakeControl
from swelld.api.server import Server

PAGE = Path(__file__).parents[3] / "docs/security.md"
TRIED: dict[str, int] = {}
"""Attack -> the status that it gets; 0 where the connection is closed."""

Test = Callable[..., Any]


def attack(name: str, status: int) -> Callable[[Test], Test]:
    """Notes that a test tries an attack of the table."""

    def note(test: Test) -> Test:
        TRIED[name] = status
        return test

    return note


async def attempt(server: Server, method: str, path: str, **request: Any) -> tuple[int, str]:
    """The status, and what is said."""
    url = f"{server.url}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, **request) as response:
        return response.status, await response.text()


async def raw(server: Server, *parts: bytes, pause: float = 0.0) -> bytes:
    """Bytes as they are; whatever comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    found = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            found = await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


START = {"scenario": "nightly"}


@attack("no token", 401)
async def test_no_token(server: Server, control: FakeControl) -> None:
    status, said = await attempt(server, "POST", "/api/v1/runs", json=START)
    assert status == 401
    assert "this needs a token with the role operate" in said
    assert control.started == []


@attack("unknown token", 401)
async def test_unknown_token(server: Server, control: FakeControl) -> None:
    for token in ("swl_wrong", "", "ä", "x" * 5000):
        status, _ = await attempt(server, "POST", "/api/v1/runs", json=START, headers=bearer(token))
        assert status == 401
    assert control.started == []


@attack("wrong role", 403)
async def test_wrong_role(server: Server, tokens: dict[str, str], control: FakeControl) -> None:
    for role, method, path in (
        ("read", "POST", "/api/v1/runs"),
        ("read", "POST", f"/api/v1/runs/{LIVE}/cancel"),
        ("read", "PATCH", f"/api/v1/runs/{DONE}"),
        ("operate", "DELETE", f"/api/v1/runs/{DONE}"),
        ("operate", "POST", "/-/reload"),
        ("operate", "GET", "/api/v1/audit"),
    ):
        status, said = await attempt(server, method, path, json=START, headers=bearer(tokens[role]))
        assert (status, f"has the role {role}" in said) == (403, True), path
    assert (control.started, control.asked, DONE in control.known) == ([], [], True)


@attack("guessing tokens and passwords", 429)
async def test_guessing(server: Server, tokens: dict[str, str], clock: Any) -> None:
    statuses = [(await attempt(server, "GET", "/", headers=bearer(f"guess-{n}")))[0] for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert (await attempt(server, "GET", "/", headers=bearer(tokens["read"])))[0] == 200
    clock.at += 5.0
    assert (await attempt(server, "GET", "/", headers=bearer("guess")))[0] == 401


@attack("token in the URL", 400)
async def test_token_in_the_url(server: Server, tokens: dict[str, str], control: FakeControl) -> None:
    status, said = await attempt(server, "POST", f"/api/v1/runs?token={tokens['admin']}", json=START)
    assert (status, "does not belong in a URL" in said) == (400, True)
    assert tokens["admin"] not in said
    assert control.started == []


def inline(url: str, **target: Any) -> dict[str, Any]:
    return {"scenario": {"targets": {"new": {"url": url, **target}}, "load": "1/s", "requests": 1}}


@attack("a target that is not configured", 403)
async def test_target_that_is_not_configured(server: Server, tokens: dict[str, str], control: FakeControl) -> None:
    status, said = await attempt(
        server, "POST", "/api/v1/runs", json=inline("http://10.0.0.1"), headers=bearer(tokens["admin"])
    )
    assert (status, "only configured targets can be loaded" in said) == (403, True)
    assert control.started == []


@attack("aimed at a metadata address", 403)
async def test_aimed_at_a_metadata_address(
    serving: Any, tokens: dict[str, str], control: FakeControl, resolver: Any
) -> None:
    resolver.answers = {
        "169.254.169.254": [["169.254.169.254"]],
        "fd00:ec2::254": [["fd00:ec2::254"]],
        "::ffff:a9fe:a9fe": [["::ffff:a9fe:a9fe"]],
        "innocent.example.com": [["10.0.0.1", "169.254.169.254"]],
        "127.0.0.1": [["127.0.0.1"]],
    }
    async with serving(inline_targets=["0.0.0.0/0", "::/0", "*.example.com"]) as server:
        for host in resolver.answers:
            written = f"[{host}]" if ":" in host else host
            body = inline(f"http://{written}/latest/meta-data")
            status, said = await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"]))
            assert (status, "may not be aimed there" in said) == (403, True), host
    assert resolver.asked == list(resolver.answers)
    assert control.started == []


@attack("a name that changes its address", 201)
async def test_a_name_that_changes_its_address(
    serving: Any, tokens: dict[str, str], control: FakeControl, resolver: Any
) -> None:
    resolver.answers = {"rebind.example.com": [["10.0.0.1"], ["169.254.169.254"]]}
    async with serving(inline_targets=["10.0.0.0/8"]) as server:
        body = inline("http://rebind.example.com")
        assert (await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"])))[0] == 201
        (started,) = control.started
        assert not isinstance(started.scenario, str)
        assert started.scenario.addresses == {"new": ("10.0.0.1",)}  # what was checked is what is connected to
        assert started.scenario.targets["new"].metrics.url == "off"
        assert resolver.asked == ["rebind.example.com"]
        status, _ = await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"]))
        assert (status, len(control.started)) == (403, 1)


@attack("reading the daemon's files and environment", 422)
@pytest.mark.parametrize(
    ("target", "scenario"),
    [
        ({"api_key": {"file": "/etc/passwd"}}, {}),
        ({"api_key": {"env": "HOME"}}, {}),
        ({"tls": {"ca_file": "/etc/passwd"}}, {}),
        ({"tls": {"cert_file": "/etc/passwd"}}, {}),
        ({"tokenizer": "/etc/passwd"}, {}),
        ({"metrics": "http://10.0.0.1:9/secret"}, {}),
        ({"url": "unix:///var/run/docker.sock"}, {}),
        ({}, {"prompts": {"kind": "text", "file": "/etc/passwd"}}),
        ({}, {"prompts": {"kind": "jsonl", "file": "/etc/passwd"}}),
    ],
)
async def test_reading_files_and_environment(
    serving: Any,
    tokens: dict[str, str],
    control: FakeControl,
    resolver: Any,
    target: dict[str, Any],
    scenario: dict[str, Any],
) -> None:
    resolver.answers = {"llm.example.com": [["10.0.0.1"]]}
    body = inline("http://llm.example.com")
    body["scenario"]["targets"]["new"] |= target
    body["scenario"] |= scenario
    async with serving(inline_targets=["10.0.0.0/8"]) as server:
        status, said = await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"]))
    assert status == 422
    assert re.search("not for requests|only be used by configured|only `off`|may come with a request|plain ASCII", said)
    assert control.started == []


@attack("line breaks in headers", 422)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Injected: 1"),
        ("X-A\r\nX-Injected", "b"),
        ("X-A", "b\nc"),
        ("X A", "b"),
        ("Host", "169.254.169.254"),
        ("Transfer-Encoding", "chunked"),
        ("X-A", "b\x00"),
    ],
)
async def test_line_breaks_in_headers(
    serving: Any, tokens: dict[str, str], control: FakeControl, resolver: Any, name: str, value: str
) -> None:
    resolver.answers = {"llm.example.com": [["10.0.0.1"]]}
    body = inline("http://llm.example.com", headers={name: value})
    async with serving(inline_targets=["10.0.0.0/8"]) as server:
        status, _ = await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"]))
    assert (status, control.started) == (422, [])


async def test_line_breaks_in_an_answer_or_the_audit(
    server: Server, tokens: dict[str, str], control: FakeControl
) -> None:
    path = "/api/v1/runs/a%0d%0aX-Injected:%201"
    async with aiohttp.ClientSession(headers=bearer(tokens["admin"])) as session:
        async with session.delete(f"{server.url}{path}") as response:
            assert (response.status, "X-Injected" in response.headers) == (404, False)
        async with session.post(f"{server.url}/api/v1/scenarios/nope/pause") as response:
            assert response.status == 404
        async with session.get(f"{server.url}/api/v1/audit?kind=refused") as response:
            entries = (await response.json())["entries"]
    assert [entry["path"] for entry in entries] == ["/api/v1/scenarios/nope/pause"]


@attack("smuggled requests", 400)
async def test_smuggled_requests(server: Server, control: FakeControl, tokens: dict[str, str]) -> None:
    head = (
        b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + tokens["admin"].encode() + b"\r\n"
    )
    both = head + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
    assert (await raw(server, both)).partition(b"\r\n")[0].split(b" ")[1] == b"400"
    twice = head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    assert (await raw(server, twice)).partition(b"\r\n")[0].split(b" ")[1] == b"400"
    hosts = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n"
    assert (await raw(server, hosts)).partition(b"\r\n")[0].split(b" ")[1] == b"400"
    assert control.started == []


@attack("path tricks", 404)
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs/..%2f..%2fetc%2fpasswd",
        "/api/v1/runs/%2e%2e",
        "/api/v1/runs/../../../etc/passwd",
        "//api/v1/runs",
        "/api/v1//runs",
        "/api/v1/runs/",
        "/API/V1/RUNS",
        "/api/v1/runs;x=1",
        "/api/v1/runs%00",
        "/api/v1/runs/a%00b",
        "/api/v1/runs/%ff",
        "/api/v1/scenarios/-x",
    ],
)
async def test_path_tricks(server: Server, path: str) -> None:
    found = await raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in found


@attack("a page of another site starts load", 403)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Origin": "https://evil.example.com", "X-Swelld-Request": "1"},
        {"Origin": "null", "X-Swelld-Request": "1"},
        {"Sec-Fetch-Site": "cross-site", "X-Swelld-Request": "1"},
    ],
)
async def test_a_page_of_another_site(serving: Any, control: FakeControl, headers: dict[str, str]) -> None:
    async with serving(allow_unauthenticated_control=True) as server:
        data = b'{"scenario": "nightly"}'
        status, _ = await attempt(server, "POST", "/api/v1/runs", data=data, headers=headers)
        assert (status, control.started) == (403, [])
        own = {"X-Swelld-Request": "1", "Content-Type": "application/json", "Origin": server.url}
        assert (await attempt(server, "POST", "/api/v1/runs", data=data, headers=own))[0] == 201


@attack("a page of another site watches", 403)
async def test_a_page_of_another_site_watches(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(
                f"{server.url}/api/v1/runs/{LIVE}/live", headers={"Origin": "https://evil.example.com"}
            )
    assert refused.value.status == 403
    headers = {"Origin": "https://evil.example.com"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/api/v1/runs", headers=headers) as response,
    ):
        assert "Access-Control-Allow-Origin" not in response.headers


@attack("a page's own name that points here", 421)
async def test_a_rebound_name(server: Server) -> None:
    for host in ("evil.example.com", f"evil.example.com:{server.port}", "localhost.evil.com"):
        status, said = await attempt(server, "GET", "/api/v1/runs", headers={"Host": host})
        assert (status, "add it to web.hosts" in said) == (421, True)
    for host in ("localhost:9464", "127.0.0.1", "[::1]:1", "swelld.localhost"):
        assert (await attempt(server, "GET", "/api/v1/runs", headers={"Host": host}))[0] == 200


@attack("an oversized body", 413)
async def test_an_oversized_body(serving: Any, tokens: dict[str, str], control: FakeControl) -> None:
    async with serving(max_body="1KiB") as server:
        body = {"scenario": "nightly", "note": "x" * 1500}
        status, said = await attempt(server, "POST", "/api/v1/runs", json=body, headers=bearer(tokens["admin"]))
    assert (status, "raise web.max_body" in said) == (413, True)
    assert control.started == []


@attack("a body that unpacks to gigabytes", 413)
async def test_a_bomb(server: Server, tokens: dict[str, str], control: FakeControl) -> None:
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(b'{"scenario": "' + b"a" * 64 * 2**20) + packer.flush()
    headers = {**bearer(tokens["admin"]), "Content-Encoding": "gzip", "Content-Type": "application/json"}
    status, _ = await attempt(server, "POST", "/api/v1/runs", data=bomb, headers=headers)
    assert (status, control.started) == (413, [])


@attack("a slow body", 408)
async def test_a_slow_body(serving: Any, tokens: dict[str, str], control: FakeControl) -> None:
    async with serving(body_seconds=0.2) as server:
        head = (
            f"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tokens['admin']}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        found = await raw(server, head.encode())
    assert found.startswith(b"HTTP/1.1 408 ")
    assert control.started == []


@attack("a slow head, or none", 0)
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_a_slow_head(serving: Any, said: bytes) -> None:
    async with serving(header_seconds=0.2) as server:
        assert await raw(server, said) == b""
        assert (await attempt(server, "GET", "/-/healthy"))[0] == 200


@attack("too many event streams", 429)
async def test_too_many_event_streams(serving: Any, tokens: dict[str, str]) -> None:
    async with serving(max_streams=8) as server, aiohttp.ClientSession() as session:
        url = f"{server.url}/api/v1/runs/{LIVE}/events"
        streams = [await session.get(url) for _ in range(3)]
        assert [stream.status for stream in streams] == [200, 200, 429]
        others = [await session.get(url, headers=bearer(token)) for token in tokens.values() for _ in range(2)]
        assert [stream.status for stream in others] == [200] * 6
        for stream in (*streams, *others):
            stream.close()


@attack("too many changes", 429)
async def test_too_many_changes(serving: Any, tokens: dict[str, str], control: FakeControl, clock: Any) -> None:
    async with serving(control_rate=1) as server:
        statuses = [
            (await attempt(server, "POST", "/api/v1/runs", json=START, headers=bearer(tokens["operate"])))[0]
            for _ in range(6)
        ]
        assert statuses == [201] * 4 + [429] * 2
        assert (await attempt(server, "POST", "/-/reload", headers=bearer(tokens["admin"])))[0] == 204
        clock.at += 1.5
        assert (await attempt(server, "POST", "/api/v1/runs", json=START, headers=bearer(tokens["operate"])))[0] == 201
    assert len(control.started) == 5


@attack("a replayed idempotency key", 422)
async def test_a_replayed_idempotency_key(server: Server, tokens: dict[str, str], control: FakeControl) -> None:
    mine = {**bearer(tokens["operate"]), "Idempotency-Key": "k"}
    assert (await attempt(server, "POST", "/api/v1/runs", json=START, headers=mine))[0] == 201
    other = {"scenario": "nightly", "note": "another"}
    status, said = await attempt(server, "POST", "/api/v1/runs", json=other, headers=mine)
    assert (status, "belongs to another request" in said) == (422, True)
    assert len(control.started) == 1
    theirs = {**bearer(tokens["admin"]), "Idempotency-Key": "k"}
    assert (await attempt(server, "POST", "/api/v1/runs", json=START, headers=theirs))[0] == 201
    assert [one.by for one in control.started] == ["operate", "admin"]


def test_the_table_of_the_page_is_what_was_tried() -> None:
    table = PAGE.read_text().partition("## Attacks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", table, re.MULTILINE)
    found = {name: int(status) if status.isdigit() else 0 for name, status in rows if name not in ("attack", "---")}
    assert found == TRIED
