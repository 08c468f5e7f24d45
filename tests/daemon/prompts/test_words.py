"""Every word must be what the text is counted as: one token."""

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from swelld.prompts import words


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_each_piece_is_one_token(name: str, reference: dict[str, tiktoken.Encoding]) -> None:
    encoding = reference[name]
    found = {piece for table in words._tables(0) for piece in table}
    assert len(found) > 600
    assert {piece: len(encoding.encode_ordinary(piece)) for piece in found} == dict.fromkeys(found, 1)


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_each_first_word_is_one_token_without_its_space(name: str, reference: dict[str, tiktoken.Encoding]) -> None:
    first = {piece[1:] for number in range(8) for piece in words._tables(number)[0]}
    assert {word: len(reference[name].encode_ordinary(word)) for word in first} == dict.fromkeys(first, 1)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=600))
def test_text_has_as_many_tokens_as_bytes_follow_the_first(
    reference: dict[str, tiktoken.Encoding], data: bytes
) -> None:
    text = words.text(data)
    for name in ("cl100k_base", "o200k_base"):
        assert len(reference[name].encode_ordinary(text)) == len(data) - 1


def test_text_reads_like_sentences() -> None:
    begun = " The active address accepted the active address above the address. The address alone accepted"
    assert words.text(bytes(16)) == begun
    assert words.text(bytes([7, *range(9)])) == " Across this ancient apple, Amy disappeared constantly behind"


def test_all_tables_take_any_byte() -> None:
    assert {len(table) for table in words._tables(3)} == {256}
