"""The vectorised columns against the plain definitions."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld import derived
from swelld.columns import columns
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource

moments = st.lists(st.floats(0.0, 5.0), max_size=12).map(sorted)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """Any record that an exchange can leave behind."""
    outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.TIMEOUT, Outcome.DROPPED]))
    due = draw(st.none() | st.floats(0.0, 1.0))
    if outcome is Outcome.DROPPED:
        return Measurement(stage=0, target=0, index=0, warmup=False, outcome=outcome, due=0.5, end=0.5)
    sent = (due or 0.0) + draw(st.floats(0.0, 0.1))
    tokens = [sent + 0.01 + m for m in draw(moments)]
    end = (tokens[-1] if tokens else sent) + draw(st.floats(0.0, 0.1))
    count = draw(st.none() | st.integers(0, 20))
    return Measurement(
        stage=0,
        target=0,
        index=0,
        warmup=False,
        outcome=outcome,
        error_type=None if outcome is Outcome.OK else ErrorType.READ_TIMEOUT,
        due=due,
        sent=sent,
        connect=draw(st.none() | st.floats(0.0, 0.1)),
        first_byte=tokens[0] if tokens else end,
        first_answer=tokens[0] if tokens else None,
        end=end,
        tokens_at=array("d", tokens).tobytes(),
        streamed=bool(tokens),
        output_tokens=count,
        token_source=None if count is None else TokenSource.SERVER,
        input_tokens=draw(st.none() | st.integers(1, 100)),
    )


DEFINITIONS = {
    "ttfb": derived.ttfb,
    "ttft": derived.ttft,
    "ttfo": derived.ttfo,
    "tpot": derived.tpot,
    "e2e": derived.e2e,
    "corrected_ttft": derived.corrected_ttft,
    "corrected_e2e": derived.corrected_e2e,
}


@given(batch=st.lists(measurements(), max_size=15))
def test_columns_are_the_definitions_of_every_good_answer(batch: list[Measurement]) -> None:
    found = columns(batch, {})
    good = [m for m in batch if m.outcome is Outcome.OK]
    for name, definition in DEFINITIONS.items():
        expected = [value for m in good if (value := definition(m)) is not None]
        assert getattr(found, name).tolist() == pytest.approx(expected), name
    assert found.gaps.tolist() == pytest.approx([gap for m in good for gap in derived.gaps(m)])
    assert found.stalls == sum(len(derived.stalls(m)) for m in good)
    assert found.lag.tolist() == pytest.approx([v for m in batch if (v := derived.lag(m)) is not None])


@given(batch=st.lists(measurements(), max_size=15))
def test_every_exchange_is_counted_once_good_or_bad(batch: list[Measurement]) -> None:
    found = columns(batch, {"ttft": 0.5, "tpot": 0.1, "itl": 1.0, "e2e": 2.0})
    assert sum(found.outcomes.values()) == len(batch)
    assert found.slo_good + sum(found.slo_bad_by_reason.values()) == len(batch)
    assert found.failed.size == sum(m.outcome is Outcome.TIMEOUT for m in batch)


def answer(tokens: list[float], output: int | None = None, **more: object) -> Measurement:
    known = {"stage": 0, "target": 0, "index": 0, "warmup": False, "outcome": Outcome.OK, "sent": 0.0}
    known |= {"end": tokens[-1] if tokens else 1.0, "tokens_at": array("d", tokens).tobytes()}
    known |= {"output_tokens": output, "token_source": TokenSource.SERVER if output is not None else None}
    return Measurement(**(known | more))  # type: ignore[arg-type]


def judged(m: Measurement, **thresholds: float) -> dict[str, int]:
    found = columns([m], thresholds)
    return {"good": found.slo_good} | found.slo_bad_by_reason


def test_a_request_is_good_only_if_it_meets_every_threshold() -> None:
    m = answer([0.1, 0.2, 0.4], 3)
    assert judged(m, ttft=0.1, tpot=0.16, itl=0.21, e2e=0.4) == {"good": 1}
    assert judged(m, ttft=0.09) == {"good": 0, "ttft": 1}
    assert judged(m, tpot=0.14) == {"good": 0, "tpot": 1}
    assert judged(m, itl=0.19) == {"good": 0, "itl": 1}
    assert judged(m, e2e=0.39) == {"good": 0, "e2e": 1}


def test_one_token_has_no_tpot_and_cannot_miss_it_but_no_token_misses_ttft() -> None:
    assert judged(answer([0.1], 1), tpot=0.001) == {"good": 1}
    assert judged(answer([], 0), ttft=10.0) == {"good": 0, "ttft": 1}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.TIMEOUT, "timeout"),
        (Outcome.DROPPED, "dropped"),
        (Outcome.CANCELLED, "cancelled"),
        (Outcome.THROTTLED, "error"),
        (Outcome.FAILED, "error"),
        (Outcome.UNREACHABLE, "error"),
    ],
)
def test_whatever_got_no_answer_is_bad(outcome: Outcome, reason: str) -> None:
    assert judged(answer([], None, outcome=outcome), e2e=100.0) == {"good": 0, reason: 1}


def test_nothing_missing_becomes_a_zero() -> None:
    found = columns([answer([], None)], {})
    empty = ("ttft", "ttfo", "ttfb", "tpot", "lag", "corrected_ttft", "output_tokens", "input_tokens", "connect")
    assert {name: getattr(found, name).size for name in empty} == dict.fromkeys(empty, 0)
    assert not found.output_tokens_by_source
    assert found.gaps.size == 0


def test_a_stall_is_long_in_itself_and_for_its_answer() -> None:
    stalled = answer([1.0, 1.1, 1.2, 1.9, 2.0])
    brief = answer([1.0, 1.01, 1.02, 1.2, 1.21])
    slow = answer([1.0, 2.0, 3.0, 6.0])
    assert columns([stalled, brief, slow, answer([1.0])], {}).stalls == 1
    assert columns([stalled, stalled, answer([1.0, 9.0, 9.1, 9.2])], {}).stalls == 3
    assert columns([brief], {}).stalls == 0
    assert columns([answer([1.0, 1.1, 1.2, 1.9], outcome=Outcome.TIMEOUT)], {}).stalls == 0


def test_sampled_exchanges_are_kept_whatever_became_of_them() -> None:
    good, failed = answer([1.0], sampled=True), answer([], outcome=Outcome.FAILED, sampled=True)
    assert columns([answer([1.0]), good, failed, answer([2.0])], {}).sampled == (good, failed)


def test_gaps_never_reach_from_one_answer_into_the_next() -> None:
    found = columns([answer([1.0, 2.0]), answer([5.0]), answer([7.0, 7.5, 9.0])], {})
    assert found.gaps.tolist() == [1.0, 0.5, 1.5]
    assert not np.isnan(found.e2e).any()
    assert math.isclose(found.e2e.sum(), 2.0 + 5.0 + 9.0)
