"""Spans as they arrive at a receiver, over HTTP and gRPC: every attribute, event, link and status."""

import asyncio
import math
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

import swelld
from exchanges import SPAN, TRACE, bad, exchanged, good, origin
from otlp_receiver import Receiver, attributes, receiver, types
from swelld.measurement import ErrorType, Outcome
from swelld_exporters import names, semconv
from swelld_exporters.base import Exchanged
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.otlp.spans import run_context
from swelld_exporters.outlet import Outlet, RunOver
from swelld_exporters.prometheus.registry import Registry

RETRY = {"http/protobuf": [429, 503, 502], "grpc": [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED]}
FINAL = {"http/protobuf": 400, "grpc": grpc.StatusCode.INVALID_ARGUMENT}


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as here:
        yield here


@pytest.fixture(params=["http/protobuf", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Traces:
    """The traces of OTLP settings, and what they counted."""

    def __init__(self, **settings: Any) -> None:
        self.registry = Registry()
        self.outlet: Outlet[Any]
        (self.outlet,) = OtlpSettings(enabled=True, **settings).open(self.registry).exchanges

    async def __aenter__(self) -> "Traces":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.outlet.aclose()

    def counted(self) -> tuple[float, ...]:
        """(exported, dropped, failed)."""
        counters = (names.SPANS_EXPORTED, names.SPANS_DROPPED, names.SPANS_FAILED)
        return tuple(self.registry.counter(metric).labels().value for metric in counters)


async def arriving(there: Receiver, *items: Exchanged | RunOver, protocol: str = "http/protobuf", **more: Any) -> None:
    async with Traces(endpoint=there.url(protocol), protocol=protocol, **more) as traces:
        traces.outlet.put(items)
    assert traces.counted() == (len(there.spans), 0, 0)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def nano(moment: float) -> int:
    return round((1_699_999_000.0 + moment) * 1e9)


async def test_a_good_exchange_arrives_with_all_that_is_known_of_it(there: Receiver, protocol: str) -> None:
    await arriving(there, exchanged(), protocol=protocol)
    span = there.span()
    assert (span.name, span.kind) == ("chat llama-3-8b", span.SPAN_KIND_CLIENT)
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == (TRACE, SPAN, b"")
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (nano(1000.99), nano(1002.5))
    found = attributes(span.attributes)
    assert found.pop("swelld.lag") == pytest.approx(0.05)
    assert found.pop("swelld.itl.p95") == pytest.approx(0.7)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "llama-3-8b",
        "gen_ai.request.stream": True,
        "server.address": "gpu-7.example",
        "server.port": 8000,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 128,
        "gen_ai.usage.output_tokens": 6,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "http.response.status_code": 200,
        "swelld.run.id": "20261114-102030-3fa9",
        "swelld.scenario": "canary",
        "swelld.target": "big",
        "swelld.stage": "rate=10",
        "swelld.request.index": 7,
        "swelld.prompt": "synthetic-7",
        "swelld.outcome": "ok",
        "swelld.sampling": "head",
        "swelld.connection.reused": False,
        "swelld.tokens.source": "server",
        "swelld.tpot": 0.25,
        "swelld.itl.p50": 0.25,
        "swelld.itl.max": 0.75,
        "swelld.stream.chunks": 4,
    }


async def test_attributes_have_the_types_of_the_catalogue(there: Receiver) -> None:
    late = good(resends=2, error_type=ErrorType.TRUNCATED, outcome=Outcome.TRUNCATED)
    slow = exchanged(thresholds={"ttft": 0.1})
    await arriving(there, exchanged(late), slow)
    declared = {attribute.name: attribute.type for attribute in semconv.SPAN_ATTRIBUTES}
    found = types(there.spans[0].attributes) | types(there.spans[1].attributes)
    assert found == declared


async def test_the_moments_are_events(there: Receiver) -> None:
    await arriving(there, exchanged())
    assert [(event.name, event.time_unix_nano) for event in there.span().events] == [
        ("swelld.request_sent", nano(1001.0)),
        ("swelld.first_byte", nano(1001.1)),
        ("swelld.first_token", nano(1001.25)),
        ("swelld.last_token", nano(1002.5)),
    ]
    assert {event.name for event in there.span().events} < semconv.EVENTS.keys()


async def test_stalls_are_events_at_most_five(there: Receiver) -> None:
    gaps = [0.03, 0.03, 0.21, 0.03] * 7 + [0.03] * 20
    moments = tuple(1001.25 + sum(gaps[:n]) for n in range(len(gaps) + 1))
    await arriving(there, exchanged(good(tokens_at=moments)))
    stalls = [event for event in there.span().events if event.name == "swelld.stall"]
    assert [event.time_unix_nano for event in stalls] == [nano(moments[2 + 4 * n]) for n in range(5)]
    assert all(math.isclose(attributes(s.attributes)["swelld.stall.duration"], 0.21) for s in stalls)


async def test_a_failure_is_an_error_and_an_exception_without_what_the_server_said(there: Receiver) -> None:
    await arriving(there, exchanged(bad()))
    span = there.span()
    found = attributes(span.attributes)
    assert (span.status.code, span.status.message) == (span.status.STATUS_CODE_ERROR, "http_4xx")
    assert (found["error.type"], found["swelld.outcome"], found["http.response.status_code"]) == (
        "http_4xx",
        "rejected",
        400,
    )
    assert found["swelld.sampling"] == "tail"
    (exception,) = [event for event in span.events if event.name == "exception"]
    assert attributes(exception.attributes) == {"exception.type": "http_4xx"}
    assert exception.time_unix_nano == span.end_time_unix_nano == nano(1001.2)


async def test_what_swelld_says_of_a_failure_is_told(there: Receiver) -> None:
    unreachable = bad(
        outcome=Outcome.UNREACHABLE, error_type=ErrorType.CONNECT, detail="no way", sent=None, due=1001.0, status=None
    )
    await arriving(there, exchanged(unreachable))
    (exception,) = there.span().events
    assert attributes(exception.attributes) == {"exception.type": "connect", "exception.message": "no way"}
    assert there.span().start_time_unix_nano == nano(1001.0)
    found = attributes(there.span().attributes)
    assert found["swelld.stream.chunks"] == 0
    assert not {"swelld.connection.reused", "http.response.status_code"} & found.keys()


async def test_a_stream_that_was_cut_has_the_finish_reason_error(there: Receiver) -> None:
    cut = good(outcome=Outcome.TRUNCATED, error_type=ErrorType.TRUNCATED, finish_reason=None)
    await arriving(there, exchanged(cut))
    assert attributes(there.span().attributes)["gen_ai.response.finish_reasons"] == ["error"]
    assert there.span().end_time_unix_nano == nano(1002.6)


async def test_an_answer_that_was_not_streamed_says_nothing_of_tokens_in_time(there: Receiver) -> None:
    whole = good(streamed=False, tokens_at=(), connect=None, first_answer=None)
    await arriving(there, exchanged(whole, api="llamacpp", model="", url="unix:///run/llm.sock"))
    span = there.span()
    found = attributes(span.attributes)
    assert span.name == "text_completion"
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("llamacpp", "/run/llm.sock")
    assert found["swelld.connection.reused"] is True
    assert span.end_time_unix_nano == nano(1002.6)
    absent = {"gen_ai.request.stream", "server.port", "gen_ai.request.model", "swelld.stream.chunks", "swelld.tpot"}
    absent |= {"gen_ai.response.time_to_first_chunk", "swelld.itl.max"}
    assert not absent & found.keys()


async def test_exchanges_link_to_the_span_of_their_run(there: Receiver, protocol: str) -> None:
    over = RunOver(origin(stage="", target="", model="", url="", api=""), 1010.0, "completed")
    await arriving(there, exchanged(), over, protocol=protocol)
    exchange, run = there.spans
    (link,) = exchange.links
    assert (link.trace_id, link.span_id) == (run.trace_id, run.span_id)
    assert run.trace_id.hex() == f"{run_context('20261114-102030-3fa9').trace_id:032x}"
    assert run.trace_id.hex() != TRACE
    assert (run.name, run.kind) == ("run canary", run.SPAN_KIND_INTERNAL)
    assert (run.start_time_unix_nano, run.end_time_unix_nano) == (nano(1000.0), nano(1010.0))
    assert attributes(run.attributes) == {
        "swelld.run.id": "20261114-102030-3fa9",
        "swelld.scenario": "canary",
        "swelld.run.state": "completed",
    }


async def test_nothing_of_prompt_or_answer_leaves(there: Receiver) -> None:
    everything = [exchanged(), exchanged(bad()), exchanged(bad(error_type=ErrorType.STREAM_ERROR))]
    await arriving(there, *everything)
    sent = b"".join(span.SerializeToString() for span in there.spans)
    assert len(there.spans) == 3
    assert b"secret prompt" not in sent
    assert b"the answer" not in sent


@pytest.mark.parametrize("version", ["1.41", "latest"])
async def test_resource_and_scope_say_who_and_by_which_convention(
    there: Receiver, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=swelld-0,service.version=9")
    await arriving(there, exchanged(), semconv=version)
    assert there.scope == ("swelld", swelld.__version__, semconv.CONVENTIONS[version].schema_url)
    assert there.resource["service.name"] == "swelld"
    assert there.resource["service.version"] == "9"
    assert there.resource["k8s.pod.name"] == "swelld-0"
    assert there.resource["telemetry.sdk.name"] == "opentelemetry"
    assert len(there.resource["service.instance.id"]) == 36


async def test_the_variables_of_opentelemetry_are_honoured(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "canary-eu")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", there.grpc)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer%20x,tenant=7")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    async with Traces() as traces:
        traces.outlet.put([exchanged()])
    assert traces.counted() == (1, 0, 0)
    assert there.resource["service.name"] == "canary-eu"
    assert (there.headers["authorization"], there.headers["tenant"]) == ("Bearer x", "7")
    assert there.headers["user-agent"].startswith("swelld")


async def test_a_receiver_with_tls_is_verified(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    async with receiver(certificate=authority.issue_cert("127.0.0.1")) as there:
        async with Traces(endpoint=there.url(protocol), protocol=protocol) as doubting:
            doubting.outlet.limits = replace(doubting.outlet.limits, flush=0.5)
            doubting.outlet.put([exchanged()])
        assert (doubting.counted()[0], there.requests) == (0, 0)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))
        await arriving(there, exchanged(), protocol=protocol)
    assert len(there.spans) == 1


