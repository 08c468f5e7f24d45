"""Checks as they are written in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.checks import settings
from swelld.checks.settings import Checks


def made(**keys: Any) -> Checks:
    return Checks.model_validate(keys)


def message(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        made(**keys)
    return "; ".join(error["msg"] for error in caught.value.errors())


def test_the_names_are_in_the_order_of_judgement() -> None:
    everything = made(repetition=True, regex="x", json=True, finish_reason="stop,length", non_empty=True)
    assert everything.names() == ("non_empty", "finish_reason", "json", "regex", "repetition")
    assert everything.finish_reason == ("stop", "length")
    assert (everything.sample, everything.max_chars) == (1.0, 16384)
    assert made(json=True).names() == ("json",)


def test_printed_back_it_is_as_it_was_written() -> None:
    checks = made(json=True, sample=0.25)
    data = checks.model_dump(mode="json", by_alias=True)
    assert (data["json"], data["sample"]) == (True, 0.25)
    assert Checks.model_validate(data) == checks


@pytest.mark.parametrize("keys", [{}, {"sample": 0.5}, {"non_empty": False, "finish_reason": []}])
def test_checks_of_nothing_are_refused(keys: dict[str, Any]) -> None:
    assert "checks nothing; give one of non_empty, finish_reason, json, regex, repetition" in message(**keys)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "'(' cannot be used: missing ): ("),
        ("(?=later)", "cannot be used: invalid perl operator: (?="),
        (r"(a)\1", r"cannot be used: invalid escape sequence: \1"),
        ("x{2000}", "cannot be used: invalid repetition size: {2000}"),
        ("\ud800", "cannot be used: it holds half of a surrogate pair"),
    ],
)
def test_a_pattern_that_cannot_be_searched_for_is_refused(pattern: str, reason: str) -> None:
    assert reason in message(regex=pattern)


def test_a_pattern_that_costs_too_much_is_refused_with_the_length_that_it_may_have() -> None:
    large = "[ab]*a[ab]{900}c"
    found = message(regex=large)
    assert "is too costly for texts of 16384 characters; shorten it, or lower `max_chars` to " in found
    most = int(found.rsplit(" ", 1)[1])
    assert made(regex=large, max_chars=most).regex == large
    assert "too costly" in message(regex=large, max_chars=most + 20)


def test_the_package_that_a_pattern_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    assert "needs the package google-re2: pip install 'swelld[checks]'" in message(regex="x")
    assert made(json=True).regex is None


@pytest.mark.parametrize("keys", [{"sample": 0}, {"sample": 1.1}, {"max_chars": 255}, {"max_chars": 65537}])
def test_numbers_have_bounds(keys: dict[str, Any]) -> None:
    assert "should be" in message(json=True, **keys)
