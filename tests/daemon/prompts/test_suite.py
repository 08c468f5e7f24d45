"""The suite is a full grid, and its filters cut it along its lines."""

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from swelld.prompt import Prompt
from swelld.prompts.finite import FinitePrompts
from swelld.prompts.suite import Suite
from swelld.prompts.tokens import tokenizer

TOKENS = {"short": (8, 60), "medium": (100, 250), "long": (500, 1000)}


def everything(prompts: FinitePrompts) -> list[Prompt]:
    return [prompts[index] for index in range(prompts.size or 0)]


def test_two_prompts_in_each_of_nine_places() -> None:
    suite = everything(Suite().open(0))
    assert len(suite) == 18
    places = Counter(tuple(prompt.category.split("/")[:2]) for prompt in suite)
    grid = {(length, level) for length in TOKENS for level in ("simple", "moderate", "complex")}
    assert places == dict.fromkeys(grid, 2)
    assert {prompt.name for prompt in suite} == {f"{a}-{b}-{number}" for a, b in grid for number in (1, 2)}
    assert all(prompt.name.rsplit("-", 1)[0] == "-".join(prompt.category.split("/")[:2]) for prompt in suite)


def test_twelve_categories_and_no_prompt_twice() -> None:
    suite = everything(Suite().open(0))
    assert len({prompt.category.split("/")[2] for prompt in suite}) == 12
    assert len({prompt.messages[0].content for prompt in suite}) == 18


def test_lengths_are_what_they_say_and_answers_grow_with_them() -> None:
    count = tokenizer("cl100k_base").count
    for prompt in everything(Suite().open(0)):
        length = prompt.category.split("/")[0]
        shortest, longest = TOKENS[length]
        assert shortest <= count(prompt.messages[0].content) <= longest
        assert prompt.max_tokens == {"short": 128, "medium": 256, "long": 512}[length]
        assert prompt.messages[0].content == prompt.messages[0].content.strip()


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"lengths": ["short"], "complexities": ["simple"]}, ["short-simple-1", "short-simple-2"]),
        ({"lengths": "short,medium", "categories": "coding"}, ["short-moderate-2", "medium-complex-1"]),
        ({"categories": ["creative", "factual"]}, ["short-simple-1", "long-moderate-1"]),
    ],
)
def test_filters(filters: dict[str, Any], names: list[str]) -> None:
    assert [prompt.name for prompt in everything(Suite(**filters).open(0))] == names


def test_shuffled_is_another_order_of_the_same() -> None:
    plain, mixed = everything(Suite().open(4)), everything(Suite(order="shuffled").open(4))
    assert plain != mixed
    assert sorted(prompt.name for prompt in plain) == sorted(prompt.name for prompt in mixed)


def test_filters_that_leave_nothing_are_refused() -> None:
    suite = Suite(lengths=("short",), categories=("summarisation",))
    with pytest.raises(ValueError, match="no prompt of the suite passes its filters: drop one of lengths, complex"):
        suite.open(0)


def test_an_unknown_category_is_told_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'analysis', 'classification', 'coding', 'creative'"):
        Suite.model_validate({"categories": ["poetry"]})
