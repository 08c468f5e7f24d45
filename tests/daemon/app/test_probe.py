"""Probes of servers that answer well, badly, late and never."""

import asyncio
import math
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from raw_server import DONE, HEAD, RawServer, Script, event, read_request
from swelld.api.control import Failed, NotFound, Refused, Unavailable
from swelld.app.probe import Prober, fitted, time_for
from swelld.engine.target import Target, Timeouts
from swelld.settings import Settings
from swelld.settings.probe import Module
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.text import render

REFUSED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nbusy"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7}}\n\n'
DEADLINE = 20.0


def script(*pieces: bytes | float, then: Sequence[bytes] = ()) -> Script:
    """The first request of a connection gets these pieces, where a number is a pause; others get `then`."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer: Sequence[bytes | float] = pieces
        while True:
            await read_request(reader)
            for piece in answer:
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    writer.write(piece)
            answer = then or pieces

    return play


GOOD = script(HEAD, event("yes"), 0.02, event(" indeed"), DONE)


class Resolver:
    """Knows what it is told, and counts."""

    def __init__(self, **known: Sequence[str]) -> None:
        self.known = known
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.known:
            raise OSError("no such name")
        return self.known[host]


class Bench:
    """A prober with a target `a`, and what it says."""

    def __init__(self, url: str, resolver: Resolver | None = None, **data: Any) -> None:
        target = {"url": url, "model": "tiny", **data.pop("target", {})}
        self.settings = Settings.model_validate({"targets": {"a": target}, **data})
        self.registry = Registry()
        self.resolver = resolver or Resolver()
        self.prober = Prober(lambda: self.settings, self.registry, self.resolver)

    async def text(self, target: str = "a", module: str | None = None, timeout: float | None = None) -> str:
        """The page."""
        async with asyncio.timeout(DEADLINE):
            page = await self.prober.probe(target, module, timeout, debug=False)
        assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
        return page.body.decode()

    async def probe(
        self, target: str = "a", module: str | None = None, timeout: float | None = None
    ) -> dict[str, float]:
        """The metrics of a probe, without their prefix; of the reasons those that hold."""
        found = {}
        for line in (await self.text(target, module, timeout)).splitlines():
            if not line.startswith("#"):
                name, _, value = line.removeprefix("swelld_probe_").rpartition(" ")
                found[name] = float(value)
        return {name: value for name, value in found.items() if not name.startswith("failure{") or value}

    async def refused(self, target: str, module: str | None = None) -> Failed:
        """Why nothing is probed."""
        with pytest.raises(Failed) as caught:
            await self.prober.probe(target, module, None, debug=False)
        return caught.value

    def counted(self) -> list[str]:
        """On /metrics."""
        return [line for line in render(self.registry).decode().splitlines() if line[0] != "#" and line[-2:] != " 0"]


async def test_a_good_answer() -> None:
    async with RawServer(script(HEAD, 0.05, event("yes"), 0.05, event(" indeed"), 0.05, USAGE_AND_END)) as server:
        bench = Bench(server.url)
        found = await bench.probe()
    assert 0.05 <= found["ttft_seconds"] <= found["e2e_seconds"] - 0.045
    assert found["ttfb_seconds"] == found["ttft_seconds"]
    assert found["tpot_seconds"] == pytest.approx((found["e2e_seconds"] - found["ttft_seconds"]) / 6, rel=1e-6)
    assert found["e2e_seconds"] < found["duration_seconds"] < DEADLINE
    assert 0 < found["connect_seconds"] < found["duration_seconds"]
    assert 0 < found["dns_lookup_seconds"] < found["duration_seconds"]
    measured = {name for name in found if name.endswith("_seconds")}
    assert {name: value for name, value in found.items() if name not in measured} == {
        "success": 1,
        "exchanges": 1,
        "http_status_code": 200,
        "input_tokens": 9,
        "output_tokens": 7,
    }
    assert found["timeout_seconds"] == 10
    assert b'"max_tokens":16' in server.requests[0]
    assert b"Say yes." in server.requests[0]
    assert b'"model":"tiny"' in server.requests[0]
    assert bench.counted() == ['swelld_probes_total{module="chat",result="success"} 1']


USAGE_AND_END = b"%x\r\n%s\r\n" % (len(USAGE), USAGE) + DONE


async def test_an_answer_that_is_not_streamed() -> None:
    body = b'{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}'
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with RawServer(script(answer)) as server:
        found = await Bench(server.url, probe={"modules": {"once": {"stream": False}}}).probe()
    assert (found["success"], found["output_tokens"]) == (1, 1)
    assert found["e2e_seconds"] >= found["ttfb_seconds"] > 0
    assert not {"ttft_seconds", "tpot_seconds", "input_tokens"} & found.keys()


@pytest.mark.parametrize(("answer", "reason", "status"), [
    ((REFUSED,), "http_429", 429),
    ((b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",), "http_5xx", 500),
    ((b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",), "http_4xx", 404),
    ((b"SMTP ready\r\n",), "protocol", None),
    ((HEAD, event("yes"), b"0\r\n\r\n"), "truncated", 200),
])  # fmt: skip
async def test_a_bad_answer(answer: tuple[bytes, ...], reason: str, status: int | None) -> None:
    async with RawServer(script(*answer)) as server:
        bench = Bench(server.url)
        found = await bench.probe()
    assert (found["success"], found[f'failure{{reason="{reason}"}}'], found["exchanges"]) == (0, 1, 1)
    assert sum(name.startswith("failure") for name in found) == 1
    assert found.get("http_status_code") == status
    assert not {"ttft_seconds", "e2e_seconds", "output_tokens"} & found.keys(), "figures are of good answers"
    assert bench.counted() == ['swelld_probes_total{module="chat",result="failure"} 1']


async def test_nobody_there() -> None:
    async with RawServer(GOOD) as server:
        url = server.url
    found = await Bench(url).probe()
    assert (found["success"], found['failure{reason="connect"}']) == (0, 1)
    assert not {"connect_seconds", "http_status_code"} & found.keys()


async def test_a_name_without_an_address() -> None:
    found = await Bench("http://no-such-host.invalid:1").probe()
    assert (found["success"], found['failure{reason="dns"}']) == (0, 1)


@pytest.mark.parametrize(("pieces", "reason"), [
    ((), "ttft_timeout"),
    ((HEAD,), "ttft_timeout"),
    ((HEAD, event("yes")), "read_timeout"),
])  # fmt: skip
async def test_a_wedged_server_is_told_by_the_scrapes_own_time(pieces: tuple[bytes, ...], reason: str) -> None:
    async with RawServer(script(*pieces, math.inf)) as server:
        found = await Bench(server.url).probe(timeout=1.0)
    assert found["timeout_seconds"] == 0.5
    assert (found["success"], found[f'failure{{reason="{reason}"}}']) == (0, 1)
    assert 0.45 <= found["duration_seconds"] < DEADLINE


async def test_deadlines_of_the_target_hold_too() -> None:
    async with RawServer(script(HEAD, math.inf)) as server:
        found = await Bench(server.url, target={"timeouts": {"first_token": "0.1s"}}).probe(timeout=60.0)
    assert found['failure{reason="ttft_timeout"}'] == 1
    assert found["timeout_seconds"] == 10


async def test_several_exchanges_use_one_connection_and_give_their_median() -> None:
    async with RawServer(GOOD) as server:
        found = await Bench(server.url, probe={"modules": {"five": {"exchanges": 5}}}).probe()
    assert (found["success"], found["exchanges"], found["output_tokens"]) == (1, 5, 2)
    assert (server.connections, len(server.requests)) == (1, 5)
    assert 0.02 <= found["e2e_seconds"] < found["duration_seconds"] / 2


async def test_the_first_that_fails_is_the_last() -> None:
    async with RawServer(script(HEAD, event("yes"), DONE, then=[REFUSED])) as server:
        found = await Bench(server.url, probe={"modules": {"five": {"exchanges": 5}}}).probe()
    assert (found["success"], found["exchanges"], found["http_status_code"]) == (0, 2, 429)
    assert found['failure{reason="http_429"}'] == 1
    assert found["output_tokens"] == 1, "of the good one"


async def test_no_time_for_all_exchanges() -> None:
    async with RawServer(script(HEAD, 0.2, event("yes"), DONE)) as server:
        found = await Bench(server.url, probe={"modules": {"many": {"exchanges": 100, "timeout": "1s"}}}).probe()
    assert (found["success"], found['failure{reason="deadline"}']) == (0, 1)
    assert 2 <= found["exchanges"] <= 6
    assert found["ttft_seconds"] >= 0.2


async def test_what_the_answer_has_to_be_like() -> None:
    modules = {
        "yes": {"checks": {"non_empty": True, "regex": "^yes", "sample": 0.001}},
        "json": {"checks": {"non_empty": True, "json": True}},
    }
    async with RawServer(GOOD) as server:
        bench = Bench(server.url, probe={"modules": modules})
        good, bad = await bench.probe(module="yes"), await bench.probe(module="json")
    assert (good["success"], good['check_failed{check="regex"}'], good['check_failed{check="non_empty"}']) == (1, 0, 0)
    assert (bad["success"], bad['failure{reason="check"}'], bad["http_status_code"]) == (0, 1, 200)
    assert (bad['check_failed{check="json"}'], bad['check_failed{check="non_empty"}']) == (1, 0)
    assert "e2e_seconds" not in bad
    assert bench.counted() == [
        'swelld_probes_total{module="yes",result="success"} 1',
        'swelld_probes_total{module="json",result="failure"} 1',
    ]


async def test_a_module_says_how_it_is_asked() -> None:
    module = {
        "prompt": "2+2?",
        "max_tokens": 3,
        "model": "other",
        "api": "openai_completions",
        "api_key": "sk-module",
        "headers": {"X-Probe": "yes"},
        "extra_body": {"seed": 5},
    }
    target = {"api_key": "sk-target", "headers": {"X-Target": "yes"}, "extra_body": {"seed": 4, "ignore_eos": True}}
    async with RawServer(script(REFUSED)) as server:
        await Bench(server.url, target=target, probe={"modules": {"m": module}}).probe()
    request = server.requests[0].decode()
    assert request.startswith("POST /v1/completions ")
    for text in ("x-probe: yes", "x-target: yes", "Bearer sk-module", '"2+2?"', '"seed":5', '"ignore_eos":true'):
        assert text in request
    assert '"max_tokens":3' in request
    assert '"model":"other"' in request
    assert "sk-target" not in request


async def test_modules_are_found_by_name() -> None:
    bench = Bench("http://127.0.0.1:1", probe={"modules": {"one": {}, "two": {}}})
    assert isinstance(await bench.refused("a", "tow"), NotFound)
    assert str(await bench.refused("a", "tow")) == "there is no module 'tow'; did you mean two?"
    assert str(await bench.refused("a")) == "there is no module 'chat'; known here: one, two"
    assert bench.counted() == ['swelld_probes_refused_total{reason="unknown"} 3']


async def test_only_configured_targets_without_more_being_allowed() -> None:
    async with RawServer(GOOD) as server:
        bench = Bench("http://127.0.0.1:1")
        refused = await bench.refused(server.url)
    assert isinstance(refused, NotFound)
    assert str(refused) == (
        f"there is no target {server.url!r}; known here: a (others can be allowed with probe.targets)"
    )
    assert (server.connections, bench.resolver.asked) == (0, [])


async def test_servers_that_are_allowed() -> None:
    async with RawServer(GOOD) as server:
        port = server.url.rpartition(":")[2]
        resolver = Resolver(**{"127.0.0.1": ["127.0.0.1"], "llm.test": ["127.0.0.1"]})
        modules = {"chat": {"model": "any"}}
        bench = Bench("http://127.0.0.1:1", resolver, probe={"targets": ["127.0.0.0/8"], "modules": modules})
        for target in (f"127.0.0.1:{port}", server.url, f"{server.url}/v1", f"llm.test:{port}"):
            found = await bench.probe(target)
            assert (found["success"], found["output_tokens"]) == (1, 2), target
        assert bench.resolver.asked == ["127.0.0.1", "127.0.0.1", "127.0.0.1", "llm.test"], "looked up once each"
    assert f"host: llm.test:{port}".encode() in server.requests[-1]
    assert b'"model":"any"' in server.requests[-1]


@pytest.mark.parametrize(("target", "said"), [
    ("http://10.0.0.9:8000", "10.0.0.9 is not among probe.targets"),
    ("http://127.0.0.1:8000", "127.0.0.1 is a loopback address"),
    ("http://169.254.169.254/latest", "169.254.169.254 is a cloud's metadata service"),
    ("rebound.test:80", "rebound.test (169.254.169.254) is a cloud's metadata service"),
    ("other.test:80", "other.test has no address, and is not among probe.targets by its name"),
])  # fmt: skip
async def test_servers_that_are_not_allowed(target: str, said: str) -> None:
    same = {text: [text] for text in ("10.0.0.9", "127.0.0.1", "169.254.169.254")}
    resolver = Resolver(**same, **{"rebound.test": ["10.1.0.1", "169.254.169.254"]})
    bench = Bench("http://127.0.0.1:1", resolver, probe={"targets": ["10.1.0.0/16", "rebound.test"]})
    refused = await bench.refused(target)
    assert isinstance(refused, Refused)
    assert said in str(refused)
    assert bench.counted() == ['swelld_probes_refused_total{reason="not_allowed"} 1']


@pytest.mark.parametrize("target", [
    "ftp://10.1.0.1", "unix:///run/llm.sock", "http://10.1.0.1:99999", "http://10.1.0.1:0", "http://u:p@10.1.0.1",
    "http://10.1.0.1/a b", "http://", "http://[::1", "10.1.0.1:x", "a\r\nb",
])  # fmt: skip
async def test_what_is_no_server(target: str) -> None:
    bench = Bench("http://127.0.0.1:1", probe={"targets": ["10.1.0.0/16"]})
    refused = await bench.refused(target)
    assert isinstance(refused, NotFound)
    assert "is neither a target nor a server" in str(refused)
    assert bench.resolver.asked == []


async def test_an_allowed_name_without_an_address_is_a_failure() -> None:
    bench = Bench("http://127.0.0.1:1", probe={"targets": ["*.test"]})
    found = await bench.probe("gone.test:8000")
    assert (found["success"], found['failure{reason="dns"}'], found["exchanges"]) == (0, 1, 1)
    assert bench.counted() == ['swelld_probes_total{module="chat",result="failure"} 1']


async def test_what_a_target_lacks_is_said() -> None:
    bench = Bench("http://127.0.0.1:1", target={"api_key": {"env": "NO_SUCH_KEY"}})
    refused = await bench.refused("a")
    assert isinstance(refused, Refused)
    assert str(refused) == "a cannot be asked: the environment variable NO_SUCH_KEY is not set"
    assert bench.counted() == ['swelld_probes_refused_total{reason="unusable"} 1']


async def test_so_many_at_a_time_and_no_more() -> None:
    more = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await more.wait()
        writer.write(HEAD + event("yes") + DONE)
        await reader.read()

    async with RawServer(wait) as server:
        bench = Bench(server.url, probe={"concurrency": 2})
        under_way = [asyncio.create_task(bench.probe()) for _ in range(2)]
        async with asyncio.timeout(DEADLINE):
            while len(server.requests) < 2:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        refused = await bench.refused("a")
        assert isinstance(refused, Unavailable)
        assert str(refused) == "2 probes are under way; probe less often, or raise probe.concurrency"
        more.set()
        assert [found["success"] for found in await asyncio.gather(*under_way)] == [1, 1]
        assert (await bench.probe())["success"] == 1
    assert bench.counted() == [
        'swelld_probes_refused_total{reason="busy"} 1',
        'swelld_probes_total{module="chat",result="success"} 3',
    ]


async def test_nothing_stays_open() -> None:
    async with RawServer(GOOD) as server:
        bench = Bench(server.url)
        await bench.probe()
        async with asyncio.timeout(DEADLINE):
            while server.open:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[tuple[str, float]]:
    """A server with a certificate that expires then."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf = authority.issue_cert("127.0.0.1")
    leaf.configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "leaf.pem"))
    decoded = ssl._ssl._test_decode_cert(str(folder / "leaf.pem"))  # type: ignore[attr-defined]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await GOOD(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield url, float(ssl.cert_time_to_seconds(decoded["notAfter"]))


