"""Which database the settings name."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from swelld.settings import Settings, effective
from swelld.store.settings import Store

TARGETS = {"a": {"url": "http://a"}}


def test_without_a_url_it_is_a_file_in_the_directory(tmp_path: Path) -> None:
    assert Store(dir=tmp_path).database() == f"sqlite:///{tmp_path}/swelld.db"


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@db:5432/runs", "postgres:///runs?host=/run/pg", "sqlite:////var/x.db"]
)
def test_a_url_is_taken_as_it_is(url: str) -> None:
    assert Store.model_validate({"url": url}).database() == url


def test_a_url_may_come_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.model_validate({"url": {"env": "RUNS_URL"}})
    with pytest.raises(ValueError, match=r"store\.url: the environment variable RUNS_URL is not set"):
        store.database()
    monkeypatch.setenv("RUNS_URL", "mysql://u:sk-canary@h/d")
    with pytest.raises(ValueError, match="is no URL of a database") as caught:
        store.database()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:sk-canary@h/d", "is no URL of a database: write postgresql://"),
        ("runs.db", "is no URL of a database"),
        ("postgresql://u:sk-canary@h", "names no database: write postgresql://"),
        ("sqlite://runs.db", "names no file: write sqlite:////ABSOLUTE/PATH"),
        ("sqlite:///", "names no file"),
    ],
)
def test_a_url_that_cannot_be_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        Store.model_validate({"url": url})
    assert "canary" not in caught.value.errors()[0]["msg"]


def test_the_url_is_not_printed() -> None:
    settings = Settings.model_validate({"targets": TARGETS, "store": {"url": "postgresql://u:sk-canary@h/d"}})
    assert "canary" not in effective(settings)
    assert "url: '***'" in effective(settings)


def test_keeping_everything_can_be_said() -> None:
    store = Store.model_validate({"keep_runs": None, "keep_for": None, "checkpoint": "2s"})
    assert (store.keep_runs, store.keep_for, store.checkpoint) == (None, None, 2.0)
    assert (Store().keep_runs, Store().keep_for) == (1000, 7_776_000.0)