async def test_headers_of_the_settings_are_sent_and_http_is_compressed(there: Receiver) -> None:
    await arriving(there, exchanged(), headers={"Api-Key": "s3cret"}, compression="gzip")
    assert (there.headers["api-key"], there.headers["content-encoding"]) == ("s3cret", "gzip")
    assert there.headers["content-type"] == "application/x-protobuf"


async def test_a_receiver_that_is_busy_gets_the_spans_later(there: Receiver, protocol: str) -> None:
    there.refusals = [*RETRY[protocol]][:2]
    async with Traces(endpoint=there.url(protocol), protocol=protocol) as traces:
        traces.outlet.put([exchanged()])
        await until(lambda: bool(there.spans))
    assert there.requests == 3
    assert traces.counted() == (1, 0, 0)


async def test_a_receiver_may_say_when_to_come_again(there: Receiver) -> None:
    there.refusals, there.retry_after = [429], "3600"
    async with Traces(endpoint=there.http) as traces:
        traces.outlet.put([exchanged()])
        await until(lambda: traces.counted() == (0, 0, 1))
    assert there.requests == 1


@pytest.mark.parametrize("status", [200, 202])
async def test_what_a_receiver_took_is_delivered_whatever_else_it_says(there: Receiver, status: int) -> None:
    there.refusals = [status]  # with a text that is no OTLP
    async with Traces(endpoint=there.http) as traces:
        traces.outlet.put([exchanged()])
        await until(lambda: traces.counted() == (1, 0, 0))
    assert there.requests == 1


