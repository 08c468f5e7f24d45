"""One request and its answer at byte level: moments, outcomes, connections."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from raw_server import DONE, END, HEAD, RawServer, Script, chunk, event, read_request
from swelld.adapters.base import Options
from swelld.adapters.openai import OpenAIChat
from swelld.engine.client import Client, Ticket
from swelld.engine.exchange import Exchange
from swelld.engine.target import Target, Timeouts
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld.prompt import Message, Prompt

PROMPT = Prompt(name="p", messages=(Message("user", "hi"),))
TICKET = Ticket(stage=0, index=0, warmup=False)


class Harness:
    """A client whose measurements are kept."""

    def __init__(self, url: str, **target: Any) -> None:
        self.measurements: list[Measurement] = []
        limit = target.get("connections", 100)
        self.client = Client(0, Target(url=url, **target), OpenAIChat, limit, self.measurements.append)

    async def __aenter__(self) -> "Harness":
        await self.client.pool.addresses.look_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.pool.aclose()
        assert self.client.pool.open == 0
        assert self.client.in_flight == 0

    async def ask(self, ticket: Ticket = TICKET) -> Measurement:
        before = len(self.measurements)
        await self.client.exchange(self.client.prepare(PROMPT), ticket)
        assert len(self.measurements) == before + 1
        return self.measurements[-1]


async def play(writer: asyncio.StreamWriter, pieces: Sequence[bytes | float]) -> None:
    """A number is a pause in seconds."""
    for piece in pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            writer.write(piece)


def answering(*pieces: bytes | float) -> Script:
    """Every request gets these pieces."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await play(writer, pieces)

    return script


