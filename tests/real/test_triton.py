"""The metrics of a real Triton server beside a run: `make test-triton`."""

import json
import shutil
import sysconfig
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, web

from own_venv import environment, free_ports, running, wait_for
from runs import carry_out, one_target, settings_for

pytestmark = pytest.mark.triton

HOW = "  python3 -m venv V && V/bin/pip install nvidia-pytriton==0.7.0\nThen: make test-triton SWELLD_TRITON_VENV=V"

CONFIG = """
name: "llm"
backend: "python"
max_batch_size: 0
model_transaction_policy { decoupled: true }
input [ { name: "text_input" data_type: TYPE_STRING dims: [1] } ]
input [ { name: "max_tokens" data_type: TYPE_INT32 dims: [1] } ]
output [ { name: "text_output" data_type: TYPE_STRING dims: [1] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
MODEL = """
import threading
import time

import numpy as np
import triton_python_backend_utils as backend


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=self.answer, args=(request,), daemon=True).start()

    def answer(self, request):
        sender = request.get_response_sender()
        count = int(backend.get_input_tensor_by_name(request, "max_tokens").as_numpy()[0])
        time.sleep(0.02)
        for number in range(count):
            word = np.array([f" w{number}".encode()], dtype=np.object_)
            sender.send(backend.InferenceResponse([backend.Tensor("text_output", word)]))
            time.sleep(0.005)
        sender.send(flags=backend.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""


class Triton(NamedTuple):
    """A server with one streaming model."""

    stream: str
    metrics: str


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    venv = environment("SWELLD_TRITON_VENV", "bin/python", HOW)
    (packages,) = venv.glob("lib/python3*/site-packages")
    server = packages / "pytriton/tritonserver"
    folder = tmp_path_factory.mktemp("triton")
    (folder / "models/llm/1").mkdir(parents=True)
    (folder / "models/llm/config.pbtxt").write_text(CONFIG)
    (folder / "models/llm/1/model.py").write_text(MODEL)
    shutil.copytree(server / "backends/python", folder / "backends/python")
    version = packages.parent.name.removeprefix("python")
    shutil.copy(server / f"python_backend_stubs/{version}/triton_python_backend_stub", folder / "backends/python")
    http, grpc, metrics = free_ports(3)
    options = {"http": http, "grpc": grpc, "metrics": metrics}
    addresses = [f"--{kind}-{what}" for kind, port in options.items() for what in ("address=127.0.0.1", f"port={port}")]
    env = {
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "PYTHONPATH": str(packages),
        "LD_LIBRARY_PATH": f"{sysconfig.get_config_var('LIBDIR')}:{packages}/nvidia_pytriton.libs",
    }
    command = [str(server / "bin/tritonserver"), "--model-repository=models", "--backend-directory=backends"]
    with running([*command, *addresses, "--allow-gpu-metrics=false"], folder / "log", env, folder) as process:
        wait_for(f"http://127.0.0.1:{http}/v2/models/llm/ready", process, folder / "log")
        wait_for(f"http://127.0.0.1:{metrics}/metrics", process, folder / "log", "nv_inference_request_success")
        yield Triton(f"http://127.0.0.1:{http}/v2/models/llm/generate_stream", f"http://127.0.0.1:{metrics}/metrics")


@asynccontextmanager
async def speaking_openai(triton: Triton) -> AsyncIterator[str]:
    """The URL of a front that passes completions on to Triton's own streaming endpoint."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        body = {"text_input": asked["prompt"], "max_tokens": asked["max_tokens"]}
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        async with session.post(triton.stream, json=body) as words:
            async for line in words.content:
                if line.startswith(b"data: "):
                    text = json.loads(line[6:])["text_output"]
                    event = {"choices": [{"index": 0, "text": text, "finish_reason": None}]}
                    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        await response.write(b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        return response

    front = web.Application()
    front.router.add_post("/v1/completions", answer)
    runner = web.AppRunner(front)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession() as session:
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def test_its_requests_are_ours(triton: Triton, tmp_path: Path) -> None:
    scenario = {
        "prompts": {"kind": "synthetic", "input_tokens": 16, "output_tokens": 8},
        "load": {"concurrency": 8},
        "requests": 120,
        "warmup": {"requests": 5},
    }
    async with speaking_openai(triton) as url:
        target = one_target(
            url, api="openai_completions", metrics={"url": triton.metrics, "interval": "100ms"}, stream=True
        )
        kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    assert kept.stage().outcomes == {"ok": 120}
    assert kept.result.server is not None
    (server,) = kept.result.server
    assert (server.engine, server.note, server.requests) == ("triton", None, 125.0)
    assert server.looks > 2
    assert server.requests_waiting is not None
    found = [(f.subject, f.level) for f in kept.result.verdict if f.subject.startswith("server")]
    assert found == [("server requests", "PASS")]  # this version counts neither tokens nor times of a streamed answer
