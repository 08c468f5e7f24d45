"""Drawing traces: what share is sampled, how many a second, and what the server is told."""

import asyncio
import random
import re

import pytest

from raw_server import DONE, HEAD, RawServer, event, read_request
from swelld.adapters.openai import OpenAIChat
from swelld.engine.client import Client, Ticket
from swelld.engine.target import Target
from swelld.engine.tracing import Draw, Trace, Tracing
from swelld.measurement import Measurement
from swelld.prompt import Message, Prompt

PROMPT = Prompt(name="p", messages=(Message("user", "hi"),))
TICKET = Ticket(stage=0, index=0, warmup=False)


class Clock:
    def __init__(self) -> None:
        self.moment = 100.0

    def __call__(self) -> float:
        return self.moment


def draw(ratio: float, per_second: float = 1e9, parts: int = 1, clock: Clock | None = None) -> Draw:
    return Draw(Tracing(ratio, per_second), parts, clock or Clock(), random.Random(7))


@pytest.mark.parametrize(("ratio", "low", "high"), [(0.0, 0, 0), (1.0, 10_000, 10_000), (0.1, 900, 1100)])
def test_the_share_that_is_sampled(ratio: float, low: int, high: int) -> None:
    one = draw(ratio)
    assert low <= sum(one().sampled for _ in range(10_000)) <= high


def test_what_is_sampled_follows_from_the_trace_id_as_everywhere() -> None:
    from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

    one, theirs = draw(0.3), TraceIdRatioBased(0.3)
    for _ in range(1000):
        trace = one()
        decision = theirs.should_sample(None, int(trace.trace_id, 16), "").decision
        assert (decision is Decision.RECORD_AND_SAMPLE) == trace.sampled


def test_ids_are_new_each_time_and_of_the_right_length() -> None:
    one = Draw(Tracing(1.0, 10.0), 1)
    traces = [one() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{32}", t.trace_id) and re.fullmatch("[0-9a-f]{16}", t.span_id) for t in traces)
    assert len({t.trace_id for t in traces}) == len({t.span_id for t in traces}) == 1000
    assert Draw(Tracing(1.0, 10.0), 1)().trace_id != Draw(Tracing(1.0, 10.0), 1)().trace_id


@pytest.mark.parametrize(
    ("per_second", "parts", "at_once", "in_ten"),
    [(10, 1, 10, 110), (10, 4, 2, 27), (0.5, 1, 1, 6), (0, 1, 0, 0)],
)
def test_the_cap_holds_at_once_and_in_the_long_run(per_second: float, parts: int, at_once: int, in_ten: int) -> None:
    clock = Clock()
    one = draw(1.0, per_second, parts, clock)
    sampled = sum(one().sampled for _ in range(100))
    assert sampled == at_once
    for _ in range(10_000):
        clock.moment += 0.001
        sampled += one().sampled
    assert sampled == pytest.approx(in_ten, abs=1)


@pytest.mark.parametrize(("sampled", "flag"), [(True, "01"), (False, "00")])
def test_the_header_is_that_of_w3c(sampled: bool, flag: str) -> None:
    trace = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled)
    assert trace.traceparent == f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flag}"


async def ask(one: Draw | None, *, told: bool) -> tuple[list[bytes], list[Measurement]]:
    """Two exchanges and a dropped arrival: what the server read, and what was measured."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(HEAD + event("a") + DONE)

    measurements: list[Measurement] = []
    async with RawServer(answer) as server:
        client = Client(0, Target(url=server.url, traceparent=told), OpenAIChat, 10, measurements.append, None, one)
        await client.pool.addresses.look_up()
        for _ in range(2):
            await client.exchange(client.prepare(PROMPT), TICKET)
        client.drop(client.prepare(PROMPT), TICKET, "full")
        await client.pool.aclose()
    return server.requests, measurements


def headers(request: bytes) -> list[str]:
    return re.findall(r"\r\ntraceparent: (.*)\r\n", request.decode())


async def test_a_target_that_is_told_reads_the_ids_of_the_measurement() -> None:
    requests, measurements = await ask(draw(1.0, per_second=1), told=True)
    first, second, dropped = measurements
    assert [headers(r) for r in requests] == [
        [f"00-{first.trace_id}-{first.span_id}-01"],
        [f"00-{second.trace_id}-{second.span_id}-00"],
    ]
    assert (first.sampled, second.sampled) == (True, False)
    assert first.trace_id != second.trace_id
    assert (dropped.trace_id, dropped.span_id, dropped.sampled) == (None, None, False)


async def test_a_target_that_is_not_told_reads_nothing_of_it() -> None:
    requests, measurements = await ask(draw(1.0), told=False)
    assert [headers(r) for r in requests] == [[], []]
    assert all(m.trace_id for m in measurements[:2])


async def test_without_tracing_there_are_no_ids() -> None:
    requests, measurements = await ask(None, told=True)
    assert [headers(r) for r in requests] == [[], []]
    assert [(m.trace_id, m.span_id, m.sampled) for m in measurements] == [(None, None, False)] * 3
