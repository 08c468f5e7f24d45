"""The closed unions: every kind is there, and is chosen the way users write it."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from swelld.adapters.base import Options
from swelld.components import ADAPTERS, LOADS, PROMPTS, Load, Prompts
from swelld.load.closed import Closed
from swelld.load.open import Open
from swelld.load.replay import Playback, Replay
from swelld.load.sequential import Sequential
from swelld.prompts.suite import Suite

LOAD: TypeAdapter[Any] = TypeAdapter(Load)
SOURCE: TypeAdapter[Any] = TypeAdapter(Prompts)


def test_every_adapter_is_one_wire_format() -> None:
    paths = {name: adapter(Options(model="m")).path for name, adapter in ADAPTERS.items()}
    assert paths == {
        "openai_chat": "/v1/chat/completions",
        "openai_completions": "/v1/completions",
        "llamacpp": "/completion",
    }


def test_every_source_goes_by_its_own_kind() -> None:
    kinds = "synthetic suite conversations sharegpt jsonl csv text inline trace sessions dialogues"
    assert list(PROMPTS) == kinds.split()
    assert {kind: source.model_fields["kind"].default for kind, source in PROMPTS.items()} == {k: k for k in PROMPTS}


def test_no_two_kinds_of_load_share_a_key() -> None:
    keys = [key for load in LOADS.values() for key in load.model_fields]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("written", "load"),
    [
        ({"concurrency": "1,10"}, Closed(concurrency=(1, 10))),
        ({"rate": 5}, Open(rate=(5.0,))),
        ({"iterations": 3}, Sequential(iterations=3)),
        ("300/min", Open(rate=(5.0,))),
        ("replay", Replay(replay=Playback())),
        ({"replay": "2x"}, Replay(replay=Playback(speed=(2.0,)))),
        (5, Open(rate=(5.0,))),
        (Closed(concurrency=(7,)), Closed(concurrency=(7,))),
    ],
)
def test_the_kind_of_a_load_follows_from_its_keys(written: Any, load: Any) -> None:
    assert LOAD.validate_python(written) == load


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"concurrency": 1, "rate": 1, "iterations": 1},
            r"mixes keys .*: `concurrency` \(closed\), `rate` \(open\), `iterations` \(sequential\)",
        ),
        ({"ramp_up": "1s", "arrivals": "poisson"}, r"`ramp_up` \(closed\), `arrivals` \(open\)"),
        ({"reat": 1}, "reat: is not known here; did you mean rate"),
        ({}, "is not a load; give `concurrency`"),
        (True, "is not a load"),
        (None, "is not a load"),
    ],
)
def test_a_load_of_no_kind_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LOAD.validate_python(written)


def test_a_source_is_chosen_by_kind_or_by_its_bare_name() -> None:
    assert SOURCE.validate_python("suite") == Suite()
    assert SOURCE.validate_python({"kind": "suite", "lengths": "short"}) == Suite(lengths=("short",))
    assert SOURCE.validate_python(Suite(order="shuffled")) == Suite(order="shuffled")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("siute", "'siute' is no source of prompts; did you mean suite"),
        ({"kind": ["suite"]}, "is no source of prompts"),
        ({"file": "a.csv"}, "kind: is missing; kinds are synthetic, suite"),
        (5, "is not a source of prompts; write `kind:` and its keys"),
    ],
)
def test_a_source_of_no_kind_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SOURCE.validate_python(written)
