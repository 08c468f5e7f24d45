"""Secrets that are not where the configuration says."""

from pathlib import Path
from typing import Any

import pytest

from swelld.settings import Settings, absent_secrets

REMEDY = "put it there, or name another place: {env: NAME} or {file: PATH}"


def settings(tmp_path: Path) -> Settings:
    tree: dict[str, Any] = {
        "targets": {
            "a": {"url": "http://a", "api_key": {"env": "NO_SUCH_KEY"}},
            "b": {"url": "http://b", "api_key": {"file": tmp_path / "gone"}},
            "c": {"url": "http://c", "api_key": "plain"},
        },
        "discovery": [{"http_sd": {"url": "http://d", "bearer_token": {"env": "NO_SUCH_KEY"}}}],
        "web": {"tokens": [{"name": "me", "role": "read", "token": {"env": "NO_SUCH_KEY"}}]},
        "exporters": {"otlp": {"headers": {"x": {"env": "NO_SUCH_KEY"}}}},
    }
    return Settings.model_validate(tree)


def test_each_is_named_by_its_path(tmp_path: Path) -> None:
    unset = f"the environment variable NO_SUCH_KEY is not set; {REMEDY}"
    found = absent_secrets(settings(tmp_path))
    assert sorted(found) == [
        f"discovery.0.http_sd.bearer_token: {unset}",
        f"exporters.otlp.headers.x: {unset}",
        f"targets.a.api_key: {unset}",
        f"targets.b.api_key: cannot read the secret file {tmp_path / 'gone'}: No such file or directory; {REMEDY}",
        f"web.tokens.0.token: {unset}",
    ]


def test_a_run_needs_those_of_its_targets_alone(tmp_path: Path) -> None:
    found = [text.partition(":")[0] for text in absent_secrets(settings(tmp_path), {"b"})]
    assert sorted(found) == ["discovery.0.http_sd.bearer_token", "exporters.otlp.headers.x", "targets.b.api_key"]


def test_what_is_there_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_SUCH_KEY", "secret")
    (tmp_path / "gone").write_text("secret")
    assert absent_secrets(settings(tmp_path)) == []
