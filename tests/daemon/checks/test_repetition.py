"""Loops at the end of an answer, and texts that look a little like them."""

import pytest

from swelld.checks.repetition import LEAST, LONGEST_UNIT, REPEATS, loops

PROSE = (
    "The tide table says low water at a quarter past four. Most of the boats are on the mud by then, leaning on their "
    "keels like old men on sticks, and the children walk between them with buckets. Nobody hurries. "
)
STEP = "I should check the invoice number against the ledger before I answer. "
PARAGRAPH = (
    "As an assistant I have to point out that the figures in the table are those of the year before. If you need "
    "those of this year, ask the office that keeps them, and mention the number of the file.\n\n"
)
TABLE = "| name | size |\n|------|------|\n" + "".join(f"| disk{n} | {n * 37} GB |\n" for n in range(60))
CODE = "".join(f"    if key == {n}:\n        return table[{n}]\n" for n in range(50))
CHORUS = (
    "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\nLife is but a dream.\n"
)


@pytest.mark.parametrize(
    "text",
    [
        PROSE + STEP * 5,
        PROSE + STEP * 40 + STEP[:31],  # cut at the token limit
        PROSE + PARAGRAPH * 7,
        "the " * 60,
        PROSE + "\n" * 300,
        PROSE + "!" * LEAST,
        "0, " * 4000,
        "ab" * 100 + "c" * LEAST,
        "は" * 250,
        "abcabcabc X " * 20,  # a piece that repeats a smaller one within itself
    ],
)
def test_a_loop_is_found(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris.",
        PROSE,
        PROSE + STEP * 4,
        TABLE,
        CODE,
        CHORUS * 3,
        ", ".join(map(str, range(1, 500))),
        "ha " * 20,
        "-" * (LEAST - 1),
        PROSE + "=" * 79 + "\n",
        STEP * 40 + "That is all I can say about the invoice.",  # it got out of it
    ],
)
def test_what_only_looks_like_a_loop_is_none(text: str) -> None:
    assert not loops(text)


@pytest.mark.parametrize("size", [50, 200, LONGEST_UNIT])
def test_a_piece_counts_up_to_the_longest_and_from_the_fifth_time_on(size: int) -> None:
    unit = "".join(f"{n:04d}" for n in range(size))[:size]
    assert loops("start " + unit * REPEATS)
    assert not loops("start " + unit * (REPEATS - 1))


def test_a_longer_piece_is_not_looked_for() -> None:
    unit = "".join(f"{n:04d}" for n in range(LONGEST_UNIT))[: LONGEST_UNIT + 1]
    assert not loops(unit * 10)


def test_only_the_end_of_a_long_text_is_read() -> None:
    assert loops(PROSE * 2000 + STEP * 30)
    assert not loops(STEP * 30 + PROSE + CODE)
