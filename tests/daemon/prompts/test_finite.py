"""Finite sets go round without end; shuffled ones in another order each time."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from swelld.prompts.inline import Inline

TEN = Inline(prompts=tuple(f"Question {number}?" for number in range(10)), order="shuffled")


def test_sequential_starts_again() -> None:
    prompts = Inline(prompts=("One?", "Two?"), max_tokens=8).open(1)
    assert prompts.size == 2
    asked = [(prompts[index].name, prompts[index].messages[0].content) for index in range(5)]
    assert asked == [("inline-1", "One?"), ("inline-2", "Two?")] * 2 + [("inline-1", "One?")]
    assert (prompts[1].messages[0].role, prompts[1].max_tokens, prompts[1].input_tokens) == ("user", 8, None)


def test_each_shuffled_round_has_every_prompt_once_in_an_order_of_its_own() -> None:
    prompts = TEN.open(3)
    rounds = [[prompts[10 * turn + place].name for place in range(10)] for turn in range(5)]
    assert all(sorted(names) == sorted(f"inline-{number}" for number in range(1, 11)) for names in rounds)
    assert len({tuple(names) for names in rounds}) == 5


def test_the_seed_decides_the_order() -> None:
    names = [[TEN.open(seed)[index].name for index in range(30)] for seed in (1, 1, 2, -5)]
    assert names[0] == names[1]
    assert len({tuple(each) for each in names}) == 3


@settings(deadline=None)
@given(shards=st.integers(1, 6), seed=st.integers(), count=st.integers(1, 60), data=st.data())
def test_shards_make_together_what_one_makes_alone(shards: int, seed: int, count: int, data: st.DataObject) -> None:
    alone = TEN.open(seed)
    shared: list[str] = []
    for shard in range(shards):
        own = TEN.open(seed)
        shared += [own[index].name for index in data.draw(st.permutations(range(shard, count, shards)))]
    assert Counter(shared) == Counter(alone[index].name for index in range(count))


@pytest.mark.parametrize("prompts", [(), ("",)])
def test_nothing_to_ask_is_refused(prompts: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="should have at least 1"):
        Inline(prompts=prompts)
