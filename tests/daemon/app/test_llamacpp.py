"""The main path against a real llama.cpp server: what is reported is what it said and what it counted itself."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from conftest import StartLlamaCpp
from llamacpp_server import LlamaCpp
from runs import HERE, carry_out, one_target, settings_for

pytestmark = pytest.mark.llamacpp

PROMPTS = ["Tell me of the tea then", "the quick brown", "What do farmers never say about rain"]
FORMATS = pytest.mark.parametrize("api", ["openai_chat", "openai_completions", "llamacpp"])
NO_CACHE = {"cache_prompt": False}
"""The server's own count of prompt tokens leaves out what it found in its cache."""


def known_answer(api: str, prompt: str) -> tuple[str, ...]:
    return tiny_model.CHAT_WORDS if api == "openai_chat" else tiny_model.answer(prompt)


def known_input(api: str, prompt: str) -> int:
    return tiny_model.chat_tokens([prompt]) if api == "openai_chat" else len(tiny_model.tokens(prompt))


def grown(before: dict[str, float], after: dict[str, float]) -> tuple[float, float]:
    """(prompt tokens, output tokens) that the server counted in between."""
    names = ("prompt_tokens_total", "tokens_predicted_total")
    prompt, output = (after[name] - before[name] for name in names)
    return prompt, output


@FORMATS
@pytest.mark.parametrize("stream", [True, False])
async def test_texts_counts_and_totals(llamacpp: LlamaCpp, tmp_path: Path, api: str, stream: bool) -> None:
    target = one_target(llamacpp.url, api=api, stream=stream, keep_text=True, extra_body=NO_CACHE)
    load = {"concurrency": 4}
    scenario = {"prompts": {"kind": "inline", "prompts": PROMPTS}, "load": load, "requests": 12}
    before = llamacpp.metrics()
    kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
    counted = grown(before, llamacpp.metrics())

    assert Counter(line["prompt"] for line in kept.lines()) == {f"inline-{n}": 4 for n in (1, 2, 3)}
    for line in kept.lines():
        prompt = PROMPTS[int(line["prompt"].removeprefix("inline-")) - 1]
        words = known_answer(api, prompt)
        assert (line["outcome"], line["status"], line["finish_reason"]) == ("ok", 200, "stop")
        assert line["text"] == "".join(words)
        assert (line["output_tokens"], line["token_source"]) == (len(words) + 1, "server")  # the end is a token too
        assert line["input_tokens"] == known_input(api, prompt)
        assert (line["itl"]["count"] if stream else line["itl"]) == (len(words) - 1 if stream else None)
        assert (line["ttft"] is None, line["tpot"] is None) == (not stream, not stream)
    stage = kept.stage()
    assert (stage.tokens.input, stage.tokens.output) == counted
    assert stage.tokens.source == "server"
    assert (stage.requests.scheduled, stage.requests.ok, stage.errors) == (12, 12, {})
    assert stage.ttft.count == (12 if stream else 0)
    assert stage.e2e.count == 12


@FORMATS
async def test_an_answer_cut_by_its_length(llamacpp: LlamaCpp, tmp_path: Path, api: str) -> None:
    target = one_target(llamacpp.url, api=api, keep_text=True, max_tokens=7)
    scenario = {"prompts": {"kind": "inline", "prompts": PROMPTS[:1]}, "load": {"iterations": 2}}
    kept = await carry_out(settings_for(tmp_path, target, scenario))
    text = "".join(known_answer(api, PROMPTS[0])[:7])
    said = [(line["text"], line["finish_reason"], line["output_tokens"]) for line in kept.lines()]
    assert said == [(text, "length", 7)] * 2


async def test_what_the_server_found_in_its_cache_is_counted(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    text = " bread cheese soup apples honey tea" * 20
    target = one_target(llamacpp.url, max_tokens=2, extra_body={"id_slot": 0})
    scenario = {"prompts": {"kind": "inline", "prompts": [text]}, "load": {"iterations": 3}}
    kept = await carry_out(settings_for(tmp_path, target, scenario))
    size = tiny_model.chat_tokens([text])
    assert [line["cached_tokens"] for line in kept.lines()][1:] == [size - 1] * 2
    assert kept.stage().tokens.input == 3 * size


async def test_a_prompt_too_long_is_rejected_in_its_own_words(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    text = " the" * (llamacpp.context + 1)
    scenario = {"prompts": {"kind": "inline", "prompts": [text]}, "load": {"concurrency": 1}, "requests": 2}
    kept = await carry_out(settings_for(tmp_path, one_target(llamacpp.url), scenario))
    stage = kept.stage()
    assert stage.outcomes == {"rejected": 2}
    assert stage.errors["http_4xx"].count == 2
    assert "exceeds the available context size" in (stage.errors["http_4xx"].sample or "")
    assert (stage.e2e.count, stage.ttft.count, stage.failed.count) == (0, 0, 2)


async def test_connections_that_it_closes_are_replaced_without_an_error(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    """It promises to keep a connection alive, and closes it after every stream."""
    scenario = {"prompts": {"kind": "inline", "prompts": PROMPTS}, "load": {"concurrency": 4}, "requests": 40}
    target = one_target(llamacpp.url, max_tokens=3)
    stage = (await carry_out(settings_for(tmp_path, target, scenario))).stage()
    assert (stage.outcomes, stage.errors) == ({"ok": 40}, {})
    assert stage.connect.count >= 36  # hardly a connection lived for a second request


def measured(value: float | None) -> float:
    assert value is not None
    return value


@asynccontextmanager
async def watching(server: LlamaCpp) -> AsyncIterator[list[dict[str, float]]]:
    """What the server says of itself meanwhile."""
    seen: list[dict[str, float]] = []

    async def look() -> None:
        while True:
            seen.append(await asyncio.to_thread(server.metrics))
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_64_requests_at_a_time_queue_for_4_slots(start_llamacpp: StartLlamaCpp, tmp_path: Path) -> None:
    scenario: dict[str, Any] = {
        "prompts": {"kind": "synthetic", "input_tokens": 16, "output_tokens": 24},
        "load": {"concurrency": "4,64"},
        "requests": 128,
        "warmup": {"requests": 4},
    }
    with start_llamacpp(layers=8) as server:
        target = one_target(server.url, extra_body={"ignore_eos": True})
        async with watching(server) as seen:
            kept = await carry_out(settings_for(tmp_path, target, scenario, shards=1))
        quiet, crowded = kept.result.stages
        assert server.metrics()["tokens_predicted_total"] == 2 * (128 + 4) * 24
    for stage in (quiet, crowded):
        assert (stage.outcomes, stage.errors, stage.tokens.output) == ({"ok": 128}, {}, 128 * 24)
    # sixteen rounds of four wait behind each other: the queue is what the first token waits for
    assert measured(crowded.ttft.p50) > 3 * measured(quiet.ttft.p50)
    assert measured(crowded.ttft.p99) > 5 * measured(quiet.ttft.p50)
    assert measured(crowded.itl.p50) < measured(crowded.ttft.p50) / 5
    assert measured(quiet.mean_in_flight) <= 4 + 1e-6
    assert 20 < measured(crowded.mean_in_flight) <= 64 + 1e-6
    assert max(metrics["requests_deferred"] for metrics in seen) > 16
    assert max(metrics["requests_processing"] for metrics in seen) == 4
    assert {line["target"] for line in kept.lines()} == {HERE}
