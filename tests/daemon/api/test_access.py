"""Who gets in: tokens, passwords, certificates, web pages; and what is written down of it."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest
import trustme
from structlog.testing import capture_logs

from fake_control import LIVE, FakeControl, FakeExposition
from swelld.api.secrets import hash_token, new_token
from swelld.api.server import Server, serve
from swelld.app.token import show
from swelld.settings import effective, load_settings, redacted
from swelld.settings.web import Web

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def status(server: Server, path: str = "/metrics", method: str = "GET", **request: Any) -> int:
    url = f"{server.url}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, **request) as response:
        await response.read()
        return response.status


async def test_reading_is_open_on_loopback_and_can_be_closed(serving: Any, tokens: dict[str, str]) -> None:
    async with serving() as server:
        assert await status(server) == 200
    async with serving(open_reading=False) as server:
        assert [await status(server, path) for path in ("/metrics", "/", "/api/v1/runs", "/nowhere")] == [401] * 4
        assert [await status(server, path) for path in ("/-/healthy", "/-/ready")] == [200, 200]
        assert await status(server, headers={"Authorization": f"Bearer {tokens['read']}"}) == 200


async def test_users_come_with_passwords(serving: Any) -> None:
    async with serving(open_reading=False, basic_auth_users={"prometheus": HASH}) as server:
        for _ in range(2):  # the second time from memory
            assert await status(server, headers=basic("prometheus", "open sesame")) == 200
        assert await status(server, headers=basic("prometheus", "wrong")) == 401
        assert await status(server, headers=basic("nobody", "open sesame")) == 401
        assert await status(server, headers={"Authorization": "Basic !!!"}) == 401
        assert await status(server, headers={"Authorization": "Digest x"}) == 401


async def test_a_password_alone_starts_nothing(serving: Any, control: FakeControl) -> None:
    """A browser sends it by itself, whichever page asks."""
    async with serving(basic_auth_users={"ops": HASH}, basic_auth_role="operate") as server:
        request = {"json": {"scenario": "nightly"}}
        for extra, expected in (({}, 403), ({"X-Swelld-Request": "1"}, 201), ({"X-Grafana-Action": "1"}, 201)):
            headers = basic("ops", "open sesame") | extra
            assert await status(server, "/api/v1/runs", "POST", headers=headers, **request) == expected
    assert [one.by for one in control.started] == ["ops", "ops"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tokens": [{"name": "a", "role": "read", "hash": "sha256:12"}]}, "web.tokens.0.hash: is no hash of a token"),
        (
            {"tokens": [{"name": "a", "role": "read", "token": "short"}]},
            "web.tokens.0.token: is shorter than 20 charac",
        ),
        (
            {"tokens": [{"name": "a", "role": "read", "token": {"env": "SWELLD_NOT_THERE"}}]},
            "web.tokens.0.token: the environment variable SWELLD_NOT_THERE is not set",
        ),
        ({"basic_auth_users": {"a": "plain"}}, "web.basic_auth_users.a: is no bcrypt hash"),
        ({"basic_auth_users": {"a": HASH.replace("$04$", "$31$")}}, "web.basic_auth_users.a: has a cost that takes"),
        (
            {"tls": {"cert": "/nowhere.pem", "key": "/nowhere.pem"}},
            "web.tls.cert: cannot use /nowhere.pem (No such file",
        ),
        ({"config_file": "/nowhere.yml"}, "/nowhere.yml: cannot be read: No such file"),
        ({"listen": ":0"}, "web: listens beyond this machine, but nobody may read, not even Prometheus"),
    ],
)
async def test_what_cannot_be_used_is_named_at_the_start(
    control: FakeControl, exposition: FakeExposition, settings: dict[str, Any], said: str
) -> None:
    web = Web.model_validate({"listen": "127.0.0.1:0", **settings})
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        await serve(control, exposition, web)
    assert str(refused.value).startswith(said)


def test_a_new_token_and_its_hash_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show("grafana", "operate")
    out = capsys.readouterr().out
    token = out.splitlines()[0].rpartition(" ")[2]
    file = tmp_path / "swelld.yaml"
    file.write_text("targets: {a: {url: 'http://a'}}\n" + out.partition("\n\n")[2])
    (found,) = load_settings(file, {}).web.tokens
    assert found.hash is not None
    assert (found.name, found.role, found.hash.reveal()) == ("grafana", "operate", hash_token(token))
    assert new_token() != new_token()


def test_secrets_are_not_printed_back(tmp_path: Path) -> None:
    token = new_token()
    file = tmp_path / "swelld.yaml"
    tokens = [{"name": "a", "role": "read", "token": token}, {"name": "b", "role": "read", "hash": hash_token(token)}]
    web = {"tokens": tokens, "basic_auth_users": {"u": HASH}}
    file.write_text(json.dumps({"targets": {"a": {"url": "http://a"}}, "web": web}))
    settings = load_settings(file, {})
    for text in (effective(settings), repr(settings), json.dumps(redacted(settings))):
        assert not any(secret in text for secret in (token, hash_token(token), HASH))


# --- web pages


async def test_an_allowed_page_may_start_runs(serving: Any, tokens: dict[str, str], control: FakeControl) -> None:
    origin = "https://grafana.example.com"
    async with serving(cors_origins=[origin]) as server, aiohttp.ClientSession(server.url) as session:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-grafana-action",
        }
        async with session.options("/api/v1/runs", headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == origin
            assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
            allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
            assert {"Authorization", "Content-Type", "X-Grafana-Action", "Idempotency-Key"} <= set(allowed)
            assert response.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in response.headers
        headers = {"Origin": origin, "Authorization": f"Bearer {tokens['operate']}", "X-Grafana-Action": "1"}
        async with session.post("/api/v1/runs", json={"scenario": "nightly"}, headers=headers) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (201, origin)
        async with session.options("/api/v1/runs", headers={**asked, "Origin": "https://evil.com"}) as response:
            assert (response.status, response.headers.get("Access-Control-Allow-Origin")) == (403, None)
        async with session.options("/nowhere", headers=asked) as response:
            assert response.status == 404
    assert len(control.started) == 1


async def test_a_page_can_watch_with_its_token_among_the_protocols(serving: Any, tokens: dict[str, str]) -> None:
    async with serving(open_reading=False) as server, aiohttp.ClientSession(server.url) as session:
        path = f"/api/v1/runs/{LIVE}/live"
        async with session.ws_connect(path, protocols=["swelld.v1", f"bearer.{tokens['read']}"]) as socket:
            assert socket.protocol == "swelld.v1"
            assert (await socket.receive_json())["event"] == "progress"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(path, protocols=["swelld.v1"])
        assert refused.value.status == 401


# --- the audit


async def test_the_audit_says_who_did_what(serving: Any, tokens: dict[str, str]) -> None:
    async with serving() as server:
        headers = {"Authorization": f"Bearer {tokens['operate']}"}
        with capture_logs() as logs:
            await status(server, "/api/v1/runs", "POST", headers=headers, json={"scenario": "nightly"})
            await status(server, "/-/reload", "POST", headers=headers)
        admin = {"Authorization": f"Bearer {tokens['admin']}"}
        async with aiohttp.ClientSession(server.url, headers=admin) as session:
            async with session.get("/api/v1/audit") as response:
                (acted,) = (await response.json())["entries"]
            async with session.get("/api/v1/audit?kind=refused") as response:
                (refused,) = (await response.json())["entries"]
    assert (acted["who"], acted["role"], acted["address"]) == ("operate", "operate", "127.0.0.1")
    assert (acted["method"], acted["path"], acted["status"]) == ("POST", "/api/v1/runs", 201)
    assert acted["detail"].startswith("/api/v1/runs/2026")
    assert (refused["path"], refused["status"]) == ("/-/reload", 403)
    assert refused["detail"] == "operate has the role operate; this needs admin"
    assert [(entry["event"], entry["log_level"], entry["who"]) for entry in logs] == [
        ("acted", "info", "operate"),
        ("refused", "warning", "operate"),
    ]
    assert not any(token in str(logs) for token in tokens.values())


async def test_what_failed_is_in_the_audit(serving: Any, tokens: dict[str, str], control: FakeControl) -> None:
    control.live["broken"] = control.live[LIVE]
    control.known["broken"] = control.known[LIVE]

    async def fail(run_id: str, *, force: bool) -> Any:
        raise RuntimeError("secret inside")

    control.cancel = fail  # type: ignore[method-assign]
    async with serving(max_body="1KiB") as server:
        headers = {"Authorization": f"Bearer {tokens['admin']}"}
        assert await status(server, "/api/v1/runs", "POST", headers=headers, data=b"x" * 2000) == 413
        assert await status(server, "/api/v1/runs/broken/cancel", "POST", headers=headers) == 500
        async with (
            aiohttp.ClientSession(server.url, headers=headers) as session,
            session.get("/api/v1/audit?kind=refused") as response,
        ):
            entries = (await response.json())["entries"]
    assert [(entry["status"], entry["path"]) for entry in entries] == [
        (500, "/api/v1/runs/broken/cancel"),
        (413, "/api/v1/runs"),
    ]
    assert "secret inside" not in str(entries)


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    server = authority.issue_cert("127.0.0.1", "localhost")
    paths = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    server.cert_chain_pems[0].write_to_path(paths["cert"])
    server.private_key_pem.write_to_path(paths["key"])
    authority.cert_pem.write_to_path(paths["ca"])
    return paths


def client(authority: trustme.CA, name: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(name).configure_cert(context)
    return context


async def test_https(serving: Any, authority: trustme.CA, files: dict[str, Path]) -> None:
    async with serving(tls={"cert": files["cert"], "key": files["key"], "min_version": 1.3}) as server:
        assert server.url.startswith("https://")
        assert await status(server, ssl=client(authority)) == 200
        old = client(authority)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(aiohttp.ClientConnectionError):
            await status(server, ssl=old)


async def test_a_new_certificate_is_taken_over(serving: Any, files: dict[str, Path]) -> None:
    other = trustme.CA()
    async with serving(tls={"cert": files["cert"], "key": files["key"]}) as server:
        renewed = other.issue_cert("127.0.0.1")
        files["cert"].write_text("broken")
        with pytest.raises(ValueError, match=r"web\.tls\.cert: cannot use .*cert\.pem"):
            server.refresh()
        renewed.cert_chain_pems[0].write_to_path(files["cert"])
        renewed.private_key_pem.write_to_path(files["key"])
        with pytest.raises(aiohttp.ClientConnectionError):
            await status(server, ssl=client(other))
        server.refresh()
        assert await status(server, ssl=client(other)) == 200


async def test_client_certificates(
    serving: Any, authority: trustme.CA, files: dict[str, Path], control: FakeControl
) -> None:
    tls = {
        "cert": files["cert"],
        "key": files["key"],
        "client_ca": files["ca"],
        "client_names": ["ops.example.com"],
        "client_role": "operate",
    }
    async with serving(tls=tls, open_reading=False) as server:
        with pytest.raises(aiohttp.ClientError):
            await status(server, ssl=client(authority))
        with pytest.raises(aiohttp.ClientError):
            await status(server, ssl=_stranger(authority))
        assert await status(server, ssl=client(authority, "other.example.com")) == 403
        ops = client(authority, "ops.example.com")
        assert await status(server, ssl=ops) == 200
        request = {"json": {"scenario": "nightly"}, "headers": {"X-Swelld-Request": "1"}}
        assert await status(server, "/api/v1/runs", "POST", ssl=ops, **request) == 201
    assert [one.by for one in control.started] == ["ops.example.com"]


def _stranger(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the server, but comes with a certificate of somebody else."""
    context = client(authority)
    trustme.CA().issue_cert("ops.example.com").configure_cert(context)
    return context
