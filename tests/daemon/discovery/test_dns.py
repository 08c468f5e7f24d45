"""Targets from a real DNS server on loopback."""

from typing import Any

import pytest

from dns_server import address, dns_server, srv
from watching import Watching


def entry(server: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"dns_sd": {"names": names, "server": server, **more}}


async def test_srv_records_say_host_and_port(watching: Watching) -> None:
    async with dns_server(**{"_llm.a.test": [srv("one.a.test.", 8000), srv("two.a.test.", 8001)]}) as (server, at):
        found = await watching.first(entry(at, "_llm.a.test"))
        assert found == {"one.a.test-8000": "http://one.a.test:8000", "two.a.test-8001": "http://two.a.test:8001"}
        server.records["_llm.a.test"] = [srv("two.a.test.", 8001)]
        assert await watching.next() == {"two.a.test-8001": "http://two.a.test:8001"}
        assert 'swelld_discovered_targets{kind="dns"} 1' in watching.lines()
        assert set(server.asked) == {"_llm.a.test"}


async def test_what_is_known_of_a_record_can_be_used(watching: Watching) -> None:
    template = {"url": "https://{__address__}/{__meta_dns_name}", "model": "{__meta_dns_srv_record_target}"}
    async with dns_server(**{"s.test": [srv("one.test.", 8000)]}) as (_, at):
        found = await watching.first({**entry(at, "s.test"), "target": template})
        assert found == {"one.test-8000": "https://one.test:8000/s.test"}


@pytest.mark.parametrize(("kind", "text", "found"), [
    ("A", "10.1.2.3", {"10.1.2.3-8000": "http://10.1.2.3:8000"}),
    ("AAAA", "fd00::7", {"fd00-7-8000": "http://[fd00::7]:8000"}),
])  # fmt: skip
async def test_addresses_get_the_port(watching: Watching, kind: str, text: str, found: dict[str, str]) -> None:
    records = {"a.test": [address("10.1.2.3"), address("fd00::7")]}
    async with dns_server(**records) as (_, at):
        assert await watching.first(entry(at, "a.test", type=kind, port=8000)) == found


async def test_a_name_that_is_gone_has_no_targets(watching: Watching) -> None:
    async with dns_server(**{"a.test": [address("10.0.0.1")], "b.test": [address("10.0.0.2")]}) as (server, at):
        assert len(await watching.first(entry(at, "a.test", "b.test", type="A", port=1))) == 2
        del server.records["a.test"]
        assert await watching.next() == {"10.0.0.2-1": "http://10.0.0.2:1"}
        server.records["b.test"] = [address("fd00::1")]
        assert await watching.next() == {}, "there is a name, but no such record"
        assert watching.value('swelld_discovery_refresh_failures_total{kind="dns"}') == 0


async def test_a_server_in_trouble_changes_nothing(watching: Watching, caplog: pytest.LogCaptureFixture) -> None:
    async with dns_server(**{"a.test": [address("10.0.0.1")]}) as (server, at):
        await watching.first(entry(at, "a.test", type="A", port=1))
        server.failing = True
        await watching.until('swelld_discovery_refresh_failures_total{kind="dns"} 2')
        server.records["a.test"] = [address("10.0.0.2")]
        server.failing = False
        assert await watching.next() == {"10.0.0.2-1": "http://10.0.0.2:1"}, "nothing was told in between"
    assert "a.test cannot be looked up" in caplog.text
    assert "SERVFAIL" in caplog.text
