"""A report by a model that says what the test wants, over a real connection."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import sample_results
from conftest import StartLlamaCpp
from sample_results import spread, stage
from swelld.analysis.verdict import verdict
from swelld.insight.model import LONGEST, Model
from swelld.insight.phrases import Language
from swelld.insight.report import analyze
from swelld.result import ErrorCount, Result
from tiny_model import CHAT_WORDS

TITLES = list(Language("en").titles().values())
STAGES = [
    stage(stage="concurrency=1", request_rate=2.0, ttft=spread(0.03), users=1),
    stage(stage="concurrency=10", users=10, errors={"http_503": ErrorCount(1, "throttled", "SERVER SAID THIS")}),
    stage(stage="concurrency=50", request_rate=12.9, ttft=spread(1.2), users=50),
]
RESULT: Result = sample_results.result(STAGES, verdict(STAGES))
GOOD = "\n\n".join(f"## {title}\n\nAt concurrency=10: 12.5 requests/s, TTFT p95 79.2 ms." for title in TITLES) + "\n"
KEY = "sk-secret-4711"


@dataclass
class Scripted:
    """A server that answers every request in the same way, and keeps what it was asked."""

    chunks: Sequence[dict[str, Any]] = ()
    status: int = 200
    body: bytes | None = None
    cut: bool = False
    forever: bool = False
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.body is not None:
            return web.Response(body=self.body, status=self.status, content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        while True:
            for delta in self.chunks:
                await response.write(event({"choices": [{"index": 0, **delta}]}))
            if not self.forever:
                break
            await asyncio.sleep(0)
        if not self.cut:
            await response.write(event({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n")
        return response


def event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def content(*pieces: str, name: str = "content") -> list[dict[str, Any]]:
    return [{"delta": {name: piece}} for piece in pieces]


@asynccontextmanager
async def serving(script: Scripted) -> AsyncIterator[Scripted]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", script.answer)
    async with TestServer(app) as server:
        script.url = str(server.make_url("/")).rstrip("/")
        yield script


async def report(script: Scripted, language: str = "en", result: Result = RESULT, **model: Any) -> str:
    async with serving(script):
        writer = Model(url=script.url, name="writer-7b", **model)
        return "".join([piece async for piece in analyze(result, writer, language)])


def headings(text: str) -> list[str]:
    return re.findall("^## (.*)$", text, re.M)


def by_rules(text: str) -> int:
    return text.count("*By rules: the model wrote nothing here.*")


async def test_a_good_report_comes_through_as_it_was_written() -> None:
    script = Scripted(content(*(GOOD[place : place + 7] for place in range(0, len(GOOD), 7))))
    text = await report(script)
    assert headings(text) == [*TITLES, "Numbers"]
    assert text.startswith("# Analysis of run 01jd3k8r\n\n*Written by the model writer-7b from")
    assert text.count("At concurrency=10: 12.5 requests/s, TTFT p95 79.2 ms.\n") == 6
    assert "Numbers that the model quotes: 12. All of them are in the data of the run." in text
    assert by_rules(text) == 0


async def test_the_question() -> None:
    script = Scripted(content(GOOD))
    await report(script, "ko", api_key=KEY, max_tokens=900, extra_body={"temperature": 0})
    (asked,) = script.asked
    assert (asked["model"], asked["stream"], asked["max_tokens"], asked["temperature"]) == ("writer-7b", True, 900, 0)
    assert "stream_options" not in asked
    assert script.headers[0]["authorization"] == f"Bearer {KEY}"
    text = asked["messages"][1]["content"]
    assert "in Korean" in text
    assert "## 권장 운영 지점" in text
    assert "| concurrency=10 | 12.5 | 1,600 | 51.8 ms | 79.2 ms |" in text
    assert "| concurrency=50 | 6.45x |" in text
    assert "Errors at concurrency=10: http_503 1, of 100 requests." in text
    assert "SERVER SAID THIS" not in text


async def test_invented_numbers_are_marked_and_counted() -> None:
    answer = GOOD.replace("12.5 requests/s", "14.2 requests/s", 1).replace("79.2 ms", "1.5 s", 1)
    text = await report(Scripted(content(answer)))
    assert "At concurrency=10: 14.2 requests/s (⚠ not in the data), TTFT p95 1.5 s (⚠ not in the data)." in text
    tally = "In the data of the run: 10. Not there, and marked above: 2 (`14.2 requests/s`, `1.5 s`)."
    assert f"Numbers that the model quotes: 12. {tally}" in text


@pytest.mark.parametrize(
    "chunks",
    [
        [*content("SECRET 99 ms\n## Overview\nSECRET", name="reasoning_content"), *content(GOOD)],
        [*content("SECRET 99 ms", name="reasoning"), *content(GOOD)],
        content("<thi", "nk>SECRET\n## Overview\nSEC", "RET</th", "ink>\n", GOOD),
        content("SECRET, no beginning of reasoning", "</think>", GOOD),
        content(GOOD, "<think>SECRET that never ends\n## Improvements\nSECRET"),
    ],
)
async def test_reasoning_is_never_in_the_report(chunks: list[dict[str, Any]]) -> None:
    text = await report(Scripted(chunks))
    assert "SECRET" not in text
    assert "think>" not in text
    assert headings(text) == [*TITLES, "Numbers"]
    assert "All of them are in the data" in text
    assert by_rules(text) == 0


@pytest.mark.parametrize(
    ("chunks", "cut"),
    [
        (content("Okay, SECRET and more of it"), True),
        (content("<think>SECRET, always SECRET"), False),
        (content("SECRET", name="reasoning_content"), False),
    ],
)
async def test_nothing_but_reasoning_is_no_report(chunks: list[dict[str, Any]], cut: bool) -> None:
    text = await report(Scripted(chunks, cut=cut))
    assert "SECRET" not in text
    assert "> The model writer-7b gave no report: " in text
    assert headings(text) == TITLES
    assert "local is saturated from concurrency=10 on" in text
    assert by_rules(text) == 0  # it was said once, for all of it


async def test_an_answer_that_breaks_off_is_finished_by_rules() -> None:
    text = await report(Scripted(content("## Overview\n\nAll well.\n\n## Effect of the load\n\nIt gro"), cut=True))
    assert headings(text) == [*TITLES, "Numbers"]
    assert "It gro\n\n> The answer of the model writer-7b broke off here: the stream ended without" in text
    assert by_rules(text) == 4


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (Scripted(status=401, body=json.dumps({"error": f"bad key {KEY}"}).encode()), "status 401: bad key ***"),
        (Scripted(status=404, body=b""), "status 404"),
        (Scripted(status=500, body=b"<b>oops</b>\n\nmore"), "status 500: &lt;b>oops&lt;/b> more"),
        (Scripted(body=b'{"error": {"message": "no room"}}'), "no room"),
        (Scripted(content("x" * 9999, "y" * 9999), forever=True), "it "),
    ],
)
async def test_a_model_that_fails(script: Scripted, why: str) -> None:
    text = await report(script, api_key=KEY)
    assert f"> The model writer-7b gave no report: {why}" in text
    assert KEY not in text
    assert headings(text) == TITLES


async def test_no_end() -> None:
    lines = [{"delta": {"content": f"- line {number} of a report without an end\n"}} for number in range(200)]
    text = await report(Scripted([*content("## Overview\n"), *lines], forever=True))
    assert "broke off here: it " in text
    assert headings(text) == [*TITLES, "Numbers"]
    assert len(text) < LONGEST + 20_000


async def test_an_answer_that_goes_round_in_circles() -> None:
    text = await report(Scripted([*content("## Overview\n"), *content("It is so. And so it is.\n")], forever=True))
    assert "it says the same over and over" in text
    assert text.count("And so it is.") == 1


async def test_nobody_there() -> None:
    writer = Model(url="http://127.0.0.1:1", name="writer-7b")
    text = "".join([piece async for piece in analyze(RESULT, writer)])
    assert "gave no report: Cannot connect to host 127.0.0.1:1" in text
    assert headings(text) == TITLES


async def test_silence_has_an_end() -> None:
    script = Scripted(content("x", name="reasoning_content"), forever=True)
    text = await report(script, timeout=0.3)
    assert "no whole answer within 0.3 s" in text


async def test_a_server_that_does_not_stream() -> None:
    message = {"content": f"<think>SECRET</think>{GOOD}", "reasoning_content": "SECRET"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    text = await report(Scripted(body=json.dumps(body).encode()))
    assert "SECRET" not in text
    assert by_rules(text) == 0
    assert "Numbers that the model quotes: 12. All of them" in text


async def test_korean() -> None:
    answer = "## 개요\n\n처리율은 12.5 요청/초, TTFT p95는 79.2ms입니다. 최대 999건.\n"
    text = await report(Scripted(content(answer)), "ko")
    assert "79.2ms입니다. 최대 999건 (⚠ 데이터에 없음)." in text
    assert "모델이 인용한 수치: 3. 데이터에 있음: 2." in text
    assert text.count("*규칙에 따라 작성: 모델이 이 항목을 쓰지 않았습니다.*") == 5


async def test_lines_come_as_they_are_written() -> None:
    script = Scripted(content("## Overview\n", "First.\n"), forever=True)
    async with serving(script):
        pieces = analyze(RESULT, Model(url=script.url, name="w"))
        seen = ""
        async for piece in pieces:
            seen += piece
            if "First." in seen:
                break
        await pieces.aclose()
    assert seen.endswith("## Overview\n\nFirst.\n")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "somewhere", "http://x:99999", "http://x/v1/completions"])
async def test_an_address_that_cannot_be_one(url: str) -> None:
    with pytest.raises(ValueError, match=r"address of a model|Port out of range|is the endpoint of"):
        await anext(analyze(RESULT, Model(url=url, name="w")))


def test_a_secret_is_not_shown() -> None:
    assert KEY not in repr(Model(url="http://x", name="w", api_key=KEY))


@pytest.mark.parametrize("stages", [[], [sample_results.empty_stage()]])
async def test_runs_without_figures(stages: list[Any]) -> None:
    empty = msgspec.structs.replace(RESULT, stages=stages, verdict=[])
    text = await report(Scripted(content("## Overview\n\nIt took 5 ms.\n")), result=empty)
    assert "It took 5 ms (⚠ not in the data)." in text
    assert headings(text) == [*TITLES, "Numbers"]


async def test_many_stages_fit_into_one_question() -> None:
    stages = [stage(stage=f"concurrency={users}", users=users) for users in range(1, 300)]
    script = Scripted(content(GOOD))
    await report(script, result=sample_results.result(stages, verdict(stages)))
    assert len(script.asked[0]["messages"][1]["content"]) < 12_000
    assert "| concurrency=1 |" in script.asked[0]["messages"][1]["content"]
    assert "| concurrency=299 |" in script.asked[0]["messages"][1]["content"]


@pytest.mark.llamacpp
async def test_a_real_server_whose_model_tells_stories(start_llamacpp: StartLlamaCpp) -> None:
    with start_llamacpp(slots=1, context=4096) as server:
        text = "".join([piece async for piece in analyze(RESULT, Model(url=server.url, name="tiny"))])
        short = "".join([piece async for piece in analyze(RESULT, Model(url=server.url, name="tiny", max_tokens=5))])
    assert headings(text) == [*TITLES, "Numbers"]
    assert "".join(CHAT_WORDS).strip() in text
    assert "The model quotes no number." in text
    assert by_rules(text) == 5
    assert "gave no report: it reached its greatest length" in short
    assert headings(short) == TITLES
