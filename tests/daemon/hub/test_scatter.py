"""Standard errors of a stage's figures, from made measurements with a known truth."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from measurements import measured
from swelld.columns import columns
from swelld.distribution import Distribution
from swelld.hub.scatter import MOST, Scatter
from swelld.measurement import Measurement, Outcome
from swelld.result import StandardError

START, PULSE = 100.0, 0.2


def requests(seconds: float, rate: float, seed: int, wander: float = 0.0) -> list[Measurement]:
    """So many a second; TTFT is 100 ms and up to 100 ms more, and a part that `wander`s over the run."""
    rng = random.Random(seed)
    level, found = 0.0, []
    for number in range(round(seconds * rate)):
        sent = START + number / rate
        level = 0.98 * level + 0.2 * rng.gauss(0.0, 1.0)
        first = sent + 0.1 + 0.1 * rng.random() + wander * max(-2.0, min(2.0, level))
        found.append(
            measured(index=number, sent=sent, tokens_at=(first, first + 0.1), end=first + 0.1, output_tokens=2)
        )
    return sorted(found, key=lambda m: m.end or 0.0)


def errors(found: Sequence[Measurement], begin: float = START, end: float | None = None) -> dict[str, StandardError]:
    """As a stage adds them up, pulse by pulse."""
    scatter = Scatter()
    whole = {name: Distribution() for name in ("ttft", "tpot", "gaps", "e2e")}
    batches: dict[int, list[Measurement]] = {}
    for m in found:
        batches.setdefault(int((m.end or 0.0) / PULSE), []).append(m)
    for place, batch in sorted(batches.items()):
        table = columns(batch, {"ttft": 0.15})
        scatter.add((place + 1) * PULSE, batch, table)
        for name, distribution in whole.items():
            distribution.update(getattr(table, name))
    last = max(m.end or 0.0 for m in found)
    return scatter.precision(whole, begin, last if end is None else end)


@pytest.mark.parametrize("figure", ["ttft.mean", "ttft.p50", "ttft.p90"])
@pytest.mark.parametrize("seconds", [10.0, 30.0])  # the latter in stretches that were merged
def test_an_error_is_as_large_as_chance_really_moves_a_figure(figure: str, seconds: float) -> None:
    runs = [requests(seconds, 20.0, seed) for seed in range(30)]
    values = [[m_first(m) for m in run] for run in runs]
    percent = {"ttft.p50": 50, "ttft.p90": 90}.get(figure)
    seen = [float(np.mean(v)) if percent is None else float(np.percentile(v, percent)) for v in values]
    known = [errors(run)[figure].error for run in runs[:8]]
    assert 0.75 * np.std(seen, ddof=1) < np.mean(known) < 1.7 * np.std(seen, ddof=1)


def m_first(m: Measurement) -> float:
    assert m.sent is not None
    return float(np.frombuffer(m.tokens_at)[0]) - m.sent


def test_what_wanders_is_known_less_well_than_its_spread_says() -> None:
    """Requests next to each other have most of their TTFT in common: the spread alone makes the error far too small."""
    runs = [requests(20.0, 20.0, seed, wander=0.05) for seed in range(14)]
    naive = np.mean([np.std([m_first(m) for m in run]) / np.sqrt(len(run)) for run in runs])
    truth = np.std([np.mean([m_first(m) for m in run]) for run in runs], ddof=1)
    known = np.mean([errors(run)["ttft.mean"].error for run in runs])
    assert truth > 3 * naive
    assert known > 0.6 * truth


def test_rates_are_those_of_the_window() -> None:
    found = errors(requests(20.0, 20.0, 1), end=START + 20.0)
    assert found["request_rate"].blocks == found["output_token_rate"].blocks == 10
    assert found["request_rate"].error < 0.5  # at a constant rate of 20/s
    assert found["output_token_rate"].error == pytest.approx(2 * found["request_rate"].error)


def test_shares_are_never_known_for_sure() -> None:
    """400 requests, none of which failed; some 50 % of them good."""
    found = errors(requests(20.0, 20.0, 1))
    assert found["error_rate"].error == pytest.approx(1 / 402, rel=0.05)
    assert 0.02 < found["goodput"].error < 0.06


def test_failures_are_in_the_error_rate() -> None:
    made = requests(20.0, 20.0, 1)
    failed = [measured(Outcome.FAILED, index=m.index, sent=m.sent, end=m.end) for m in made]
    mixed = [failed[n] if n % 4 == 0 else m for n, m in enumerate(made)]
    assert 0.003 < errors(mixed)["error_rate"].error < 0.05


def test_percentiles_of_few_values_are_unknown() -> None:
    """5 of 100 values lie beyond the 95th percentile, 1 beyond the 99th."""
    assert [name for name in errors(requests(10.0, 10.0, 1)) if name.startswith("ttft")] == [
        "ttft.mean",
        "ttft.p50",
        "ttft.p90",
        "ttft.p95",
    ]


def test_a_short_stage_says_nothing() -> None:
    assert errors(requests(0.6, 20.0, 1)) == {}
    assert Scatter().precision({}, None, None) == {}


def test_its_memory_does_not_grow_with_the_run() -> None:
    scatter = Scatter()
    for minute in range(600):
        batch = [
            measured(sent=START + 60 * minute, tokens_at=(START + 60 * minute + 0.1,), end=START + 60 * minute + 0.2)
        ]
        scatter.add(START + 60 * minute + 0.2, batch, columns(batch, {}))
    assert len(scatter._times["ttft"]) <= MOST
    assert sum(d.count for d in scatter._times["ttft"].values()) == 600
    assert scatter._counts[0].sum() == 600


def test_what_came_before_the_window_is_left_out() -> None:
    """The first half is slow; the figures are of the second."""
    early = [
        measured(index=n, sent=START + n / 20, tokens_at=(START + n / 20 + 1.0,), end=START + n / 20 + 1.0)
        for n in range(200)
    ]
    late = [
        measured(index=n, sent=START + 15 + n / 20, tokens_at=(START + 15.1 + n / 20,), end=START + 15.1 + n / 20)
        for n in range(200)
    ]
    scatter, whole = Scatter(), {name: Distribution() for name in ("ttft", "tpot", "gaps", "e2e")}
    for m in [*early, *late]:
        assert m.end is not None
        scatter.add(m.end, [m], columns([m], {}))
    for name, distribution in whole.items():
        distribution.update(getattr(columns(late, {}), name))
    assert scatter.precision(whole, START + 15, START + 25)["ttft.mean"].error < 1e-6
    assert scatter.precision(whole, START, START + 25)["ttft.mean"].error > 0.01
