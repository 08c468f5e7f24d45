"""The targets' own metrics beside real runs: read, compared, shown on /metrics, and in nobody's way."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import sample_results
from llamacpp_server import LlamaCpp
from raw_server import DONE, HEAD, RawServer, event
from runs import HERE, Kept, carry_out, one_target, settings_for
from sim_client import ask
from swelld.app.spec import specify
from swelld.engine.launch import crew
from swelld.hub.run import Run
from swelld.hub.servers import Company, Servers
from swelld.result import Result, ServerResult
from swelld.sim import SimOptions, simulated
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.text import render

PROMPTS = {"kind": "synthetic", "input_tokens": 64, "output_tokens": 16}
SHORT = {"prompts": PROMPTS, "load": {"concurrency": 2}, "requests": 12}
OFTEN = {"interval": "50ms"}


def levels(result: Result) -> dict[str, str]:
    """The levels of the findings on servers."""
    return {f.subject.removeprefix("server "): f.level for f in result.verdict if f.subject.startswith("server ")}


def only(kept: Kept) -> ServerResult:
    assert kept.result.server is not None
    (server,) = kept.result.server
    return server


async def test_a_server_like_vllm_agrees_in_everything(tmp_path: Path) -> None:
    options = SimOptions(mode="realistic", model="tiny", max_num_seqs=4, step_base=0.02)
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 8}, "requests": 32, "warmup": {"requests": 4}}
    with simulated(options) as url:
        await carry_out(settings_for(tmp_path, one_target(url), SHORT))  # what it counted before is not ours
        kept = await carry_out(settings_for(tmp_path, one_target(url, metrics=OFTEN), scenario, shards=1))
    server = only(kept)
    assert (server.engine, server.url, server.note, server.restarts) == ("vllm", f"{url}/metrics", None, 0)
    assert (server.requests, server.output_tokens) == (36.0, 36 * 16.0)  # warm-up too
    assert levels(kept.result) == dict.fromkeys(("requests", "tokens", "ttft", "e2e"), "PASS")
    assert [check.figure for check in server.checks] == ["requests", "input tokens", "output tokens", "ttft", "e2e"]
    assert server.looks > 4
    assert server.requests_waiting is not None
    assert server.requests_running is not None
    assert 4.0 <= server.requests_waiting.max <= 8.0  # eight users, four seats
    assert server.requests_running.max == 4.0
    assert 1.0 < server.requests_waiting.mean <= 4.0
    assert server.kv_cache_usage is not None
    assert 0.0 < server.kv_cache_usage.max < 0.2
    assert (server.preemptions, server.prefix_cache_queries) == (0.0, server.input_tokens)
    timeline = server.timeline
    assert len(timeline.at) == server.looks
    assert timeline.at == sorted(timeline.at)
    assert timeline.requests_waiting is not None
    assert timeline.output_tokens is not None
    assert max(value or 0.0 for value in timeline.requests_waiting) == server.requests_waiting.max
    assert [value or 0.0 for value in timeline.output_tokens] == sorted(
        value or 0.0 for value in timeline.output_tokens
    )
    assert timeline.prefix_cache_hits is not None
    assert server.prefix_cache_hits is not None
    assert timeline.prefix_cache_hits[0] == 0.0
    assert 0.0 < (timeline.prefix_cache_hits[-1] or 0.0) <= server.prefix_cache_hits
    assert server.prefix_cache_hit_ratio == server.prefix_cache_hits / (server.input_tokens or 0.0)


@pytest.mark.llamacpp
async def test_llamacpp_agrees_in_tokens(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    """It has no count of requests and no times."""
    target = one_target(llamacpp.url, metrics=OFTEN, extra_body={"ignore_eos": True})
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 16}, "requests": 200}
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    server = only(kept)
    assert (server.engine, server.note) == ("llamacpp", None)
    assert (server.requests, server.ttft_mean, server.kv_cache_usage) == (None, None, None)
    assert (server.output_tokens, server.input_tokens) == (200 * 16.0, float(kept.stage().tokens.input or 0))
    assert levels(kept.result) == {"tokens": "PASS"}
    assert server.requests_running is not None
    assert server.requests_waiting is not None
    assert server.requests_running.max == 4.0  # its slots
    assert server.requests_waiting.max > 4.0


# --- servers that lie


class Lying:
    """Answers every prompt with two tokens, and on /metrics says what it is told to of what it did."""

    def __init__(self, page: Callable[[int], str | None]) -> None:
        self.answered = 0
        self.looked = 0
        self._page = page

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                self.looked += 1
                self._tell(writer)
            else:
                await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
                self.answered += 1
                writer.write(HEAD + event("a") + event("b") + DONE)
            await writer.drain()

    def _tell(self, writer: asyncio.StreamWriter) -> None:
        page = self._page(self.answered)
        status = "404 Not Found" if page is None else "200 OK"
        body = (page or "").encode()
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body))


def vllm(requests: float, *, tokens: float | None = None, running: float = 0) -> str:
    tokens = 2 * requests if tokens is None else tokens
    return (
        f"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running {running}\nvllm:num_requests_waiting 0\n"
        f'vllm:request_success_total{{finished_reason="stop"}} {requests}\nvllm:generation_tokens_total {tokens}\n'
    )


async def against(
    tmp_path: Path, page: Callable[[int], str | None], scenario: Mapping[str, Any] = SHORT, **metrics: Any
) -> tuple[Kept, Lying]:
    lying = Lying(page)
    async with RawServer(lying) as server:
        target = one_target(server.url, metrics={**OFTEN, **metrics})
        return await carry_out(settings_for(tmp_path, target, scenario)), lying


async def test_a_true_page_passes(tmp_path: Path) -> None:
    kept, _ = await against(tmp_path, lambda answered: vllm(1000 + answered))
    assert levels(kept.result) == {"requests": "PASS", "tokens": "PASS"}
    assert only(kept).requests == 12.0


async def test_a_wrong_page_is_a_warning_with_both_figures(tmp_path: Path) -> None:
    kept, _ = await against(tmp_path, lambda answered: vllm(2 * answered, tokens=answered))
    assert levels(kept.result) == {"requests": "WARNING", "tokens": "WARNING"}
    texts = [f.text for f in kept.result.verdict if f.subject.startswith("server")]
    assert texts[0].startswith("24 by the server, 12 by swelld: not within 5%")
    assert texts[1].startswith("output 12 by the server, 24 by swelld: not within 5%")


async def test_a_wider_tolerance(tmp_path: Path) -> None:
    kept, _ = await against(tmp_path, lambda answered: vllm(1.2 * answered), tolerance=0.3)
    assert levels(kept.result) == {"requests": "PASS", "tokens": "PASS"}


async def test_a_server_is_given_time_to_count(tmp_path: Path) -> None:
    late = {"looks": 0}

    def page(answered: int) -> str:
        late["looks"] += answered == 12
        return vllm(answered if late["looks"] > 2 else 0)

    kept, _ = await against(tmp_path, page, interval="1h")
    assert levels(kept.result) == {"requests": "PASS", "tokens": "PASS"}


@pytest.mark.parametrize(
    ("page", "note"),
    [
        (lambda answered: vllm(answered, running=3), "busy with 3 other requests before the first one"),
        (lambda answered: vllm(answered, running=answered // 12), "still busy with 1 requests after the last one"),
        (lambda answered: vllm(100 if answered < 6 else 6), "counters began anew"),
        (lambda answered: vllm(answered) if answered < 12 else None, "could not be read after the last request"),
        (lambda answered: "up 1\n", "no engine that swelld knows"),
    ],
)
async def test_no_comparison_where_it_would_not_be_fair(
    tmp_path: Path, page: Callable[[int], str | None], note: str
) -> None:
    lying = Lying(page)
    async with RawServer(lying) as server:
        target = one_target(server.url, metrics={"interval": "10ms", "url": f"{server.url}/metrics"})
        scenario = {**SHORT, "load": {"concurrency": 1, "think_time": "20ms"}}
        kept = await carry_out(settings_for(tmp_path, target, scenario))
    assert note in str(only(kept).note)
    assert (levels(kept.result), only(kept).checks) == ({}, [])


async def test_a_first_look_that_takes_too_long_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swelld.hub.servers.BEGIN_SECONDS", 0.1)
    lying = Lying(vllm)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if lying.looked == 0 and not lying.answered:
            lying.looked += 1
            await asyncio.sleep(1.0)
        await lying(reader, writer)

    async with RawServer(slow) as server:
        target = one_target(server.url, metrics=OFTEN)
        kept = await carry_out(settings_for(tmp_path, target, {**SHORT, "load": {"concurrency": 1}}))
    assert kept.stage().requests.ok == 12
    assert only(kept).note == "the metrics could not be read before the first request"


async def test_a_server_without_metrics_is_asked_once(tmp_path: Path) -> None:
    kept, lying = await against(tmp_path, lambda _: None)
    assert kept.result.server is None
    assert levels(kept.result) == {}
    assert lying.looked == 2  # /metrics and /prometheus/metrics


async def test_off_means_off(tmp_path: Path) -> None:
    lying = Lying(vllm)
    async with RawServer(lying) as server:
        kept = await carry_out(settings_for(tmp_path, one_target(server.url, metrics=False), SHORT))
    assert (lying.looked, lying.answered, kept.result.server) == (0, 12, None)


async def test_a_run_that_fails_before_it_begins_ends_without_a_look(tmp_path: Path) -> None:
    lying = Lying(vllm)
    async with RawServer(lying) as server:
        settings = settings_for(tmp_path, one_target(server.url, metrics="auto"), SHORT)
        spec = specify(settings, "test")
        witness = Servers(spec)
        await witness.end()
        nothing = sample_results.result()
        assert (lying.looked, witness.complete(nothing)) == (0, nothing)


# --- on /metrics


def shown(registry: Registry) -> dict[str, float]:
    """Every series of the page that is about servers."""
    lines = [line for line in render(registry).decode().splitlines() if line.startswith("swelld_server_")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_series_while_a_run_goes_on_and_after_it(tmp_path: Path) -> None:
    labels = f'{{scenario="test",target="{HERE}",engine="vllm"}}'
    registry = Registry()
    with simulated(SimOptions(mode="realistic", model="tiny", max_num_seqs=1, step_base=0.01)) as url:
        scenario = {**SHORT, "requests": 6}
        settings = settings_for(tmp_path, one_target(url, metrics=OFTEN), scenario)
        for _ in range(2):
            spec = specify(settings, "test")
            witness = Servers(spec, registry)
            run = Run(spec, crew(spec.plan, "inline"), [witness], [witness])
            running = asyncio.create_task(run.execute())
            seen: dict[str, float] = {}
            while not running.done():
                await asyncio.sleep(0.02)
                seen |= {name: max(value, seen.get(name, 0.0)) for name, value in shown(registry).items()}
            await running
        asked = float(ask(url, "/sim/truth", method="GET").json["tokens"]["prompt"])
    assert seen[f"swelld_server_requests_waiting{labels}"] == 1.0
    assert seen[f"swelld_server_requests_running{labels}"] == 1.0
    assert seen[f"swelld_server_scrape_up{labels}"] == 1.0
    assert 0.0 < seen[f"swelld_server_scrape_duration_seconds{labels}"] < 5.0
    assert 0.0 < seen[f"swelld_server_kv_cache_usage_ratio{labels}"] < 1.0
    assert shown(registry) == {  # what holds for the moment is gone, counters go on over runs
        f"swelld_server_prefix_cache_queries_tokens_total{labels}": asked,
        f"swelld_server_prefix_cache_hits_tokens_total{labels}": seen[
            f"swelld_server_prefix_cache_hits_tokens_total{labels}"
        ],
        f"swelld_server_preemptions_total{labels}": 0.0,
    }


async def test_a_page_that_goes_away_is_shown_as_down(tmp_path: Path) -> None:
    registry = Registry()
    lying = Lying(lambda answered: vllm(answered) if answered < 6 else None)
    async with RawServer(lying) as server:
        scenario = {**SHORT, "load": {"concurrency": 1, "think_time": "40ms"}}
        spec = specify(settings_for(tmp_path, one_target(server.url, metrics={"interval": "10ms"}), scenario), "test")
        witness = Servers(spec, registry)
        running = asyncio.create_task(Run(spec, crew(spec.plan, "inline"), [witness], [witness]).execute())
        pages = []
        while not running.done():
            await asyncio.sleep(0.01)
            pages.append(shown(registry))
        result = await running
    up = f'swelld_server_scrape_up{{scenario="test",target="{HERE}",engine="vllm"}}'
    assert next(page[up] for page in pages if up in page) == 1.0
    down = [page for page in pages if page.get(up) == 0.0]
    assert down
    assert not any("requests_running" in name for name in down[-1])  # nobody knows
    assert result.server is not None
    assert result.server[0].failed_looks > 0


async def test_runs_that_load_a_server_together_are_not_compared(tmp_path: Path) -> None:
    company = Company()
    lying = Lying(vllm)
    async with RawServer(lying) as server:
        scenario = {**SHORT, "load": {"concurrency": 1, "think_time": "20ms"}}
        settings = settings_for(tmp_path, one_target(server.url, metrics=OFTEN), scenario)

        async def carry() -> Result:
            spec = specify(settings, "test")
            witness = Servers(spec, company=company)
            return await Run(spec, crew(spec.plan, "inline"), [witness], [witness]).execute()

        together = await asyncio.gather(carry(), carry())
        alone = await carry()
    for result in together:
        assert result.server is not None
        assert "another run" in str(result.server[0].note)
    assert levels(alone) == {"requests": "PASS", "tokens": "PASS"}


class Place:
    """A server, as far as its company knows it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.alone = True


def test_a_place_that_nobody_loads_any_more_is_forgotten() -> None:
    company = Company()
    for number in range(1000):  # pods come and go
        server: Any = Place(f"http://10.0.0.{number}:8000/metrics")
        company.join(server)
        company.leave(server)
        company.leave(server)  # also by a run that failed before it began
        assert server.alone
    assert company.places == 0
