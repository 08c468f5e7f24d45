"""The plain definitions against exchanges whose moments are known."""

from typing import Any

import msgspec
import pytest

from measurements import measured, moments
from swelld import derived
from swelld.measurement import ErrorType, Measurement, Outcome

STREAMED = measured(
    due=100.0,
    sent=100.5,
    first_byte=100.75,
    tokens_at=(101.0, 101.25, 102.0),
    first_answer=101.25,
    end=102.5,
    output_tokens=5,
)


def changed(**changes: Any) -> Measurement:
    return msgspec.structs.replace(STREAMED, **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lag", 0.5),
        ("ttfb", 0.25),
        ("ttft", 0.5),
        ("ttfo", 0.75),
        ("tpot", 0.25),
        ("e2e", 1.5),
        ("corrected_ttft", 1.0),
        ("corrected_e2e", 2.0),
    ],
)
def test_streamed_answer_by_the_definitions(name: str, value: float) -> None:
    assert getattr(derived, name)(STREAMED) == value


def test_gaps_are_between_consecutive_events() -> None:
    assert derived.gaps(STREAMED).tolist() == [0.25, 0.75]


def test_answer_that_was_not_streamed_has_an_end_and_no_tokens() -> None:
    whole = changed(streamed=False, tokens_at=moments(102.5))
    assert derived.e2e(whole) == 2.0
    assert derived.corrected_e2e(whole) == 2.5
    assert derived.ttfb(whole) == 0.25
    assert [derived.ttft(whole), derived.ttfo(whole), derived.tpot(whole), derived.corrected_ttft(whole)] == [None] * 4
    assert derived.gaps(whole).size == 0


def test_streamed_answer_without_a_token_ends_with_its_body() -> None:
    silent = changed(tokens_at=b"", first_answer=None)
    assert derived.e2e(silent) == 2.0
    assert derived.ttft(silent) is None


@pytest.mark.parametrize("output_tokens", [None, 0, 1])
def test_tpot_of_one_token_or_less_is_undefined(output_tokens: int | None) -> None:
    assert derived.tpot(changed(output_tokens=output_tokens)) is None


def test_tpot_of_tokens_in_one_event_is_undefined_not_zero() -> None:
    assert derived.tpot(changed(tokens_at=moments(101.0))) is None


def test_closed_loop_has_no_lag_and_nothing_to_correct() -> None:
    closed = changed(due=None)
    assert [derived.lag(closed), derived.corrected_ttft(closed), derived.corrected_e2e(closed)] == [None] * 3
    assert derived.ttft(closed) == 0.5


def test_dropped_arrival_has_no_duration_at_all() -> None:
    dropped = measured(Outcome.DROPPED, due=100.0, end=100.0)
    names = ("lag", "ttfb", "ttft", "ttfo", "tpot", "e2e", "corrected_ttft", "corrected_e2e")
    assert [getattr(derived, name)(dropped) for name in names] == [None] * 8


def test_failure_keeps_what_was_seen_before_it() -> None:
    cut = changed(outcome=Outcome.TRUNCATED, error_type=ErrorType.TRUNCATED, output_tokens=None)
    assert derived.ttft(cut) == 0.5
    assert derived.tpot(cut) is None