async def test_when_the_certificate_expires(tmp_path: Path) -> None:
    async with over_tls(tmp_path) as (url, expiry):
        trusting = await Bench(url, target={"tls": {"ca_file": str(tmp_path / "ca.pem")}}).probe()
        doubting = await Bench(url).probe()
    assert (trusting["success"], trusting["certificate_expiry_timestamp_seconds"]) == (1, expiry)
    assert (doubting["success"], doubting['failure{reason="tls"}']) == (0, 1)
    assert "certificate_expiry_timestamp_seconds" not in doubting


REPORT = """\
probe of a with module two
  url         {url}?key=***
  api         openai_chat, streamed, model tiny
  asks        2 x 17 characters, 16 tokens at most
  may take    4.5 s
  look-up     in N s

exchange 1
  connected   in N s
  sent        at N s
  first byte  at N s
  first token at N s
  last token  at N s
  end         at N s
  status      200
  tokens      ? in, 2 out, events with any: 2
  ended       ok, stop

exchange 2
  connected   on the way before
  sent        at N s
  first byte  at N s
  end         at N s
  status      429
  tokens      ? in, ? out, events with any: 0
  ended       throttled
  said        HTTP 429: busy

failure: http_429 after N s
"""


async def test_a_report_for_people() -> None:
    answer = script(HEAD, event("a secret answer"), event("!"), DONE, then=[REFUSED])
    modules = {"two": {"exchanges": 2, "prompt": "a secret question"}}
    async with RawServer(answer) as server:
        target = {"url": f"{server.url}?key=s3cret", "api_key": "sk-1"}
        bench = Bench(server.url, target=target, probe={"modules": modules})
        page = await bench.prober.probe("a", None, 5.0, debug=True)
    assert page.content_type == "text/plain; charset=utf-8"
    report, _, metrics = page.body.decode().partition("\nmetrics\n")
    report = re.sub(r"\d+\.\d{4}", "N", report)
    assert report == REPORT.format(url=server.url)
    assert "swelld_probe_success 0" in metrics
    for secret in ("s3cret", "secret answer", "secret question", "sk-1"):
        assert secret not in page.body.decode()


@pytest.mark.parametrize(("scrape", "limit"), [(None, 10.0), (5.0, 4.5), (60.0, 10.0), (1.0, 0.5), (0.4, 0.2)])
def test_how_long_a_probe_may_take(scrape: float | None, limit: float) -> None:
    assert time_for(Module(), scrape) == limit


def test_no_deadline_is_beyond_that_of_the_probe() -> None:
    target = Target(url="http://a", timeouts=Timeouts(connect=1.0), keep_text=True)
    asked = fitted(target, Module(), 4.0)
    assert asked.timeouts == Timeouts(connect=1.0, first_token=3.8, idle=3.8, total=3.8)
    assert not asked.keep_text
