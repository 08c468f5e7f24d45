"""Whole runs with traces on: the spans that arrive are those of the exchanges that were made."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from otlp_receiver import Receiver, attributes, receiver
from raw_server import DONE, HEAD, RawServer, event, read_request
from runs import Kept, carry_out, one_target, settings_for

SCENARIO = {"load": {"concurrency": 4}, "requests": 40, "prompts": "suite"}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every fourth request on a connection is refused."""
    for number in range(1000):
        await read_request(reader)
        if number % 4 == 3:
            writer.write(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")
        else:
            writer.write(HEAD + event("a") + event("b") + DONE)


async def traced(folder: Path, there: Receiver, server: RawServer, **more: Any) -> Kept:
    otlp = {"enabled": True, "endpoint": there.http, "max_spans_per_second": 1e6, **more.pop("otlp", {})}
    targets = one_target(server.url, traceparent=True, metrics="off")
    settings = settings_for(folder, targets, SCENARIO | more.pop("scenario", {}), exporters={"otlp": otlp}, **more)
    return await carry_out(settings)


def told(server: RawServer) -> dict[tuple[str, str], str]:
    """What the server read: (trace id, span id) -> flags."""
    found = [re.search(rb"\r\ntraceparent: 00-(\w{32})-(\w{16})-(\w\w)\r\n", request) for request in server.requests]
    return {(match[1].decode(), match[2].decode()): match[3].decode() for match in found if match}


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_every_exchange_of_a_run_has_the_span_that_its_server_was_told_of(
    tmp_path: Path, shards: str | int
) -> None:
    async with receiver() as there, RawServer(answer) as server:
        kept = await traced(tmp_path, there, server, otlp={"sample_ratio": 1}, shards=shards)
    *exchanges, run = there.spans
    headers = told(server)
    assert len(headers) == len(exchanges) == 40
    assert {(span.trace_id.hex(), span.span_id.hex()) for span in exchanges} == headers.keys()
    assert set(headers.values()) == {"01"}
    assert attributes(run.attributes)["swelld.run.id"] == kept.result.run.id
    assert {span.links[0].span_id for span in exchanges} == {run.span_id}
    assert all(
        run.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= run.end_time_unix_nano
        for span in exchanges
    )
    outcomes = sorted(attributes(span.attributes)["swelld.outcome"] for span in exchanges)
    assert outcomes == sorted(line["outcome"] for line in kept.lines())
    assert outcomes.count("failed") >= 4


async def test_what_is_not_drawn_is_kept_only_if_it_failed(tmp_path: Path) -> None:
    async with receiver() as there, RawServer(answer) as server:
        kept = await traced(tmp_path, there, server, otlp={"sample_ratio": 0})
    *exchanges, _ = there.spans
    found = [attributes(span.attributes) for span in exchanges]
    assert len(found) == sum(line["outcome"] == "failed" for line in kept.lines()) > 0
    assert {(one["swelld.outcome"], one["swelld.sampling"]) for one in found} == {("failed", "tail")}
    assert set(told(server).values()) == {"00"}


async def test_a_run_with_a_dead_collector_is_the_same_run(tmp_path: Path) -> None:
    async with receiver() as gone:
        pass
    async with RawServer(answer) as server:
        kept = await traced(tmp_path, gone, server, otlp={"sample_ratio": 1, "queue": 10})
    assert kept.result.run.state == "completed"
    assert len(kept.lines()) == len(server.requests) == 40


async def test_without_tracing_no_server_is_told_anything(tmp_path: Path) -> None:
    async with receiver() as there, RawServer(answer) as server:
        await traced(tmp_path, there, server, otlp={"enabled": False})
    assert told(server) == {}
    assert there.requests == 0
