"""What fails which check, and which exchanges are drawn."""

import time
from typing import Any

import pytest

from swelld.checks.judge import Judge
from swelld.checks.settings import Checks

STEP = "I should check the invoice number against the ledger before I answer. "


def judge(seed: int = 1, target: int = 0, **keys: Any) -> Judge:
    return Judge(Checks.model_validate(keys), seed, target)


@pytest.mark.parametrize(
    ("keys", "text", "reason", "failed"),
    [
        ({"non_empty": True}, "", "stop", "non_empty"),
        ({"non_empty": True}, " \n\t", "stop", "non_empty"),
        ({"non_empty": True}, " a", "stop", None),
        ({"finish_reason": ["stop", "length"]}, "", "length", None),
        ({"finish_reason": "stop"}, "x", "length", "finish_reason"),
        ({"finish_reason": "stop"}, "x", None, "finish_reason"),
        ({"json": True}, ' {"a": [1, 2]}\n', "stop", None),
        ({"json": True}, '{"a": [1, 2]', "length", "json"),
        ({"json": True}, '```json\n{"a": 1}\n```', "stop", "json"),
        ({"json": True}, '{"a": 1} I hope that helps', "stop", "json"),
        ({"json": True}, "", "stop", "json"),
        ({"json": True}, "[" * 5000 + "]" * 5000, "stop", "json"),
        ({"json": True}, '"\ud800"', "stop", "json"),
        ({"regex": "(?i)paris"}, "It is PARIS, of course.", "stop", None),
        ({"regex": "(?i)paris"}, "It is Lyon.", "stop", "regex"),
        ({"regex": "^ok$"}, "not ok", "stop", "regex"),
        ({"regex": "Zürich"}, "In Zürich\ud800", "stop", None),
        ({"repetition": True}, STEP * 8, "length", "repetition"),
        ({"repetition": True}, STEP, "stop", None),
    ],
)
def test_each_check(keys: dict[str, Any], text: str, reason: str | None, failed: str | None) -> None:
    assert judge(**keys).failed(text, reason) == failed


def test_the_first_check_that_fails_is_the_one_that_is_named() -> None:
    everything = judge(non_empty=True, finish_reason="stop", json=True, regex="x", repetition=True)
    assert everything.failed("", "length") == "non_empty"
    assert everything.failed("{", "length") == "finish_reason"
    assert everything.failed("{", "stop") == "json"
    assert everything.failed("{}", "stop") == "regex"
    assert everything.failed('"' + "x" * 300 + '"', "stop") is None
    assert everything.failed("1" * 300 + "." + "x" * 300, "stop") == "json"


def test_of_a_long_answer_the_pattern_sees_the_beginning_and_json_is_not_judged() -> None:
    assert judge(regex="end", max_chars=256).failed("x" * 253 + "end", "stop") is None
    assert judge(regex="end", max_chars=256).failed("x" * 254 + "end", "stop") == "regex"
    assert judge(json=True, max_chars=256).failed("{" + "x" * 255, "stop") == "json"
    assert judge(json=True, max_chars=256).failed("{" + "x" * 256, "stop") is None


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(.*a){11}b", r"(\w+\s?)*!"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Those are what a backtracking search never comes back from."""
    slow = judge(regex=pattern, max_chars=32768)
    begin = time.process_time()
    assert slow.failed("a" * 32766 + "?", "stop") == "regex"
    assert time.process_time() - begin < 2.0


def test_the_sample_is_a_share_that_the_seed_fixes() -> None:
    half, again, other = judge(json=True, sample=0.1), judge(json=True, sample=0.1), judge(2, json=True, sample=0.1)
    drawn = [index for index in range(20_000) if half.draws(0, index)]
    assert 1800 < len(drawn) < 2200
    assert drawn == [index for index in range(20_000) if again.draws(0, index)]
    assert drawn != [index for index in range(20_000) if other.draws(0, index)]
    elsewhere = judge(1, 1, json=True, sample=0.1)
    assert drawn != [index for index in range(20_000) if elsewhere.draws(0, index)]
    assert drawn != [index for index in range(20_000) if half.draws(1, index)]


def test_all_are_drawn_if_not_said() -> None:
    assert all(judge(json=True).draws(3, index) for index in range(1000))
