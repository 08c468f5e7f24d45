"""Which exchanges get a span, and that the objective is judged as everywhere else."""

from itertools import product
from typing import Any

import pytest

from exchanges import bad, exchanged, good
from swelld.columns import columns
from swelld.measurement import Measurement, Outcome
from swelld_exporters.otlp.choice import sampling, violated

UNDRAWN: dict[str, Any] = {"sampled": False}


@pytest.mark.parametrize(
    ("m", "slow", "thresholds", "why"),
    [
        (good(), None, {}, "head"),
        (good(**UNDRAWN), None, {}, None),
        (good(**UNDRAWN), 1.5, {}, None),
        (good(**UNDRAWN), 1.49, {}, "tail"),
        (good(**UNDRAWN), None, {"ttft": 0.25}, None),
        (good(**UNDRAWN), None, {"ttft": 0.24}, "tail"),
        (good(warmup=True, **UNDRAWN), None, {"ttft": 0.24}, None),
        (good(warmup=True, **UNDRAWN), 1.0, {}, "tail"),
        (bad(), None, {}, "tail"),
        (bad(sampled=True), None, {}, "head"),
        (bad(outcome=Outcome.CANCELLED), None, {}, "tail"),
        (bad(outcome=Outcome.DROPPED, sent=None), None, {}, None),
        (good(trace_id=None), None, {}, None),
    ],
)
def test_drawn_failed_slow_and_objective_breaking_ones_are_chosen(
    m: Measurement, slow: float | None, thresholds: dict[str, float], why: str | None
) -> None:
    assert sampling(exchanged(m, thresholds=thresholds), slow) == why


ANSWERS = [
    good(),
    good(tokens_at=(1001.25,), output_tokens=1),
    good(tokens_at=(1001.25,), output_tokens=6),
    good(tokens_at=(), streamed=False),
    good(tokens_at=()),
]


@pytest.mark.parametrize(
    ("m", "name", "most"),
    [*product(ANSWERS, ("ttft", "tpot", "itl", "e2e"), (0.1, 0.25, 0.75, 1.5, 1.6))],
)
def test_the_objective_is_judged_as_for_the_metrics(m: Measurement, name: str, most: float) -> None:
    missed = columns([m], {name: most}).slo_bad_by_reason
    assert violated(exchanged(m, thresholds={name: most})) == tuple(missed)
