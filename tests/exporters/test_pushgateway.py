"""Pushes to the real Pushgateway, and to gateways that are wrong, down, slow or rude."""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import trustme

from listening_server import DEADLINE
from prometheus_server import prometheus
from pushgateway_server import PASSWORD, USER, pushgateway
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.pushgateway import Gateway, Pusher

TTFT = "swelld_time_to_first_token_seconds"
LABELS = ("nightly", "chat", "tiny", "rate=10")


def figures(requests: int = 42) -> Registry:
    registry = Registry()
    registry.counter(names.REQUESTS).labels(*LABELS, "ok").inc(requests)
    registry.histogram(names.TTFT).labels(*LABELS).update(np.array([0.1, 0.3]))
    return registry


async def page(url: str, **options: Any) -> dict[str, float]:
    """Every series of the gateway with a `job` label."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics", **options) as response:
        lines = (await response.text()).splitlines()
    found = (line.rpartition(" ") for line in lines if 'job="' in line and not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


def counts(registry: Registry) -> tuple[float, float]:
    """Pushes tried, and those that failed."""
    return registry.counter(names.PUSHES).labels().value, registry.counter(names.PUSH_FAILURES).labels().value


def succeeded(registry: Registry) -> float | None:
    series = registry.gauge(names.PUSH_LAST_SUCCESS).series.get(())
    return series.value.value if series else None


@asynccontextmanager
async def gateway_that(
    answers: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server of our own; whatever it does ends with the test."""
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_push_replaces_its_group_and_no_other(tmp_path: Path) -> None:
    registry = figures()
    async with pushgateway(tmp_path) as url:
        other = Pusher(Gateway(url=url, job="other"), figures(7))
        pusher = Pusher(Gateway(url=url, job="swelld", grouping={"instance": "ci"}), registry, lambda: 1234.5)
        assert await other.push()
        assert await pusher.push()
        labels = 'instance="ci",job="swelld",model="tiny",outcome="ok",scenario="nightly",stage="rate=10",target="chat"'
        requests = f"swelld_requests_total{{{labels}}}"
        found = await page(url)
        assert found[requests] == 42
        assert found['swelld_pushes_total{instance="ci",job="swelld"}'] == 1
        assert found['swelld_push_failures_total{instance="ci",job="swelld"}'] == 0
        assert 'swelld_push_last_success_timestamp_seconds{instance="ci",job="swelld"}' not in found
        assert not [name for name in found if name.startswith(("process_", "python_")) and "swelld" in name]
        registry.remove(stage="rate=10")
        assert await pusher.push()
        found = await page(url)
        assert requests not in found
        assert found['swelld_push_last_success_timestamp_seconds{instance="ci",job="swelld"}'] == 1234.5
        assert found[requests.replace('instance="ci",job="swelld"', 'instance="",job="other"')] == 7
    assert counts(registry) == (2, 0)


async def test_what_a_path_cannot_hold_arrives_all_the_same(tmp_path: Path) -> None:
    odd = {"branch": "feature/a b", "empty": "", "sign": "50% ü?#&"}
    async with pushgateway(tmp_path) as url:
        assert await Pusher(Gateway(url=url, job="a/b c", grouping=odd), figures()).push()
        (name,) = (name for name in await page(url) if name.startswith("swelld_requests_total"))
    labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
    assert labels["job"] == "a/b c"
    assert (labels["branch"], labels["sign"]) == (odd["branch"], odd["sign"])
    assert labels.get("empty", "") == ""


async def test_a_deleted_group_is_gone(tmp_path: Path) -> None:
    async with pushgateway(tmp_path) as url:
        pusher, other = (Pusher(Gateway(url=url, job=job), figures()) for job in ("swelld", "other"))
        assert await pusher.push()
        assert await other.push()
        assert await pusher.delete()
        assert {job for name in await page(url) for job in re.findall(r'job="(\w+)"', name)} == {"other"}


