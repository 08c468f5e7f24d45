"""What each target loses to the others."""

from typing import Any

import msgspec
import pytest

from sample_results import result, spread, stage, validity
from swelld.analysis.contention import contended
from swelld.result import Result, StageResult, StandardError


def measured(target: str, ttft: float, rate: float, *, alone: bool, error: float = 0.01, **changes: Any) -> StageResult:
    made = stage(
        stage=f"rate=5 solo={target}" if alone else "rate=5",
        solo_of="rate=5" if alone else None,
        target=target,
        ttft=spread(ttft),
        output_token_rate=rate,
        **changes,
    )
    assert made.ttft.p50 is not None
    known = {
        "ttft.p50": StandardError(error * made.ttft.p50, 11),
        "output_token_rate": StandardError(error * rate, 11),
        "e2e.p50": StandardError(error * 1.5, 11),
    }
    return msgspec.structs.replace(made, precision=known)


def mixed(*stages: StageResult) -> Result:
    return contended(result(stages))


def test_the_loss_is_how_much_worse_it_was() -> None:
    found = mixed(
        measured("a", 0.1, 1000.0, alone=True),
        measured("b", 0.1, 1000.0, alone=True),
        measured("a", 0.15, 800.0, alone=False),
        measured("b", 0.1, 1000.0, alone=False),
    )
    assert found.contention is not None
    a, b = found.contention
    assert (a.stage, a.solo_stage, a.target, a.valid) == ("rate=5", "rate=5 solo=a", "a", True)
    ttft, tokens = a.figures["ttft.p50"], a.figures["output_token_rate"]
    assert ttft.loss == pytest.approx(0.5, abs=0.005)
    assert tokens.loss == pytest.approx(0.2)
    assert (tokens.alone, tokens.together) == (1000.0, 800.0)
    assert tokens.low is not None
    assert tokens.high is not None
    assert 0.17 < tokens.low < 0.2 < tokens.high < 0.23
    assert b.figures["output_token_rate"].loss == 0.0
    assert (a.figures["tpot.p50"].loss, a.figures["tpot.p50"].low) == (0.0, None)  # how precise that is is not known
    assert "goodput" not in a.figures


def test_the_verdict_tells_what_was_lost_for_sure() -> None:
    found = mixed(
        measured("a", 0.1, 1000.0, alone=True),
        measured("b", 0.1, 1000.0, alone=True, error=0.3),
        measured("a", 0.15, 800.0, alone=False),
        measured("b", 0.15, 1000.0, alone=False, error=0.3),
    )
    assert [(f.level, f.stage, f.target) for f in found.verdict] == [
        ("WARNING", "rate=5", "a"),
        ("PASS", "rate=5", "b"),  # that may be chance
    ]
    assert found.verdict[0].text == (
        "beside the others TTFT p50 99.7 ms -> 149 ms (+49.7%); output tokens/s 1,000 -> 800 (-20.0%)"
    )
    assert {f.subject for f in found.verdict} == {"contention loss"}


def test_in_doubt_where_the_load_generator_was_the_bottleneck() -> None:
    found = mixed(
        measured("a", 0.1, 1000.0, alone=True),
        measured("a", 0.15, 800.0, alone=False, validity=validity(valid=False, reasons=["late"])),
    )
    assert found.contention is not None
    assert not found.contention[0].valid
    assert found.verdict[0].text.endswith("; in doubt: the load generator was the bottleneck")


def test_without_a_target_alone_nothing_is_said() -> None:
    plain = result([measured("a", 0.1, 1000.0, alone=False)])
    assert contended(plain) is plain
