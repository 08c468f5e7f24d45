"""Scripts are absolute, seeded, and say what the plan says."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from swelld.sim.faults import answer
from swelld.sim.options import Fault, SimOptions
from swelld.sim.plan import Refused, plan
from swelld.sim.script import Ending, Step
from swelld.sim.wire import Chat


def steps(number: int = 1, options: SimOptions | None = None, **sim: Any) -> tuple[list[Step], Ending]:
    """The whole script of a streamed chat answer."""
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True, "sim": sim}
    made = plan(msgspec.json.encode(body), None, True, options or SimOptions(), number)
    script, found = answer(made, Chat(made, number, 0), True), []
    while True:
        try:
            found.append(next(script))
        except StopIteration as stop:
            return found, stop.value


def offsets(found: list[Step]) -> list[float]:
    """Of the token-bearing steps."""
    return [offset for offset, _, tokens in found if tokens]


def test_offsets_do_not_accumulate_errors() -> None:
    found, ending = steps(ttft=0.05, itl=0.01, tokens=1000)
    assert offsets(found) == [0.05 + place * 0.01 for place in range(1000)]
    assert found[-1][0] == offsets(found)[-1]
    assert ending is Ending.KEEP


def test_jitter_is_seeded_adds_and_keeps_the_order() -> None:
    jittered = offsets(steps(ttft=0.05, itl=0.01, tokens=200, jitter=0.03)[0])
    late = [offset - (0.05 + place * 0.01) for place, offset in enumerate(jittered)]
    assert jittered == offsets(steps(ttft=0.05, itl=0.01, tokens=200, jitter=0.03)[0])
    assert jittered != offsets(steps(2, ttft=0.05, itl=0.01, tokens=200, jitter=0.03)[0])
    assert all(later >= earlier for earlier, later in pairwise(jittered))
    assert min(late) >= 0
    assert 0.01 < sum(late) / len(late) < 0.03


def test_early_role_comes_before_the_first_token() -> None:
    found, _ = steps(early_role=True, tokens=1)
    assert [(offset, tokens) for offset, _, tokens in found] == [(0.0, 0), (0.05, 1), (0.05, 0)]
    assert b'"role":"assistant"' in found[0][1]
    assert b'"role"' not in found[1][1]


def test_stall_moves_all_that_follows() -> None:
    found, ending = steps(ttft=0.0, itl=1.0, tokens=4, fault="stall", after=2, seconds=10)
    assert offsets(found) == [0.0, 1.0, 12.0, 13.0]
    assert ending is Ending.KEEP
    found, ending = steps(ttft=0.0, itl=1.0, tokens=4, fault="stall", after=2)
    assert (offsets(found), ending) == ([0.0, 1.0], Ending.HANG)


def test_slow_head_ends_before_the_first_token() -> None:
    found, _ = steps(ttft=1.0, itl=1.0, tokens=2, fault="slow_headers", seconds=5)
    head = [(offset, data) for offset, data, _ in found if len(data) == 1]
    assert b"".join(data for _, data in head).endswith(b"\r\n\r\n")
    assert 4.9 < head[-1][0] < 5
    assert offsets(found) == [6.0, 7.0]


def test_split_is_never_out_of_order() -> None:
    found, _ = steps(ttft=0.0, itl=0.001, tokens=6, fault="split_utf8", after=2)
    moments = [offset for offset, _, _ in found]
    assert moments == sorted(moments)
    assert sum(tokens for _, _, tokens in found) == 6
    assert sum(len(data) == 1 for _, data, _ in found) > 300


@pytest.mark.parametrize("sim", [{"ttft": 0.1}, {"itl": 0.1}, {"tokens_per_event": 2}, {"fault": "stall"}])
def test_the_realistic_mode_keeps_no_moments_of_others(sim: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="realistic mode") as refused:
        steps(options=SimOptions(mode="realistic"), **sim)
    assert refused.value.status == 400


def test_faults_that_move_moments_do_not_strike_the_realistic_mode() -> None:
    always = Fault(rate=1.0)
    both = SimOptions(mode="realistic", faults={"stall": always, "cut": always})
    assert steps(options=both)[1] is Ending.CLOSE
    assert steps(options=SimOptions(faults={"stall": always, "cut": always}))[1] is Ending.HANG


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SimOptions(itl=-1), r"\$\.itl"),
        (SimOptions(faults={"cut": Fault(rate=2)}), r"\$\.faults"),
        (SimOptions(tls_key="k.pem"), "tls_cert"),
        (SimOptions(mode="realistic", kv_blocks=10), "kv_blocks"),
        (SimOptions(mode="realistic", tokens_per_event=2), "tokens_per_event"),
        (SimOptions(mode="realistic", tokens=8192), "max_model_len"),
    ],
)
def test_wrong_options_are_named(options: SimOptions, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options.verified()