def once(*pieces: bytes | float, reset: bool = False) -> Script:
    """One request gets these pieces, then the connection is closed."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await play(writer, pieces)
        if reset:
            await asyncio.sleep(0.02)
            writer.transport.abort()

    return script


async def ask(script: Script, **target: Any) -> Measurement:
    async with RawServer(script) as server, Harness(server.url, **target) as harness:
        return await harness.ask()


async def test_moments_are_those_of_the_reads() -> None:
    m = await ask(answering(HEAD, 0.05, event("a"), 0.1, event("b"), DONE))
    assert m.outcome is Outcome.OK
    assert m.sent is not None
    assert m.end is not None
    first, second = np.frombuffer(m.tokens_at) - m.sent
    assert first == pytest.approx(0.05, abs=0.03)
    assert second - first == pytest.approx(0.1, abs=0.04)
    assert (m.finish_reason, m.status, m.output_tokens, m.token_source) == ("stop", 200, 2, TokenSource.EVENTS)


async def test_a_role_chunk_is_no_token_but_a_first_byte() -> None:
    role = chunk(b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n')
    m = await ask(answering(HEAD, role, 0.1, event("a"), DONE))
    assert m.first_byte is not None
    assert m.sent is not None
    assert m.first_byte - m.sent < 0.05
    assert np.frombuffer(m.tokens_at)[0] - m.sent > 0.09


async def test_reasoning_is_a_token_but_no_answer() -> None:
    thought = chunk(b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\n\n')
    m = await ask(answering(HEAD, thought, 0.1, event("a"), DONE))
    assert m.sent is not None
    assert m.first_answer is not None
    assert m.first_answer - np.frombuffer(m.tokens_at)[0] == pytest.approx(0.1, abs=0.04)


async def test_the_connection_is_kept_and_used_again() -> None:
    async with RawServer(answering(HEAD, event("a"), DONE)) as server, Harness(server.url) as harness:
        found = [await harness.ask() for _ in range(5)]
        assert server.connections == 1
    assert found[0].connect is not None
    assert [m.connect for m in found[1:]] == [None] * 4
    assert {m.outcome for m in found} == {Outcome.OK}


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unseen() -> None:
    async with RawServer(once(HEAD, event("a"), DONE)) as server, Harness(server.url) as harness:
        found = [await harness.ask() for _ in range(3)]
        assert server.connections == 3
    assert {m.outcome for m in found} == {Outcome.OK}


async def test_a_request_on_a_connection_closed_under_it_is_sent_again() -> None:
    async def closes_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + event("a") + DONE)
        await read_request(reader)  # and says nothing

    async with RawServer(closes_on_the_second) as server, Harness(server.url) as harness:
        await harness.ask()
        second = await harness.ask()
        assert server.connections == 2
        assert len(server.requests) == 3
    assert (second.outcome, second.resends) == (Outcome.OK, 1)


OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


async def test_a_request_that_was_answered_before_it_was_sent_shares_its_connection_with_no_other() -> None:
    long = Prompt(name="p", messages=(Message("user", "x" * 2**25),))  # more than the system takes at once

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(status(429))
        await asyncio.sleep(0.1)
        await reader.read()

    async with RawServer(script) as server, Harness(server.url, timeouts={"first_token": 10.0}) as harness:
        for prompt in (long, PROMPT):
            await harness.client.exchange(harness.client.prepare(prompt), TICKET)
        assert [m.outcome for m in harness.measurements] == [Outcome.THROTTLED, Outcome.THROTTLED]
        assert server.connections == 2


def status(code: int, body: bytes = b'{"error":{"message":"no"}}') -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (code, len(body), body)


UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
DEEP = chunk(b'data: {"choices":%s\n\n' % (b"[" * 20_000))
OOPS = chunk(b'data: {"error":{"message":"oops"}}\n\n')
FULL = chunk(b'data: {"error":{"message":"full","code":503}}\n\n')


@pytest.mark.parametrize(
    ("script", "outcome", "error_type", "said"),
    [
        (answering(status(400)), Outcome.REJECTED, ErrorType.HTTP_4XX, "HTTP 400"),
        (answering(status(404)), Outcome.REJECTED, ErrorType.HTTP_4XX, "no"),
        (answering(status(429)), Outcome.THROTTLED, ErrorType.HTTP_429, "HTTP 429"),
        (answering(status(503)), Outcome.THROTTLED, ErrorType.HTTP_503, "HTTP 503"),
        (answering(status(500)), Outcome.FAILED, ErrorType.HTTP_5XX, "HTTP 500"),
        (answering(status(302)), Outcome.GARBLED, ErrorType.PROTOCOL, "redirects"),
        (answering(UPGRADE), Outcome.GARBLED, ErrorType.PROTOCOL, "not HTTP"),
        (once(), Outcome.TRUNCATED, ErrorType.TRUNCATED, "before it answered"),
        (once(b"HTTP/1.1 100 Continue\r\n\r\n"), Outcome.TRUNCATED, ErrorType.TRUNCATED, "in the middle"),
        (once(HEAD, event("a")), Outcome.TRUNCATED, ErrorType.TRUNCATED, "in the middle"),
        (once(HEAD, event("a"), reset=True), Outcome.TRUNCATED, ErrorType.TRUNCATED, "in the middle"),
        (answering(HEAD, event("a"), END), Outcome.TRUNCATED, ErrorType.TRUNCATED, ""),
        (answering(b"SSH-2.0-OpenSSH\r\n"), Outcome.GARBLED, ErrorType.PROTOCOL, "not HTTP"),
        (answering(HEAD, chunk(b"data: {nonsense\n\n"), END), Outcome.GARBLED, ErrorType.PROTOCOL, "nonsense"),
        (answering(HEAD, DEEP, END), Outcome.GARBLED, ErrorType.PROTOCOL, "[[["),
        (answering(HEAD, event("a"), DEEP, END), Outcome.GARBLED, ErrorType.PROTOCOL, "[[["),
        (answering(HEAD, OOPS, END), Outcome.FAILED, ErrorType.STREAM_ERROR, "oops"),
        (answering(HEAD, FULL, END), Outcome.THROTTLED, ErrorType.HTTP_503, "full"),
    ],
)  # fmt: skip
async def test_every_trouble_has_one_outcome_and_one_type(
    script: Script, outcome: Outcome, error_type: ErrorType, said: str
) -> None:
    m = await ask(script)
    assert (m.outcome, m.error_type) == (outcome, error_type), m.detail
    assert said in (m.detail or "")


DRIBBLE: list[bytes | float] = [event("a"), 0.05] * 30
SHORT = {"first_token": 0.15, "idle": 0.15, "total": 0.3, "connect": 0.3}


@pytest.mark.parametrize(
    ("script", "error_type", "said"),
    [
        (answering(1.0), ErrorType.TTFT_TIMEOUT, "no token within 0.15 s"),
        (answering(HEAD, 1.0), ErrorType.TTFT_TIMEOUT, "no token within 0.15 s"),
        (answering(HEAD, event("a"), 1.0), ErrorType.READ_TIMEOUT, "nothing came for 0.15 s"),
        (answering(HEAD, *DRIBBLE), ErrorType.READ_TIMEOUT, "not complete within 0.3 s"),
    ],
)
async def test_every_deadline_is_kept(script: Script, error_type: ErrorType, said: str) -> None:
    m = await ask(script, timeouts=SHORT)
    assert (m.outcome, m.error_type, m.detail) == (Outcome.TIMEOUT, error_type, said)


async def test_nobody_there_is_unreachable() -> None:
    async with RawServer(once()) as server:
        url = server.url
    async with Harness(url) as harness:
        m = await harness.ask()
    assert (m.outcome, m.error_type, m.sent) == (Outcome.UNREACHABLE, ErrorType.CONNECT, None)
    assert m.tried is not None
    assert m.end is not None
    assert m.tried < m.end


async def test_an_unknown_name_is_unreachable_by_dns() -> None:
    async with Harness("http://no-such-host.invalid:1") as harness:
        m = await harness.ask()
    assert (m.outcome, m.error_type) == (Outcome.UNREACHABLE, ErrorType.DNS)
    assert "no-such-host.invalid" in (m.detail or "")


async def test_an_answer_beyond_the_limit_is_refused() -> None:
    m = await ask(answering(HEAD, event("x" * 5000), DONE), max_response=1000)
    assert (m.outcome, m.error_type) == (Outcome.GARBLED, ErrorType.PROTOCOL)
    assert "1000 bytes" in (m.detail or "")


async def test_an_answer_beyond_the_limit_is_refused_however_small_its_tokens_are() -> None:
    m = await ask(answering(HEAD, *(event("x"), 0.001) * 50, DONE), max_response=1000)
    assert (m.outcome, m.error_type) == (Outcome.GARBLED, ErrorType.PROTOCOL)
    assert len(np.frombuffer(m.tokens_at)) == 1000 // 57  # one event has 57 bytes without its frame


@pytest.mark.parametrize("keep_text", [False, True])
async def test_tokens_are_the_same_whether_their_text_is_wanted_or_not(keep_text: bool) -> None:
    def thought(text: bytes) -> bytes:
        return chunk(b'data: {"choices":[{"index":0,"delta":{"reasoning":"%s"}}]}\n\n' % text)

    events = [thought(b"a"), thought(b"b"), *map(event, ("c", "d", "\\n", "e")), event("f") * 2, event("g")]
    pieces: list[bytes | float] = [piece for sent in events for piece in (sent, 0.005)]
    m = await ask(answering(HEAD, *pieces, DONE), keep_text=keep_text)
    moments = np.frombuffer(m.tokens_at)
    assert (m.outcome, len(moments), m.output_tokens) == (Outcome.OK, 9, 9)
    assert m.text == ("abcd\neffg" if keep_text else None)
    assert m.first_answer == moments[2]


async def test_a_deadline_that_passes_after_the_end_harms_nobody() -> None:
    async with RawServer(answering(HEAD, event("a"), DONE)) as server, Harness(server.url) as harness:
        client = harness.client
        connection, _ = await client.pool.acquire()
        exchange = Exchange(OpenAIChat(Options(model="m")).decoder(), Timeouts(), 1000, keep_text=False)
        exchange.begin(connection, client.prepare(PROMPT).data)
        await exchange.over()
        exchange.sent -= 1000.0
        exchange._watch()
        assert connection.usable


async def test_a_body_without_length_ends_with_the_connection() -> None:
    body = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    m = await ask(once(OK_HEAD + b"connection: close\r\n\r\n" + body))
    assert (m.outcome, len(m.tokens_at)) == (Outcome.OK, 8)


async def test_cancelling_closes_the_connection_and_is_measured() -> None:
    async with RawServer(answering(HEAD, event("a"), 5.0)) as server, Harness(server.url) as harness:
        asking = asyncio.create_task(harness.ask())
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.05)
        assert harness.client.pool.open == 0
    assert [m.outcome for m in harness.measurements] == [Outcome.CANCELLED]


async def test_no_more_connections_than_the_limit_and_nobody_starves() -> None:
    async with (
        RawServer(answering(HEAD, 0.02, event("a"), DONE)) as server,
        Harness(server.url, connections=3) as harness,
    ):
        asking = [
            asyncio.create_task(harness.client.exchange(harness.client.prepare(PROMPT), TICKET)) for _ in range(12)
        ]
        await asyncio.sleep(0.01)
        assert (harness.client.pool.open, harness.client.pool.waiting) == (3, 9)
        await asyncio.gather(*asking)
        assert server.connections == 3
    assert [m.outcome for m in harness.measurements] == [Outcome.OK] * 12


async def test_secrets_are_sent_but_never_told() -> None:
    async with (
        RawServer(answering(status(401, b"bad key sk-very-secret"))) as server,
        Harness(server.url, api_key="sk-very-secret", headers={"X-Team": "infra"}) as harness,
    ):
        m = await harness.ask()
        assert b"authorization: Bearer sk-very-secret\r\n" in server.requests[0]
        assert b"x-team: infra\r\n" in server.requests[0]
    assert m.detail == "HTTP 401: bad key ***"


async def test_a_header_cannot_smuggle_another_one() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        Harness("http://127.0.0.1:1", headers={"x": "a\r\nevil: 1"})


async def test_a_whole_answer_has_no_ttft() -> None:
    usage = b'"usage":{"prompt_tokens":3,"completion_tokens":2}'
    body = b'{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],%s}' % usage
    m = await ask(answering(status(200, body)), stream=False, keep_text=True)
    assert (m.outcome, m.text, m.input_tokens, m.output_tokens) == (Outcome.OK, "hello", 3, 2)
    assert (m.tokens_at, m.token_source, m.streamed) == (b"", TokenSource.SERVER, False)
