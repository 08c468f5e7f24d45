"""Synthetic prompts have the tokens they should, whatever tokenizer is asked."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from swelld.prompt import Prompt
from swelld.prompts.synthetic import Groups, Synthetic
from swelld.prompts.tokens import tokenizer

LENGTHS: dict[str, Any] = {
    "one": 1,
    "fixed": 256,
    "uniform": {"kind": "uniform", "min": 1, "max": 40},
    "normal": {"kind": "normal", "mean": 200, "std": 60, "max": 400},
    "lognormal": {"kind": "lognormal", "median": 100, "sigma": 1, "max": 3000},
}
OPENINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "unique": {"unique": True},
    "groups": {"groups": {"count": 3, "tokens": 33}},
}


def text(prompt: Prompt) -> str:
    (message,) = prompt.messages
    assert message.role == "user"
    return message.content


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("lengths", LENGTHS)
def test_counts_are_exact_in_both_encodings(
    lengths: str, opening: str, reference: dict[str, tiktoken.Encoding]
) -> None:
    prompts = Synthetic(input_tokens=LENGTHS[lengths], **OPENINGS[opening]).open(7)
    for index in range(60):
        counts = {name: len(reference[name].encode_ordinary(text(prompts[index]))) for name in reference}
        assert counts == dict.fromkeys(reference, prompts[index].input_tokens)


@settings(deadline=None)
@given(prefix=st.text(max_size=40), unique=st.booleans(), seed=st.integers(), index=st.integers(0, 10**9))
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_any_prefix_is_counted_exactly(
    name: str, reference: dict[str, tiktoken.Encoding], prefix: str, unique: bool, seed: int, index: int
) -> None:
    prompt = Synthetic(input_tokens=9, prefix=prefix, unique=unique, tokenizer=name).open(seed)[index]
    assert prompt.input_tokens == len(reference[name].encode_ordinary(text(prompt)))
    assert text(prompt)[13 if unique and prefix else 0 :].startswith("" if unique else prefix)


def test_the_prefix_comes_on_top_of_the_length() -> None:
    prompt = Synthetic(input_tokens=20, prefix="You are a helpful assistant.\n\n").open(1)[0]
    assert text(prompt).startswith("You are a helpful assistant.\n\n ")
    assert prompt.input_tokens == 20 + tokenizer("o200k_base").count("You are a helpful assistant.\n\n") == 26


def test_a_fixed_length_is_kept_and_output_asked_for() -> None:
    prompt = Synthetic(input_tokens=64, output_tokens=17).open(3)[5]
    assert (prompt.name, prompt.input_tokens, prompt.max_tokens, prompt.category) == ("synthetic-5", 64, 17, "")
    assert Synthetic(output_tokens=None).open(3)[5].max_tokens is None
    assert (Synthetic().open(0)[0].input_tokens, Synthetic().open(0)[0].max_tokens) == (256, 128)
    assert Synthetic().open(0).size is None


def test_lengths_are_drawn_apart_from_each_other() -> None:
    uniform = {"kind": "uniform", "min": 1, "max": 1000}
    prompts = Synthetic(input_tokens=uniform, output_tokens=uniform).open(11)
    drawn = [(prompts[index].input_tokens or 0, prompts[index].max_tokens or 0) for index in range(400)]
    assert len(set(drawn)) == 400
    quarters = [sum(inp <= 500 for inp, _ in drawn), sum(out <= 500 for _, out in drawn)]
    quarters += [sum(inp <= 500 and out <= 500 for inp, out in drawn) * 2]
    assert all(150 <= count <= 250 for count in quarters)


def test_the_same_seed_gives_the_same_prompts_in_any_order_and_another_seed_others() -> None:
    source = Synthetic(input_tokens=LENGTHS["normal"], groups=Groups(count=4, tokens=10))
    forwards, backwards, other = source.open(5), source.open(5), source.open(6)
    there = [forwards[index] for index in range(50)]
    back = [backwards[index] for index in reversed(range(50))]
    assert there == back[::-1]
    assert not {text(prompt) for prompt in there} & {text(other[index]) for index in range(50)}
    assert len({text(prompt) for prompt in there}) == 50


def test_known_prompts_stay_as_they_are() -> None:
    prompt = Synthetic(input_tokens=12, unique=True).open(42)[1000]
    assert text(prompt) == "121197630843 His ranch upon our dear winner was firm"


@settings(deadline=None)
@given(shards=st.integers(1, 7), seed=st.integers(0, 2**64), count=st.integers(1, 40), data=st.data())
def test_shards_make_together_what_one_makes_alone(shards: int, seed: int, count: int, data: st.DataObject) -> None:
    opening = data.draw(st.sampled_from(sorted(OPENINGS)))
    source = Synthetic(input_tokens=LENGTHS["uniform"], **OPENINGS[opening])
    alone = source.open(seed)
    shared: dict[int, Prompt] = {}
    for shard in range(shards):
        own = source.open(seed)
        share = data.draw(st.permutations(range(shard, count, shards)))
        shared |= {index: own[index] for index in share}
    assert shared == {index: alone[index] for index in range(count)}


def test_groups_share_their_beginning_and_nothing_more(reference: dict[str, tiktoken.Encoding]) -> None:
    prompts = Synthetic(input_tokens=30, prefix="Hello.", groups=Groups(count=4, tokens=100)).open(2)
    by_group: dict[str, list[list[int]]] = {}
    for index in range(200):
        encoded = reference["o200k_base"].encode_ordinary(text(prompts[index]))
        by_group.setdefault(prompts[index].category, []).append(encoded)
    assert sorted(by_group) == ["group-0", "group-1", "group-2", "group-3"]
    assert all(len(members) > 20 for members in by_group.values())
    assert {len(encoded) for members in by_group.values() for encoded in members} == {2 + 100 + 30}
    beginnings = {tuple(encoded[:102]) for members in by_group.values() for encoded in members}
    assert len(beginnings) == 4
    assert len({tuple(encoded[102:112]) for members in by_group.values() for encoded in members}) == 200


def test_nonces_are_unique_and_spread_over_their_first_digits() -> None:
    prompts = Synthetic(input_tokens=6, unique=True, prefix="Say:").open(1)
    heads = [text(prompts[index])[:13] for index in range(2000)]
    assert all(head[:12].isdecimal() and head[12] == "\n" for head in heads)
    assert len({head[:12] for head in heads}) == 2000
    assert len({head[:3] for head in heads}) > 800
    other = Synthetic(input_tokens=6, unique=True).open(2)
    assert text(other[0])[:12] not in heads


def test_a_unique_prompt_is_never_its_nonce_alone() -> None:
    prompt = Synthetic(input_tokens=1, unique=True).open(1)[0]
    assert prompt.input_tokens == 5
    assert len(text(prompt).split()) == 2


def test_unique_and_groups_contradict() -> None:
    with pytest.raises(ValidationError, match="`unique` defeats the prefix cache that `groups` are made to use: drop"):
        Synthetic(unique=True, groups=Groups(count=2, tokens=10))


@pytest.mark.parametrize("opening", [*OPENINGS, "prefix"])
def test_another_tokenizer_is_met_and_the_count_is_true(opening: str, odd_tokenizer: Path) -> None:
    count = tokenizer(str(odd_tokenizer)).count
    options = OPENINGS.get(opening, {"prefix": "Answer in one word.\n"})
    prompts = Synthetic(
        input_tokens={"kind": "uniform", "min": 14, "max": 300}, tokenizer=str(odd_tokenizer), **options
    ).open(9)
    wanted = Synthetic(input_tokens={"kind": "uniform", "min": 14, "max": 300}).open(9)
    extra = {"prefix": count("Answer in one word.\n"), "groups": 33}.get(opening, 0)
    short = []
    for index in range(40):
        assert prompts[index].input_tokens == count(text(prompts[index]))
        short.append((wanted[index].input_tokens or 0) + extra - (prompts[index].input_tokens or 0))
    assert short == [0] * 40


def test_a_tokenizer_that_merges_words_is_met_as_well(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split(",", "removed")  # a token reaches from comma to comma
    made.save(str(tmp_path / "tokenizer.json"))
    prompt = Synthetic(input_tokens=30, tokenizer=str(tmp_path)).open(4)[0]
    assert prompt.input_tokens == tokenizer(str(tmp_path)).count(text(prompt)) == text(prompt).count(",") + 1
    assert 1 <= prompt.input_tokens <= 30


def test_an_unknown_tokenizer_fails_when_opened() -> None:
    with pytest.raises(ValueError, match="'cl100k' is neither a file nor one of the encodings"):
        Synthetic(tokenizer="cl100k").open(1)


def test_no_tokenizer_is_loaded_for_exact_text() -> None:
    code = (
        "import sys; from swelld.prompts.synthetic import Synthetic; Synthetic(unique=True).open(1)[0]; "
        "print(sorted({'tiktoken', 'tokenizers', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
