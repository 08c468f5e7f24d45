"""The whole model: defaults, addresses, shares of traffic, seeds."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.settings import Address, Settings
from swelld.settings.model import parse_shards
from swelld.settings.web import format_address, parse_address
from swelld_exporters.sinks import Rotation


def settings(**keys: Any) -> Settings:
    return Settings.model_validate({"targets": {"a": {"url": "http://a"}, "b": {"url": "http://b"}}} | keys)


def test_the_defaults() -> None:
    made = settings()
    assert made.web.listen == Address("127.0.0.1", 9464)
    assert (made.shards, made.seed, str(made.store.dir)) == ("auto", 0, "results")
    assert (made.log.level, made.log.format) == ("info", "auto")
    assert made.exporters.files.enabled is None
    assert made.scenarios == {}


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("scenario", "shares"),
    [
        ({}, {"a": 1.0, "b": 1.0}),
        ({"targets": "b"}, {"b": 1.0}),
        ({"targets": "a,b", "mix": "weighted"}, {"a": 0.5, "b": 0.5}),
        ({"targets": [{"target": "a", "weight": 3}, {"target": "b", "weight": 1}]}, {"a": 0.75, "b": 0.25}),
        ({"mix": "weighted"}, {"a": 0.5, "b": 0.5}),
    ],
)
def test_the_shares_of_the_targets(scenario: dict[str, Any], shares: dict[str, float]) -> None:
    made = settings(scenarios={"s": {"load": "1/s", "duration": "1s"} | scenario})
    assert made.shares(made.scenarios["s"]) == shares


def test_a_scenario_may_have_a_seed_of_its_own() -> None:
    load = {"load": "1/s", "duration": "1s"}
    made = settings(seed=5, scenarios={"own": load | {"seed": 0}, "common": load})
    assert made.seed_of(made.scenarios["own"]) == 0
    assert made.seed_of(made.scenarios["common"]) == 5


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        (":0", Address("", 0)),
        ("[::1]:80", Address("::1", 80)),
        ("metrics.local:65535", Address("metrics.local", 65535)),
    ],
)
def test_addresses_are_read_and_printed_back(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert format_address(address) == text


@pytest.mark.parametrize("text", ["9464", "host", "host:", "host:65536", "::1:80", "a b:1", 9464])
def test_what_is_no_address_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is no address; write HOST:PORT, :PORT or"):
        parse_address(text)


def test_shards_are_a_number_or_a_word() -> None:
    assert [parse_shards(value) for value in ("auto", "Inline", "4", 4)] == ["auto", "inline", 4, 4]
    for wrong in (0, "0", "many", True, 1.5):
        with pytest.raises(ValueError, match="is no number of shards; write auto, inline or a number"):
            parse_shards(wrong)


def test_every_contradiction_between_scenarios_and_targets_is_told() -> None:
    scenario = {"load": "1/s", "duration": "1s", "targets": "a,c", "objectives": {"ttft": "1s", "tpot": "1s"}}
    with pytest.raises(ValidationError) as caught:
        settings(targets={"a": {"url": "http://a", "stream": False}}, scenarios={"s": scenario})
    message = str(caught.value)
    assert "scenarios.s.targets.1: there is no target 'c'" in message
    assert "scenarios.s.objectives.ttft: needs a streamed answer, but the target 'a' has `stream: false`" in message
    assert "scenarios.s.objectives.tpot: needs a streamed answer" in message


@pytest.mark.parametrize(
    ("written", "url", "interval"),
    [
        ("auto", "auto", 5.0),
        ("off", "off", 5.0),
        (False, "off", 5.0),  # as YAML reads it
        ("http://a:8002/metrics", "http://a:8002/metrics", 5.0),
        ({"url": False, "interval": "1s"}, "off", 1.0),
        ({"interval": "500ms"}, "auto", 0.5),
    ],
)
def test_a_targets_metrics_in_short(written: Any, url: str, interval: float) -> None:
    made = settings(targets={"a": {"url": "http://a", "metrics": written}}).targets["a"].metrics
    assert (made.url, made.interval, made.tolerance) == (url, interval, 0.05)


@pytest.mark.parametrize("written", ["yes", "/metrics", True, "ftp://a/metrics", "http://u:p@a/metrics"])
def test_metrics_that_are_no_url(written: Any) -> None:
    with pytest.raises(ValidationError, match=r"write auto, off, or the URL|no user or password|valid string"):
        settings(targets={"a": {"url": "http://a", "metrics": written}})


def test_files_of_requests() -> None:
    made = settings(exporters={"files": {"formats": "csv, jsonl,csv", "max_size": "64MiB"}}).exporters.files
    assert made.formats == ("csv", "jsonl")
    assert made.rotation == Rotation(64 * 2**20, 5)
    assert settings().exporters.files.rotation is None


def test_parquet_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swelld_exporters.sinks.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"pip install 'swelld\[parquet\]'"):
        settings(exporters={"files": {"formats": "parquet"}})
    assert settings(exporters={"files": {"formats": "csv"}}).exporters.files.formats == ("csv",)
