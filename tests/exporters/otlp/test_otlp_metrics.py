"""The `gen_ai.client.*` metrics as they arrive: names, bounds, attributes, totals."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from exchanges import bad, exchanged, good
from otlp_receiver import Receiver, attributes, receiver
from swelld.measurement import ErrorType, Outcome
from swelld_exporters import names
from swelld_exporters.base import Exchanged
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.prometheus.registry import Registry

BASE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "llama-3-8b",
    "server.address": "gpu-7.example",
    "server.port": 8000,
}


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as here:
        yield here


async def points(there: Receiver, *items: Exchanged, protocol: str = "http/protobuf", **metrics: Any) -> dict[str, Any]:
    """By name: {attributes besides the common ones: data point}."""
    version = metrics.pop("semconv", "1.41")
    settings = OtlpSettings.model_validate(
        {
            "enabled": True,
            "traces": False,
            "endpoint": there.url(protocol),
            "protocol": protocol,
            "semconv": version,
            "metrics": {"enabled": True, **metrics},
        }
    )
    registry = Registry()
    (outlet,) = settings.open(registry).exchanges
    outlet.put(items)
    await outlet.aclose()
    assert registry.counter(names.OTLP_METRICS_EXPORTS).labels().value == 1
    assert registry.counter(names.OTLP_METRICS_FAILURES).labels().value == 0
    found: dict[str, Any] = {}
    for metric in there.metrics:
        data = getattr(metric, str(metric.WhichOneof("data")))
        assert data.aggregation_temporality == 2  # cumulative
        for point in data.data_points:
            told = attributes(point.attributes)
            assert BASE.items() <= told.items()
            own = tuple(sorted((key, value) for key, value in told.items() if key not in BASE))
            assert own not in found.setdefault(metric.name, {})
            found[metric.name][own] = point
            assert 0 < point.start_time_unix_nano <= point.time_unix_nano
    return found


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_instruments_of_1_41_with_the_bounds_of_the_conventions(there: Receiver, protocol: str) -> None:
    found = await points(there, exchanged(), exchanged(good(input_tokens=4)), exchanged(bad()), protocol=protocol)
    assert set(found) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.token.usage",
    }
    duration = found["gen_ai.client.operation.duration"]
    assert set(duration) == {(), (("error.type", "http_4xx"),)}
    good_ones = duration[()]
    assert list(good_ones.explicit_bounds) == [
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    ]
    assert (good_ones.count, good_ones.sum, good_ones.min, good_ones.max) == (2, 3.0, 1.5, 1.5)
    assert list(good_ones.bucket_counts) == [0] * 8 + [2] + [0] * 6
    assert duration[("error.type", "http_4xx"),].sum == pytest.approx(0.2)
    assert found["gen_ai.client.operation.time_to_first_chunk"][()].sum == 0.5
    gaps = found["gen_ai.client.operation.time_per_output_chunk"][()]
    assert (gaps.count, gaps.sum, gaps.max) == (6, 2.5, 0.75)
    usage = found["gen_ai.client.token.usage"]
    assert {key: point.sum for key, point in usage.items()} == {
        (("gen_ai.token.type", "input"),): 132,
        (("gen_ai.token.type", "output"),): 12,
    }
    assert list(usage[("gen_ai.token.type", "input"),].explicit_bounds) == [4**n for n in range(14)]
    assert {metric.name: metric.unit for metric in there.metrics} == {
        **dict.fromkeys(found, "s"),
        "gen_ai.client.token.usage": "{token}",
    }


async def test_instruments_after_the_renaming(there: Receiver) -> None:
    found = await points(there, exchanged(), exchanged(bad()), semconv="latest")
    text = (("gen_ai.token.modality", "text"),)
    assert set(found) == {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.time_per_output_chunk",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
    }
    usage = {name: point[text].as_int for name, point in found.items() if ".usage." in name}
    assert [*usage.values()] == [128, 6, 64, 2]
    assert found["gen_ai.client.inference.operation.output_tokens"][()].sum == 6


async def test_a_failed_operation_counts_no_tokens(there: Receiver) -> None:
    found = await points(there, exchanged(bad()), semconv="latest")
    text = (("gen_ai.token.modality", "text"),)
    assert {name: point[text].as_int for name, point in found.items() if ".usage." in name} == {
        "gen_ai.client.inference.usage.input_tokens": 0,
        "gen_ai.client.inference.usage.output_tokens": 0,
    }


async def test_an_operation_that_reached_nobody_failed(there: Receiver) -> None:
    """In a closed loop, where it was never due."""
    unreached = bad(outcome=Outcome.UNREACHABLE, error_type=ErrorType.CONNECT, status=None, sent=None, tried=1001.0)
    found = await points(there, exchanged(unreached))
    point = found["gen_ai.client.operation.duration"][("error.type", "connect"),]
    assert (point.count, point.sum) == (1, pytest.approx(0.2))


async def test_a_dropped_arrival_is_no_operation(there: Receiver) -> None:
    dropped = bad(outcome=Outcome.DROPPED, error_type=None, sent=None, due=1001.0)
    found = await points(there, exchanged(dropped), exchanged(bad(error_type=ErrorType.HTTP_5XX)))
    assert {name: set(series) for name, series in found.items()} == {
        "gen_ai.client.operation.duration": {(("error.type", "http_5xx"),)}
    }


@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
async def test_exponential_buckets_hold_every_value_between_their_bounds(there: Receiver, spread: float) -> None:
    seconds = np.random.default_rng(7).lognormal(-1, spread, 500)
    answers = [exchanged(good(tokens_at=(1001.0 + s,), output_tokens=1)) for s in seconds]
    found = await points(there, *answers, histograms="exponential")
    point = found["gen_ai.client.operation.time_to_first_chunk"][()]
    counts = list(point.positive.bucket_counts)
    assert len(counts) <= 160
    assert (counts[0], counts[-1]) != (0, 0)
    assert point.count == point.zero_count + sum(counts) == 500
    base = 2.0 ** (2.0**-point.scale)
    bounds = base ** (point.positive.offset + np.arange(len(counts) + 1))
    measured = np.array([1001.0 + s for s in seconds]) - 1001.0
    assert np.histogram(measured, bounds)[0].tolist() == counts


async def test_a_receiver_that_is_down_costs_a_count() -> None:
    async with receiver() as gone:
        url = gone.http
    registry = Registry()
    metrics: Any = {"enabled": True, "interval": 0.05}
    (outlet,) = OtlpSettings(enabled=True, traces=False, endpoint=url, metrics=metrics).open(registry).exchanges
    outlet.put([exchanged()])
    await outlet.aclose()
    await outlet.aclose()
    exports = registry.counter(names.OTLP_METRICS_EXPORTS).labels().value
    assert exports >= 1
    assert registry.counter(names.OTLP_METRICS_FAILURES).labels().value == exports
    assert registry.counter(names.OUTLET_EXPORTED).labels("otlp_metrics").value == 1


async def test_totals_are_sent_again_on_every_interval(there: Receiver) -> None:
    registry = Registry()
    metrics: Any = {"enabled": True, "interval": 0.05}
    (outlet,) = OtlpSettings(enabled=True, traces=False, endpoint=there.http, metrics=metrics).open(registry).exchanges
    outlet.put([exchanged()] * 512)  # a whole batch is counted in at once
    for _ in range(1000):
        if there.requests >= 3:
            break
        await asyncio.sleep(0.01)
    await outlet.aclose()
    ends = [m for m in there.metrics if m.name == "gen_ai.client.operation.duration"]
    assert len(ends) >= 3
    assert {m.histogram.data_points[0].count for m in ends} == {512}
    assert len({m.histogram.data_points[0].start_time_unix_nano for m in ends}) == 1
