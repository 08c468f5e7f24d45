"""Reasoning is taken out of an answer wherever it stands, in any split of its pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.insight.thinking import Spoken

CASES = {
    "## Overview\nGood.": "## Overview\nGood.",
    "<think>hm\n## Overview\nno</think>## Overview\nGood.": "## Overview\nGood.",
    "hm, let me see\n</think>\n## Overview\nGood.": "\n## Overview\nGood.",
    "<think>never ends\n## Overview\nno": "",
    "Good.": "Good.",
    "Good.<think>no</think> Better.": "Good. Better.",
    "<THINKING>no</THINKING>Good.": "Good.",
    "[THINK]no[/THINK]Good.": "Good.",
    "## A\n<reasoning>no</reasoning>b < c [1] <b>": "## A\nb < c [1] <b>",
    "<think>a</think>one<think>b": "one",
    "## ends in <thi": "## ends in <thi",
}


@pytest.mark.parametrize(("answer", "spoken"), CASES.items())
def test_only_the_answer_is_left(answer: str, spoken: str) -> None:
    whole = Spoken()
    assert whole.feed(answer) + whole.close() == spoken


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 80), max_size=8))
def test_any_split_gives_the_same(answer: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    spoken = Spoken()
    text = "".join(spoken.feed(answer[start:end]) for start, end in pairwise(places))
    assert text + spoken.close() == CASES[answer]


def test_an_answer_that_begins_with_a_heading_flows() -> None:
    spoken = Spoken()
    assert [spoken.feed(piece) for piece in ("#", "# Over", "view\n", "Good")] == ["#", "# Over", "view\n", "Good"]


def test_anything_else_waits_for_the_end_of_reasoning() -> None:
    spoken = Spoken()
    assert [spoken.feed(piece) for piece in ("Okay, ", "so", "</think>", "Good", ".")] == ["", "", "", "Good", "."]


def test_a_server_that_keeps_reasoning_apart_needs_no_waiting() -> None:
    spoken = Spoken()
    spoken.sure()
    assert spoken.feed("Okay") == "Okay"


def test_what_may_be_reasoning_is_not_shown_of_half_an_answer() -> None:
    spoken = Spoken()
    assert spoken.feed("Okay, the user wants") + spoken.close(whole=False) == ""
    spoken = Spoken()
    assert spoken.feed("<think>x</think>The ru") + spoken.close(whole=False) == "The ru"
