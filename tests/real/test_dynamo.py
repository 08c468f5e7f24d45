"""The main path and the metrics of NVIDIA Dynamo's frontend with its mocker: `make test-dynamo`.

Dynamo listens on every address of the machine, so the make target gives all of it a network of its own.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_venv import environment, free_ports, running, wait_for
from runs import carry_out, one_target, settings_for

pytestmark = pytest.mark.dynamo

HOW = "  python3 -m venv V && V/bin/pip install ai-dynamo==1.4.2\nThen, as root: make test-dynamo SWELLD_DYNAMO_VENV=V"

MODEL = """
import glob, sys, sysconfig
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, PreTrainedTokenizerFast
special = ["<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>"]
files = sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py"))[:60]
text = [open(file, errors="ignore").read() for file in files]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=4096, special_tokens=special, initial_alphabet=alphabet)
tokenizer.train_from_iterator(text, trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
fast.chat_template = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
fast.save_pretrained(sys.argv[1])
config = LlamaConfig(vocab_size=len(fast), hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
                     max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, pad_token_id=2)
config.architectures = ["LlamaForCausalLM"]
config.save_pretrained(sys.argv[1])
"""
"""A tokenizer and a configuration: the mocker computes nothing, so it needs no weights."""


@pytest.fixture(scope="module")
def dynamo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and model."""
    venv = environment("SWELLD_DYNAMO_VENV", "bin/python", HOW)
    if _outside_reachable():
        pytest.skip(
            "Dynamo listens on every address: run it by `make test-dynamo`, which gives it a network of its own"
        )
    folder = tmp_path_factory.mktemp("dynamo")
    model = folder / "model"
    python = str(venv / "bin/python")
    subprocess.run([python, "-c", MODEL, str(model)], check=True, capture_output=True, cwd=folder)
    (port,) = free_ports(1)
    planes = ["--discovery-backend", "file", "--request-plane", "tcp", "--event-plane", "zmq"]
    env = {
        "DYN_FILE_KV": str(folder),
        "DYN_TCP_RPC_HOST": "127.0.0.1",
        "DYN_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    mocker = [python, "-m", "dynamo.mocker", "--model-path", str(model), "--model-name", str(model), *planes]
    frontend = [python, "-m", "dynamo.frontend", "--http-host", "127.0.0.1", "--http-port", str(port), *planes]
    url = f"http://127.0.0.1:{port}"
    with (
        running([*mocker, "--max-model-len", "8192"], folder / "mocker.log", env, folder),
        running(frontend, folder / "frontend.log", env, folder) as process,
    ):
        wait_for(f"{url}/v1/models", process, folder / "frontend.log", json.dumps(str(model)))
        yield url, str(model)


def _outside_reachable() -> bool:
    """Whether there is any interface but the loopback."""
    return {name for _, name in socket.if_nameindex()} != {"lo"}


async def test_figures_are_those_of_the_frontend(dynamo: tuple[str, str], tmp_path: Path) -> None:
    url, model = dynamo
    scenario = {
        "prompts": {"kind": "synthetic", "input_tokens": 128, "output_tokens": 32},
        "load": {"concurrency": 16},
        "requests": 160,
        "warmup": {"requests": 16},
    }
    target = one_target(url, model=model, metrics={"interval": "200ms"}, extra_body={"ignore_eos": True})
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    assert kept.stage().outcomes == {"ok": 160}
    assert kept.stage().tokens.output == 160 * 32
    assert kept.result.server is not None
    (server,) = kept.result.server
    # it shows most of its metrics with the first request only: until then they were zero
    assert (server.engine, server.note) == ("dynamo", None)
    assert (server.requests, server.output_tokens) == (176.0, 176 * 32.0)
    assert server.requests_running is not None
    assert server.requests_running.max == 16.0
    found = {f.subject: f.level for f in kept.result.verdict if f.subject.startswith("server")}
    assert found == dict.fromkeys(("server requests", "server tokens", "server ttft", "server e2e"), "PASS")