async def test_user_and_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with pushgateway(tmp_path, guarded=True) as url:
        right, wrong, none = figures(), figures(), figures()
        assert await Pusher(Gateway(url=url, job="right", username=USER, password=PASSWORD), right).push()
        assert not await Pusher(Gateway(url=url, job="wrong", username=USER, password="hunter2"), wrong).push()
        assert not await Pusher(Gateway(url=url, job="none"), none).push()
        found = await page(url, headers={"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)})
    assert {job for name in found for job in re.findall(r'job="(\w+)"', name)} == {"right"}
    assert (counts(right), counts(wrong), counts(none)) == ((1, 0), (1, 1), (1, 1))
    assert (succeeded(wrong), succeeded(none)) == (None, None)
    assert caplog.messages == [f"a push to the Pushgateway {url} failed: 401 Unauthorized: Unauthorized"] * 2
    assert "hunter2" not in repr(Gateway(url=url, job="wrong", username=USER, password="hunter2"))


async def test_tls_is_verified(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = trustme.CA()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = authority.issue_cert("gateway.test")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with pushgateway(tmp_path, tls=(certificate, key)) as url:
        named = Gateway(url=url, job="swelld", tls=trusting, server_name="gateway.test")
        assert await Pusher(named, figures()).push()
        assert not await Pusher(Gateway(url=url, job="swelld", tls=trusting), figures()).push()  # another name
        assert not await Pusher(Gateway(url=url, job="swelld", server_name="gateway.test"), figures()).push()
    said = [record.getMessage() for record in caplog.records if record.name == "swelld_exporters.pushgateway"]
    assert ["CERTIFICATE_VERIFY_FAILED" in message for message in said] == [True, True]


async def test_what_the_gateway_finds_wrong_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A label of the group goes over one of ours: two targets become one series."""
    registry = figures()
    registry.counter(names.REQUESTS).labels("nightly", "other", "tiny", "rate=10", "ok").inc()
    async with pushgateway(tmp_path) as url:
        assert not await Pusher(Gateway(url=url, job="swelld", grouping={"target": "chat"}), registry).push()
    assert counts(registry) == (1, 1)
    (message,) = caplog.messages
    assert message.startswith(f"a push to the Pushgateway {url} failed: 400 Bad Request: ")
    assert "was collected before with the same name and label values" in message


async def test_a_gateway_that_is_down_is_said_once_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with gateway_that(lambda reader, writer: asyncio.sleep(0)) as url:
        pass
    registry = figures()
    pusher = Pusher(Gateway(url=url, job="swelld"), registry, lambda: 99.0)
    assert not await pusher.push()
    assert not await pusher.push()
    assert counts(registry) == (2, 2)
    (message,) = caplog.messages
    assert message.startswith(f"a push to the Pushgateway {url} failed: Cannot connect to host 127.0.0.1")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    host, _, port = url.removeprefix("http://").partition(":")
    server = await asyncio.start_server(accept, host, int(port))
    assert await pusher.push()
    server.close()
    assert (counts(registry), succeeded(registry)) == ((3, 2), 99.0)
    assert caplog.messages[1:] == [f"the Pushgateway {url} takes pushes again"]


async def test_a_slow_gateway_costs_its_time_out_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    over = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    registry = figures()
    async with gateway_that(say_nothing) as url:
        pusher = Pusher(Gateway(url=url, job="swelld", timeout=0.4), registry)
        began = time.monotonic()
        pushing = asyncio.create_task(pusher.push())
        turns = 0
        while not pushing.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert 0.35 < time.monotonic() - began < 10
        assert turns >= 5  # the loop went on
        over.set()
    assert (pushing.result(), counts(registry)) == (False, (1, 1))
    assert caplog.messages == [f"a push to the Pushgateway {url} failed: no answer within 0.4 s"]


async def test_the_last_push_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bytes] = []

    async def accept_the_third(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n"))
        status = b"200 OK" if len(seen) == 3 else b"503 Service Unavailable"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    registry = figures()
    async with gateway_that(accept_the_third) as url:
        assert await Pusher(Gateway(url=url, job="swelld"), registry).push_at_last()
        assert counts(registry) == (3, 2)
        assert seen == [b"PUT /metrics/job/swelld HTTP/1.1\r\n"] * 3
        seen.extend([b""] * 4)  # from here on it accepts none
        assert not await Pusher(Gateway(url=url, job="swelld"), registry).push_at_last()
    assert counts(registry) == (6, 5)
    assert caplog.messages[-1] == f"the Pushgateway {url} has not got the last figures; nothing else suffers from it"


async def test_a_redirect_is_not_followed_with_the_password() -> None:
    asked: list[bytes] = []

    async def send_elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with gateway_that(send_elsewhere) as url:
        assert not await Pusher(Gateway(url=url, job="swelld", username="u", password="p"), figures()).push()
    assert asked == [b"PUT /metrics/job/swelld HTTP/1.1\r\n"]


async def test_a_real_prometheus_scrapes_what_was_pushed(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE), pushgateway(tmp_path) as url:
        pusher = Pusher(Gateway(url=url, job="nightly", grouping={"instance": "ci"}), figures())
        assert await pusher.push()
        async with prometheus(tmp_path / "prometheus", {"pushgateway": f"{url}/metrics"}) as server:
            await server.until("swelld_requests_total")
            one = '{job="nightly",instance="ci",scenario="nightly",target="chat",outcome="ok"}'
            assert await server.query(f"swelld_requests_total{one}") == {"rate=10": 42.0}
            # two values, and the bound of the lower one's bucket
            assert await server.query(f"histogram_quantile(0.5, {TTFT}_bucket)") == {"rate=10": pytest.approx(0.1)}
            age = await server.query("time() - push_time_seconds", by="job")
            assert 0 <= age["nightly"] < DEADLINE
            assert await server.problems() == []