async def test_spans_that_are_refused_for_good_failed(there: Receiver, protocol: str) -> None:
    there.refusals = [FINAL[protocol]]
    async with Traces(endpoint=there.url(protocol), protocol=protocol) as traces:
        traces.outlet.put([exchanged()] * 3)
        await until(lambda: traces.counted() == (0, 0, 3))
        traces.outlet.put([exchanged()])
    assert traces.counted() == (1, 0, 3)
    assert there.requests == 2


async def test_a_partial_success_is_counted_as_what_it_is(there: Receiver, protocol: str) -> None:
    there.rejected = 2
    async with Traces(endpoint=there.url(protocol), protocol=protocol) as traces:
        traces.outlet.put([exchanged()] * 5)
    assert traces.counted() == (3, 0, 2)


async def test_a_receiver_that_hangs_is_left_after_the_timeout(there: Receiver, protocol: str) -> None:
    there.delay = 3600.0
    async with Traces(endpoint=there.url(protocol), protocol=protocol, timeout="200ms") as traces:
        traces.outlet.put([exchanged()])
        await until(lambda: there.requests >= 1)
        there.delay = 0.0
        await until(lambda: bool(there.spans))
    assert traces.counted() == (1, 0, 0)


async def test_a_receiver_that_dies_and_comes_back_gets_what_was_kept() -> None:
    async with receiver() as first, Traces(endpoint=first.http) as traces:
        traces.outlet.put([exchanged()])
        await until(lambda: bool(first.spans))
    port = int(first.http.rpartition(":")[2])
    async with Traces(endpoint=first.http) as traces:
        traces.outlet.put([exchanged()] * 2)
        failures = traces.registry.counter(names.OUTLET_FAILURES).labels("otlp")
        await until(lambda: failures.value >= 1)
        async with receiver(port) as second:
            await until(lambda: len(second.spans) == 2)
    assert traces.counted() == (2, 0, 0)


async def test_100000_exchanges_with_a_dead_receiver_cost_a_bounded_memory_and_every_one_is_counted() -> None:
    async with receiver() as here:
        dead = here.http
    async with Traces(endpoint=dead, queue=1000) as traces:
        where = origin()
        traces.outlet.put([Exchanged(where, good(index=-1))] * 10)
        await until(lambda: traces.registry.counter(names.OUTLET_FAILURES).labels("otlp").value >= 1)
        tracemalloc.start()
        for batch in range(200):
            traces.outlet.put([Exchanged(where, good(index=500 * batch + n)) for n in range(500)])
            assert traces.outlet.held <= 1000
            await asyncio.sleep(0)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert traces.outlet.held == 1000
        assert traces.counted() == (0, 99_010, 0)
        assert held < 5 * 2**20
    exported, dropped, failed = traces.counted()
    assert (exported, dropped + failed) == (0, 100_010)
