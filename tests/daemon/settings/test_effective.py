"""The effective configuration: secrets redacted, and loading again to the same settings."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from swelld.settings import ConfigError, Settings, effective, load_settings, redacted
from swelld.settings.file import parse

EXAMPLES = sorted((Path(__file__).parents[3] / "docs" / "examples").glob("*.yaml"))
ODD_TEXT = ["1e3", "yes", "010", "~", "null", "12:30", "2026-01-01", "=", "<<", "- a", "a: b", "#", "", " x ", "ä\n'\""]


def again(settings: Settings) -> Settings:
    return Settings.model_validate(parse(effective(settings), "effective").data)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_every_example_loads_and_its_effective_form_loads_to_the_same(file: Path) -> None:
    settings = load_settings(file, {})
    assert again(settings) == settings
    assert json.loads(json.dumps(redacted(settings))) == redacted(settings)


def test_the_example_files_are_there() -> None:
    assert [file.stem for file in EXAMPLES] == ["canary", "capacity", "contention", "dataset", "ramp"]


@pytest.mark.parametrize("text", ODD_TEXT)
def test_text_stays_text(text: str) -> None:
    target = {"url": "http://a", "model": text, "extra_body": {"a": text, text: [None, True, 1.5]}}
    settings = Settings.model_validate({"targets": {"a": target}})
    assert again(settings) == settings


def test_a_null_that_says_something_is_kept() -> None:
    settings = Settings.model_validate(
        {
            "targets": {"a": {"url": "http://a", "extra_body": {"seed": None}}},
            "scenarios": {
                "s": {"load": "1/s", "duration": "1s", "prompts": {"kind": "synthetic", "output_tokens": None}}
            },
        }
    )
    data = redacted(settings)
    assert data["targets"]["a"]["extra_body"] == {"seed": None}
    assert data["scenarios"]["s"]["prompts"]["output_tokens"] is None
    assert "requests" not in data["scenarios"]["s"]
    assert again(settings) == settings


def test_quantities_are_printed_as_people_write_them() -> None:
    settings = Settings.model_validate(
        {
            "targets": {"a": {"url": "http://a", "timeouts": {"connect": 0.25}, "max_response": 2**20}},
            "scenarios": {"s": {"load": {"rate": ["60/min", "1..20/s"]}, "duration": 90}},
        }
    )
    data = redacted(settings)
    assert data["targets"]["a"]["timeouts"] == {"connect": "250ms", "first_token": "2m", "idle": "1m", "total": "10m"}
    assert data["targets"]["a"]["max_response"] == "1MiB"
    assert data["scenarios"]["s"]["load"]["rate"] == ["1/s", "1/s..20/s"]
    assert data["scenarios"]["s"]["duration"] == "90s"
    assert (data["web"]["listen"], data["web"]["control_rate"], data["web"]["max_body"]) == (
        "127.0.0.1:9464",
        "5/s",
        "1MiB",
    )


def test_secrets_are_redacted_and_references_are_shown() -> None:
    settings = Settings.model_validate(
        {
            "targets": {
                "plain": {
                    "url": "http://a/v1?api-key=sk-canary&version=2",
                    "api_key": "sk-canary",
                    "headers": {"Authorization": "Bearer sk-canary", "X-Api-Key": "sk-canary", "X-Team": "search"},
                    "extra_body": {"nested": [{"api_key": "sk-canary"}], "max_tokens": 5, "token": "sk-canary"},
                },
                "env": {"url": "http://b", "api_key": {"env": "KEY"}},
                "file": {"url": "http://c", "api_key": {"file": "/run/secrets/key"}},
            }
        }
    )
    assert "canary" not in effective(settings)
    targets = redacted(settings)["targets"]
    assert targets["plain"]["url"] == "http://a/v1?api-key=***&version=2"
    assert targets["plain"]["api_key"] == "***"
    assert targets["plain"]["headers"] == {"Authorization": "***", "X-Api-Key": "***", "X-Team": "search"}
    assert targets["plain"]["extra_body"] == {"nested": [{"api_key": "***"}], "max_tokens": 5, "token": "***"}
    assert targets["env"]["api_key"] == {"env": "KEY"}
    assert targets["file"]["api_key"] == {"file": "/run/secrets/key"}
    assert "canary" not in repr(settings.targets["plain"].api_key)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
PLACES: list[tuple[str, ...]] = [
    ("targets",),
    ("targets", "a"),
    ("targets", "a", "url"),
    ("targets", "a", "api"),
    ("targets", "a", "api_key"),
    ("targets", "a", "headers"),
    ("targets", "a", "timeouts"),
    ("targets", "a", "max_response"),
    ("scenarios",),
    ("scenarios", "s"),
    ("scenarios", "s", "targets"),
    ("scenarios", "s", "mix"),
    ("scenarios", "s", "load"),
    ("scenarios", "s", "load", "rate"),
    ("scenarios", "s", "duration"),
    ("scenarios", "s", "prompts"),
    ("scenarios", "s", "prompts", "kind"),
    ("scenarios", "s", "prompts", "input_tokens"),
    ("scenarios", "s", "objectives"),
    ("web", "listen"),
    ("shards",),
    ("log", "level"),
]


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_whatever_is_written_loads_or_is_told_in_our_words(place: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "targets": {"a": {"url": "http://a"}},
        "scenarios": {
            "s": {"load": {} if "load" in place else "1/s", "duration": "1s", "prompts": {"kind": "synthetic"}}
        },
        "web": {},
        "log": {},
    }
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    file = tmp_path / "swelld.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    problems = problems_of(file)
    assert all(problem.startswith(str(file)) for problem in problems)
    assert not any(word in "".join(problems).lower() for word in ("pydantic", "input should", "validation error"))
    if not problems and "api_key" not in place:
        settings = load_settings(file, {})
        assert again(settings) == settings


def problems_of(file: Path) -> list[str]:
    try:
        load_settings(file, {})
    except ConfigError as error:
        return error.problems
    return []
