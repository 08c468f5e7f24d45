"""Live progress: rates of the last seconds, which fall where nothing comes any more."""

import pytest

from measurements import measured
from swelld.columns import columns
from swelld.hub.pace import LATENCIES, Pace
from swelld.measurement import Measurement, Outcome, TokenSource


class Watched:
    """A pace on a clock of the test's own, from 1000.0 on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pace = Pace(lambda: self.now)

    def batch(self, *measurements: Measurement) -> None:
        self.pace.add(columns(measurements, {}), self.now)


def good(e2e: float = 1.0, tokens: int = 10) -> Measurement:
    return measured(
        sent=1000.0,
        end=1000.0 + e2e,
        tokens_at=(1000.0 + e2e / 4, 1000.0 + e2e),
        output_tokens=tokens,
        token_source=TokenSource.SERVER,
        streamed=True,
    )


def test_nothing_is_known_before_the_first_answer() -> None:
    pace = Watched().pace
    assert (pace.request_rate(), pace.token_rate(), pace.failed) == (0.0, 0.0, 0)
    assert (pace.e2e_p90(), pace.ttft_p50()) == (None, None)


def test_rates_are_those_of_the_last_five_seconds() -> None:
    seen = Watched()
    for _ in range(20):
        seen.batch(good(), good())
        seen.now += 0.5
    assert seen.now == 1010.0
    assert seen.pace.request_rate() == pytest.approx(4.0)  # two every half a second
    assert seen.pace.token_rate() == pytest.approx(40.0)


def test_rates_of_a_run_that_has_just_begun_are_over_what_there_was() -> None:
    seen = Watched()
    seen.batch(good())
    assert seen.pace.request_rate() == pytest.approx(5.0)  # at least over a pulse
    seen.now += 0.5
    seen.batch(good())
    assert seen.pace.request_rate() == pytest.approx(4.0)


def test_rates_fall_to_nothing_where_nothing_comes_any_more() -> None:
    seen = Watched()
    for _ in range(10):
        seen.batch(good())
        seen.now += 0.5
    seen.now += 2.4  # five are older than five seconds by now
    assert seen.pace.request_rate() == pytest.approx(1.0)
    seen.now += 10.0
    assert (seen.pace.request_rate(), seen.pace.token_rate()) == (0.0, 0.0)
    assert seen.pace.e2e_p90() == pytest.approx(1.0)  # of the last answers, whenever they came


def test_failures_count_and_are_no_answers() -> None:
    seen = Watched()
    seen.batch(good(), measured(Outcome.FAILED), measured(Outcome.DROPPED))
    assert (seen.pace.failed, seen.pace.request_rate()) == (2, 5.0)


def test_quantiles_are_of_a_bounded_number_of_answers() -> None:
    seen = Watched()
    seen.batch(*[good(9.0)] * LATENCIES)
    seen.batch(*[good(2.0)] * LATENCIES)
    assert (seen.pace.e2e_p90(), seen.pace.ttft_p50()) == (2.0, 0.5)
