"""Checks where the text is: what a server says in bytes, and what the measurement says of it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from raw_server import DONE, END, HEAD, RawServer, Script, chunk, event, read_request
from runs import carry_out, one_target, settings_for
from swelld.adapters.openai import OpenAIChat
from swelld.checks.judge import Judge
from swelld.checks.settings import Checks
from swelld.engine.client import Client, Ticket
from swelld.engine.target import Target
from swelld.measurement import Measurement, Outcome
from swelld.prompt import Message, Prompt

PROMPT = Prompt(name="p", messages=(Message("user", "hi"),))


def serving(*answers: bytes) -> Script:
    """One answer after the other, over and over."""

    async def script(reader: Any, writer: Any) -> None:
        number = 0
        while True:
            await read_request(reader)
            writer.write(answers[number % len(answers)])
            number += 1

    return script


def said(*texts: str) -> bytes:
    """A whole streamed answer."""
    return HEAD + b"".join(event(text) for text in texts) + DONE


def thought(text: str) -> bytes:
    """An event of reasoning."""
    return chunk(b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"%s"}}]}\n\n' % text.encode())


def whole(message: dict[str, Any], finish_reason: str = "stop") -> bytes:
    """An answer in one piece."""
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def asked(script: Script, count: int = 1, *, stream: bool = True, **checks: Any) -> list[Measurement]:
    """The measurements of so many exchanges with one server."""
    found: list[Measurement] = []
    async with RawServer(script) as server:
        target = Target(url=server.url, stream=stream)
        judge = Judge(Checks.model_validate(checks), 7, 0) if checks else None
        client = Client(0, target, OpenAIChat, 10, found.append, judge=judge)
        await client.pool.addresses.look_up()
        for index in range(count):
            await client.exchange(client.prepare(PROMPT), Ticket(stage=0, index=index, warmup=False))
        await client.pool.aclose()
    return found


@pytest.mark.parametrize(
    ("checks", "texts", "failed"),
    [
        ({"json": True}, ("{ ", "}"), None),
        ({"json": True}, ("no ", "json"), "json"),
        ({"regex": "^no json$"}, ("no ", "json"), None),
        ({"non_empty": True}, (), "non_empty"),
        ({"finish_reason": ["length"]}, ("x",), "finish_reason"),
        ({"repetition": True}, ("I do not know. ",) * 30, "repetition"),
    ],
)
async def test_a_streamed_answer(checks: dict[str, Any], texts: tuple[str, ...], failed: str | None) -> None:
    (m,) = await asked(serving(said(*texts)), **checks)
    assert (m.outcome, m.checked, m.failed_check) == (Outcome.OK, True, failed)
    assert m.text is None  # read, and not kept
    assert len(m.tokens_at) // 8 == len(texts)


async def test_reasoning_is_no_part_of_the_answer() -> None:
    streamed = HEAD + thought("let me see") + event("[1, ") + thought("and") + event("2]") + DONE
    (m,) = await asked(serving(streamed), json=True)
    assert (m.checked, m.failed_check) == (True, None)
    (m,) = await asked(serving(HEAD + thought("let me see") + DONE), non_empty=True)
    assert m.failed_check == "non_empty"


@pytest.mark.parametrize(
    ("message", "finish_reason", "failed"),
    [
        ({"content": "[1, 2]"}, "stop", None),
        ({"content": "[1, 2]", "reasoning_content": "let me see"}, "stop", None),
        ({"content": None, "reasoning_content": "[1]"}, "stop", "non_empty"),
        ({"content": ""}, "stop", "non_empty"),
        ({"content": "[1, 2"}, "length", "json"),
    ],
)
async def test_an_answer_in_one_piece(message: dict[str, Any], finish_reason: str, failed: str | None) -> None:
    (m,) = await asked(serving(whole(message, finish_reason)), stream=False, non_empty=True, json=True)
    assert (m.outcome, m.checked, m.failed_check) == (Outcome.OK, True, failed)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nslow",
        HEAD + event("{") + END,  # cut short
        HEAD + chunk(b'data: {"error": {"message": "out of memory"}}\n\n') + END,
    ],
)
async def test_only_good_answers_are_judged(answer: bytes) -> None:
    (m,) = await asked(serving(answer), json=True)
    assert m.outcome is not Outcome.OK
    assert (m.checked, m.failed_check) == (False, None)


async def test_without_checks_nothing_is_read() -> None:
    (m,) = await asked(serving(said("x")))
    assert (m.outcome, m.checked, m.failed_check) == (Outcome.OK, False, None)


async def test_the_sample_is_the_judges() -> None:
    found = await asked(serving(said("no json")), 200, json=True, sample=0.25)
    judge = Judge(Checks.model_validate({"json": True, "sample": 0.25}), 7, 0)
    assert [m.checked for m in found] == [judge.draws(0, index) for index in range(200)]
    assert 25 < sum(m.checked for m in found) < 75
    assert all((m.failed_check == "json") == m.checked for m in found)


async def test_a_run_counts_what_failed_and_changes_nothing_else(tmp_path: Path) -> None:
    """Of eight answers two are empty and two are loops; all of them are good requests with their times."""
    answers = (said("Paris"), said(), said("Paris, ", "Texas"), said("la " * 200))
    async with RawServer(serving(*answers)) as server:
        target = one_target(server.url, price={"input": 1.0, "output": 2.0})
        scenario = {
            "load": {"concurrency": 1},
            "requests": 8,
            "prompts": {"kind": "synthetic", "input_tokens": 10},
            "objectives": {"e2e": "30s"},
            "checks": {"non_empty": True, "regex": "Par|la", "repetition": True},
        }
        kept = await carry_out(settings_for(tmp_path, target, scenario))
    stage = kept.stage()
    assert stage.checks is not None
    assert (stage.checks.checked, stage.checks.failures) == (8, {"non_empty": 2, "regex": 0, "repetition": 2})
    assert (stage.requests.ok, stage.outcomes, stage.e2e.count) == (8, {"ok": 8}, 8)
    assert stage.goodput is not None
    assert stage.goodput.good == 8
    (finding,) = [f for f in kept.result.verdict if f.subject == "checks"]
    assert (finding.level, finding.text) == (
        "FAIL",
        "50.0% of answers (4 of 8) failed a check (non_empty: 2, repetition: 2)",
    )
    lines = Counter(line["failed_check"] for line in kept.lines())
    assert lines == {None: 4, "non_empty": 2, "repetition": 2}
    assert stage.cost is not None
    assert stage.tokens.output == 8  # 1 + 0 + 2 + 1, twice, by events
    assert stage.cost.amount == pytest.approx(((stage.tokens.input or 0) * 1.0 + 8 * 2.0) / 1e6)
    assert stage.cost.per_1000_requests == pytest.approx(stage.cost.amount / 8 * 1000)
    assert stage.cost.per_million_output_tokens == pytest.approx(stage.cost.amount / 8 * 1e6)


async def test_a_run_without_checks_and_price_has_neither_in_its_result(tmp_path: Path) -> None:
    async with RawServer(serving(said("Paris"))) as server:
        kept = await carry_out(
            settings_for(tmp_path, one_target(server.url), {"load": {"concurrency": 1}, "requests": 2})
        )
    assert (kept.stage().checks, kept.stage().cost) == (None, None)
    assert "checks" not in {finding.subject for finding in kept.result.verdict}
