"""What measurements made by hand add up to."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from measurements import measured
from swelld.columns import columns
from swelld.hub.tally import Tally, Window
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld.result import ErrorCount, ObjectiveShare, Requests, StageResult, Statistics, Tokens, Validity

START = 100.0
TIMED = OpenStage(label="rate=1", rate=1.0, duration=10.0)
COUNTED = ClosedStage(label="concurrency=2", users=2, requests=3)
VALID = Validity(valid=True, reasons=[], event_loop_lag=Statistics(count=0))

BATCH = [
    measured(
        index=0, due=100.9, sent=101.0, first_byte=101.4, first_answer=102.0, end=103.2, connect=0.01,
        tokens_at=(101.5, 102.0, 102.5, 103.0), input_tokens=10, output_tokens=5, token_source=TokenSource.SERVER,
        cached_tokens=3,
    ),
    measured(
        index=1, due=109.0, sent=109.0, end=112.0, tokens_at=(109.5, 110.0, 111.0, 112.0),
        input_tokens=20, output_tokens=8, token_source=TokenSource.SERVER,
    ),
    measured(Outcome.TIMEOUT, index=2, due=102.0, sent=102.0, end=107.0, error_type=ErrorType.READ_TIMEOUT, detail="?"),
    measured(Outcome.DROPPED, index=3, due=105.0, end=105.0),
    measured(Outcome.CANCELLED, index=4, due=109.5, sent=109.5, end=115.0, error_type=ErrorType.CANCELLED),
    measured(Outcome.UNREACHABLE, index=5, due=106.0, end=106.5, error_type=ErrorType.CONNECT, detail="refused"),
]  # fmt: skip
"""A good answer; one that reaches over the end of the window; and every way to end without one."""


def tallied(
    batch: Sequence[Measurement],
    stage: Stage = TIMED,
    thresholds: Mapping[str, float] | None = None,
    cut: float | None = None,
    pieces: int = 1,
) -> StageResult:
    """The figures of a stage that started at START, whose measurements come in so many batches."""
    tally = Tally(thresholds or {}, Window(stage, START))
    size = max(1, -(-len(batch) // pieces))
    for place in range(0, len(batch), size):
        piece = batch[place : place + size]
        tally.add(piece, columns(piece, thresholds or {}))
    if cut is not None:
        tally.window.cut(cut)
    return tally.result(stage, ("here", "tiny"), 0.9, VALID)


def bounds(figures: Statistics) -> tuple[float | None, ...]:
    return figures.count, figures.min, figures.max


@pytest.mark.parametrize("pieces", [1, 2, 6])
def test_counts_and_rates_of_a_window(pieces: int) -> None:
    result = tallied(BATCH, pieces=pieces)
    assert (result.stage, result.target, result.model, result.window_seconds) == ("rate=1", "here", "tiny", 10.0)
    assert result.requests == Requests(scheduled=6, started=5, ok=2, failed=2, dropped=1, cancelled=1)
    assert result.outcomes == {"ok": 2, "timeout": 1, "dropped": 1, "cancelled": 1, "unreachable": 1}
    assert result.request_rate == pytest.approx(1 / 10)  # the second answer was not complete at the end
    assert result.output_token_rate == pytest.approx((5 + 8 * 2 / 4) / 10)  # but half of its events had come
    assert result.input_token_rate == pytest.approx(10 / 10)
    assert result.mean_in_flight == pytest.approx((2.2 + 1.0 + 5.0 + 0.5) / 10)
    assert result.tokens == Tokens(input=30, output=13, source="server", cached=3)
    assert result.errors == {
        "read_timeout": ErrorCount(1, "timeout", "?"),
        "cancelled": ErrorCount(1, "cancelled"),
        "connect": ErrorCount(1, "unreachable", "refused"),
    }


def test_only_good_answers_enter_the_times() -> None:
    result = tallied(BATCH)
    assert bounds(result.ttft) == pytest.approx((2, 0.5, 0.5))
    assert bounds(result.ttfb) == pytest.approx((1, 0.4, 0.4))
    assert bounds(result.ttfo) == pytest.approx((1, 1.0, 1.0))
    assert bounds(result.e2e) == pytest.approx((2, 2.0, 3.0))  # to the last token, not to the end
    assert bounds(result.itl) == pytest.approx((6, 0.5, 1.0))
    assert result.itl.mean == pytest.approx((3 * 0.5 + 0.5 + 1 + 1) / 6)
    assert bounds(result.tpot) == pytest.approx((2, 2.5 / 7, 1.5 / 4))
    assert bounds(result.failed) == pytest.approx((3, 0.5, 5.5))
    assert bounds(result.connect) == pytest.approx((1, 0.01, 0.01))
    assert bounds(result.lag) == pytest.approx((4, 0.0, 0.1))
    assert result.corrected.ttft.max == pytest.approx(0.6)
    assert result.corrected.e2e.max == pytest.approx(3.0)
    assert (result.output_tokens.max, result.input_tokens.min) == (8, 10)


def test_everything_scheduled_is_in_the_denominator_of_goodput() -> None:
    goodput = tallied(BATCH, thresholds={"ttft": 0.6, "e2e": 2.5}).goodput
    assert goodput is not None
    assert (goodput.good, goodput.total) == (1, 6)
    assert (goodput.ratio, goodput.rate, goodput.target_ratio) == pytest.approx((1 / 6, 0.1, 0.9))
    assert goodput.per_objective == {"ttft": ObjectiveShare(0.6, 2, 6), "e2e": ObjectiveShare(2.5, 1, 6)}
    assert tallied(BATCH).goodput is None


@pytest.mark.parametrize("pieces", [1, 3])
def test_good_answers_of_the_drain_are_in_no_rate(pieces: int) -> None:
    result = tallied(BATCH, thresholds={"ttft": 0.6}, pieces=pieces)
    assert result.goodput is not None
    assert (result.goodput.good, result.goodput.ratio) == pytest.approx((2, 2 / 6))
    assert (result.request_rate, result.goodput.rate) == pytest.approx((0.1, 0.1))  # the second ended in the drain


def test_answers_that_the_warm_up_asked_for_are_in_the_rates_and_nothing_else() -> None:
    """A server that answers every second what it was asked 8 s ago does so in the first 8 s of the window, too."""
    stage = OpenStage(label="rate=1", rate=1.0, duration=10.0, warmup_seconds=20.0)
    tally = Tally({"e2e": 9.0}, Window(stage, START))
    every = [
        measured(
            index=n, due=START + n, sent=START + n, end=START + n + 8, tokens_at=(START + n + 7, START + n + 8),
            input_tokens=3, output_tokens=2, token_source=TokenSource.SERVER,
        )
        for n in range(30)
    ]  # fmt: skip
    warm, rest = every[:20], every[20:]
    tally.overlap(warm, columns(warm, {"e2e": 9.0}))
    tally.add(rest, columns(rest, {"e2e": 9.0}))
    found = tally.result(stage, ("local", "tiny"), 0.95, VALID)
    assert (found.requests.scheduled, found.requests.ok, found.e2e.count) == (10, 10, 10)
    assert found.request_rate == pytest.approx(1.1)  # one ends at either edge
    assert found.input_token_rate == pytest.approx(3.3)
    assert found.output_token_rate == pytest.approx(2.2)
    assert found.mean_in_flight == pytest.approx(8.0)
    assert found.goodput is not None
    assert found.goodput.rate == pytest.approx(1.1)
    assert found.goodput.total == 10


def test_nothing_measured_is_nothing_said() -> None:
    result = tallied([], COUNTED, {"ttft": 1.0})
    assert (result.window_seconds, result.requests.scheduled) == (0.0, 0)
    assert (result.request_rate, result.output_token_rate, result.input_token_rate, result.mean_in_flight) == (
        None,
    ) * 4
    assert result.ttft == Statistics(count=0)
    assert result.tokens == Tokens(input=None, output=None, source=None)
    assert result.goodput is not None
    assert (result.goodput.ratio, result.goodput.rate, result.goodput.total) == (None, None, 0)


def test_a_window_without_an_answer_has_rates_of_nothing() -> None:
    result = tallied([measured(Outcome.THROTTLED, sent=101.0, end=102.0, error_type=ErrorType.HTTP_429)])
    assert (result.request_rate, result.output_token_rate) == (0.0, None)
    assert result.errors["http_429"].outcome == "throttled"


def test_an_answer_whose_tokens_nobody_counted_adds_none() -> None:
    counted = measured(sent=101.0, end=102.0, output_tokens=3, token_source=TokenSource.EVENTS)
    result = tallied([counted, measured(sent=101.0, end=102.0)])
    assert result.tokens == Tokens(input=None, output=3, source="events")
    assert result.output_tokens.count == 1


def test_several_sources_are_mixed_and_mismatches_counted() -> None:
    sources = (TokenSource.SERVER, TokenSource.EVENTS)
    batch = [
        measured(sent=101.0, end=102.0, output_tokens=4, token_source=source, token_mismatch=True) for source in sources
    ]
    tokens = tallied(batch).tokens
    assert (tokens.source, tokens.output, tokens.mismatches) == ("mixed", 8, 2)


def exchanges(*spans: tuple[float, float]) -> list[Measurement]:
    return [measured(sent=sent, end=end) for sent, end in spans]


SPANS = exchanges((100.5, 102.0), (103.0, 104.0), (104.0, 107.5))


@pytest.mark.parametrize(
    ("stage", "batch", "cut", "seconds"),
    [
        (COUNTED, SPANS, None, 7.5),  # to the last end
        (COUNTED, SPANS, 104.5, 4.5),
        (COUNTED, [], None, 0.0),
        (ClosedStage(label="c", users=1, duration=5.0), SPANS, None, 5.0),
        (ClosedStage(label="c", users=1, duration=5.0), SPANS, 103.0, 3.0),
        (ClosedStage(label="c", users=1, duration=5.0, warmup_seconds=2.0), SPANS[1:], None, 5.0),
        (ClosedStage(label="c", users=1, duration=5.0, warmup_seconds=2.0), SPANS[1:], 104.0, 2.0),
        (ClosedStage(label="c", users=1, duration=50.0, requests=3), SPANS, None, 7.5),  # whichever comes first
        (ClosedStage(label="c", users=1, duration=5.0, requests=3), SPANS, None, 5.0),
        (ClosedStage(label="c", users=1, duration=5.0, warmup_requests=2), SPANS, None, 5.0),
        (ClosedStage(label="c", users=1, requests=3, warmup_requests=2), SPANS, None, 7.0),
        (OpenStage(label="r", rate=1.0, duration=5.0), [], None, 5.0),
    ],
)
def test_the_length_of_the_window(stage: Stage, batch: list[Measurement], cut: float | None, seconds: float) -> None:
    assert tallied(batch, stage, cut=cut).window_seconds == pytest.approx(seconds)


def test_stopping_twice_cuts_where_it_was_stopped_first() -> None:
    window = Window(TIMED, START)
    window.cut(103.0)
    window.cut(108.0)
    assert window.seconds() == 3.0


def test_a_stop_after_the_end_does_not_lengthen_the_window() -> None:
    window = Window(TIMED, START)
    window.cut(START + 25.0)
    assert window.seconds() == 10.0


def test_dropped_arrivals_open_the_window_too() -> None:
    batch = [measured(Outcome.DROPPED, due=100.0, end=100.0), measured(due=101.0, sent=101.5, end=102.0)]
    assert tallied(batch, OpenStage(label="r", rate=1.0, requests=2)).window_seconds == pytest.approx(2.0)


def test_percentiles_asked_for_are_there() -> None:
    tally = Tally({}, Window(TIMED, START), (25.0, 99.5))
    batch = [measured(sent=101.0, end=101.0 + value) for value in np.linspace(0.01, 1.0, 100)]
    tally.add(batch, columns(batch, {}))
    e2e = tally.result(TIMED, ("here", "tiny"), 1.0, VALID).e2e
    assert e2e.percentile(25) == pytest.approx(0.25, rel=0.02)
    assert e2e.percentile(99.5) == pytest.approx(1.0, rel=0.02)
    assert e2e.percentile(50) == pytest.approx(0.5, rel=0.02)
    assert e2e.percentile(75) is None
