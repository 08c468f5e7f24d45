"""Who gives out on a rung, and what a ladder comes to."""

from typing import Any

import msgspec
import pytest

from swelld.analysis.capacity import Capacity, Ladder, Limit, Rung, Simulator, Timing, capacity, limit, summary

DONE = Simulator(ttft=Timing(0.05, 0.051), e2e=Timing(0.68, 0.69), lateness=Timing(0.0001, 0.001), scripted_e2e=0.68)
GOOD = Rung(
    ladder="streams",
    level=100,
    expected_rate=147.0,
    request_rate=146.0,
    token_rate=9400.0,
    ttft=Timing(0.0503, 0.052),
    lag=Timing(),
    cpu_per_token=16e-6,
    cpu_per_request=1e-3,
    failed=0,
    failure=None,
    simulator=DONE,
)
PUNCTUAL = msgspec.structs.replace(GOOD, ladder="rate", lag=Timing(0.0002, 0.0009))


def changed(rung: Rung, **fields: Any) -> Rung:
    return msgspec.structs.replace(rung, **fields)


def did(**fields: Any) -> Simulator:
    return msgspec.structs.replace(DONE, **fields)


@pytest.mark.parametrize(
    ("rung", "found"),
    [
        (GOOD, None),
        (PUNCTUAL, None),
        (changed(GOOD, ttft=Timing(0.05099)), None),
        (changed(GOOD, ttft=Timing(0.05112)), Limit("swelld", "TTFT wrong by 1.12 ms")),
        (changed(GOOD, ttft=Timing(0.0485)), Limit("swelld", "TTFT wrong by -1.50 ms")),
        (changed(GOOD, ttft=Timing()), Limit("swelld", "no answer in the window")),
        (changed(PUNCTUAL, lag=Timing(0.0002, 0.002)), Limit("swelld", "requests 2.00 ms late at p99")),
        (changed(GOOD, failed=3, failure="reset"), Limit("swelld", "3 requests failed: reset")),
        (changed(GOOD, request_rate=140.0), None),
        (changed(GOOD, request_rate=73.5), Limit("swelld", "only 50.0% of the load")),
        (changed(GOOD, simulator=did(lateness=Timing(0.0, 0.0051))), Limit("simulator", "5.10 ms late")),
        (
            changed(GOOD, simulator=did(e2e=Timing(0.75, 0.8))),
            Limit("simulator", "answers took 750 ms instead of 680 ms"),
        ),
        (
            changed(GOOD, ttft=Timing(0.2), simulator=did(lateness=Timing(0.0, 0.012))),
            Limit("simulator", "12.0 ms late"),
        ),
    ],
)
def test_who_gives_out(rung: Rung, found: Limit | None) -> None:
    assert limit(rung) == found


def test_the_error_is_reported_less_true() -> None:
    assert GOOD.error == pytest.approx(0.0003)
    assert changed(GOOD, simulator=did(ttft=Timing())).error is None


def rungs(ladder: Ladder, *levels: int, last: Rung) -> list[Rung]:
    """Good rungs, and the last one as given."""
    good = GOOD if ladder == "streams" else PUNCTUAL
    found = [changed(good, level=n, token_rate=94.0 * n, request_rate=147.0 + n, expected_rate=147.0) for n in levels]
    return [*found[:-1], changed(last, ladder=ladder, level=levels[-1])]


def found(*all_rungs: Rung) -> Capacity:
    return capacity(all_rungs, "1.0", "2 cores", 1)


def test_a_ladder_comes_to_its_last_good_rung() -> None:
    wrong = changed(GOOD, ttft=Timing(0.06))
    late = changed(PUNCTUAL, simulator=did(lateness=Timing(0.0, 0.02)))
    whole = found(*rungs("streams", 25, 50, 100, last=wrong), *rungs("rate", 200, 400, last=late))
    assert (whole.streams, whole.token_rate, whole.request_rate) == (50, 4700.0, 347.0)
    assert summary(whole) == [
        "up to 50 streams, 4,700 tokens/s, 347 requests/s with an error under 1 ms",
        "100 streams: too much for swelld beside the simulator (TTFT wrong by 10.0 ms)",
        "400 requests/s: the simulator gave out, not swelld (20.0 ms late); against another machine there may be more",
    ]


def test_a_ladder_may_end_before_its_first_rung_or_not_at_all() -> None:
    wrong = changed(GOOD, ttft=Timing(0.06))
    whole = found(*rungs("streams", 25, last=wrong), *rungs("rate", 3200, last=PUNCTUAL))
    assert (whole.streams, whole.token_rate) == (None, None)
    assert whole.request_rate == pytest.approx(146.0)
    assert summary(whole) == [
        "fewer than 25 streams, 146 requests/s with an error under 1 ms",
        "25 streams: too much for swelld beside the simulator (TTFT wrong by 10.0 ms)",
        "3,200 requests/s: not the limit, no more was tried",
    ]
