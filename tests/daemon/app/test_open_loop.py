"""Open loop against a server of known timing: every request leaves, at its moment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runs import carry_out, one_target, settings_for
from swelld.sim import SimOptions, simulated

PROMPTS = {"kind": "synthetic", "input_tokens": 32, "output_tokens": 8}
SECONDS = 6


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.05, itl=0.01)) as url:
        yield url


async def test_none_is_missing_and_the_rate_is_kept(sim: str, tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": "50/s", "duration": f"{SECONDS}s", "objectives": {"ttft": "1s"}}
    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario, shards=1))
    stage = kept.stage()
    lines = sorted(kept.lines(), key=lambda line: int(line["index"]))
    assert [line["index"] for line in lines] == list(range(50 * SECONDS))
    assert (stage.requests.scheduled, stage.requests.ok, stage.requests.dropped) == (300, 300, 0)
    assert stage.validity.offered_rate == pytest.approx(50.0)
    assert stage.validity.achieved_rate == pytest.approx(50.0, rel=0.01)
    dues = [line["due"] - lines[0]["due"] for line in lines]
    assert dues == pytest.approx([number / 50 for number in range(300)], abs=1e-5)  # it never re-bases
    assert stage.lag.count == 300
    assert stage.lag.min is not None
    assert stage.lag.p50 is not None
    assert stage.lag.min >= 0  # none leaves before it is due
    assert stage.lag.p50 < 0.02
    for line in lines:
        assert line["corrected_ttft"] == pytest.approx(line["ttft"] + line["lag"], abs=2e-6)
    assert stage.ttft.p50 == pytest.approx(0.05, abs=0.02)
    assert stage.goodput is not None
    assert stage.goodput.total == 300
