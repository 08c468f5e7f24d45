"""Prompts of traces: which rows, how long, what they share, and what is said of broken files."""

import json
import tracemalloc
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from swelld.prompts.tokens import tokenizer
from swelld.prompts.tracefile import CHUNK
from swelld.prompts.traces import Trace, TracePrompts

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2024-05-10 00:00:00.009930+00:00,879,55
"""
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,GPT-4,1087,0,1317,API log
118,ChatGPT,417,276,693,Conversation log
"""
MOONCAKE = [
    {"timestamp": 0, "input_length": 1200, "output_length": 52, "hash_ids": [46, 47, 48]},
    {"timestamp": 3052, "input_length": 1500, "output_length": 26, "hash_ids": [46, 47, 49]},
    {"timestamp": 3052, "input_length": 600, "output_length": 9, "hash_ids": [50, 51]},
]

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / f"trace{len(list(tmp_path.iterdir()))}"
        file.write_text(text)
        return file

    return write


def opened(file: Path, **config: Any) -> TracePrompts:
    return Trace.model_validate({"file": file, **config}).open(7)


def rows(found: TracePrompts) -> list[tuple[float, int, int, str]]:
    kept = [found.trace.row(number) for number in range(found.trace.size)]
    return [(round(row.at, 4), row.input, row.output, row.category) for row in kept]


def lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def beginning(one: str, other: str) -> str:
    """What two texts have in common."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return one[:same]


def test_published_formats_are_known_by_their_columns(write: Write) -> None:
    azure = rows(opened(write(AZURE)))
    assert azure[:2] == [(0.0, 374, 44, ""), (4.3146, 396, 109, "")]
    assert azure[2][0] == pytest.approx(176 * 86400 - 18 * 3600 - 15 * 60 - 46.68059 + 0.00993, abs=1e-3)
    assert rows(opened(write(BURSTGPT))) == [
        (0.0, 472, 18, "Conversation log"),
        (40.0, 1087, 1, "API log"),  # an answer of no tokens cannot be asked for
        (113.0, 417, 276, "Conversation log"),
    ]
    assert rows(opened(write(lines(MOONCAKE)))) == [(0.0, 1200, 52, ""), (3.052, 1500, 26, ""), (3.052, 600, 9, "")]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)])
def test_columns_of_any_name(write: Write, unit: str, factor: int) -> None:
    text = lines([{"t": at * factor, "in": 8, "out": 2, "who": "a", "more": None} for at in (3, 4, 6)])
    columns = {"time": "t", "input": "in", "output": "out", "category": "who", "unit": unit}
    assert rows(opened(write(text), columns=columns)) == [(0.0, 8, 2, "a"), (1.0, 8, 2, "a"), (3.0, 8, 2, "a")]
    quoted = 'timestamp,input_tokens,output_tokens,note\n1,8,2,"a, b"\n2,9,3,c\n'
    assert rows(opened(write(quoted), columns={})) == [(0.0, 8, 2, ""), (1.0, 9, 3, "")]


def test_a_part_of_a_trace(write: Write) -> None:
    file = write(
        "Timestamp,Request tokens,Response tokens,Kind\n" + "".join(f"{n},{n + 1},1,{n % 2}\n" for n in range(500))
    )
    part = opened(file, **{"from": "1m40s", "to": "5m"}, only={"Kind": "1"}, limit=80)
    assert part.size == 80
    assert (rows(part)[0], rows(part)[-1]) == ((1.0, 102, 1, ""), (159.0, 260, 1, ""))
    assert opened(file, **{"from": "1m40s", "to": "5m"}).trace.length == 200.0
    assert opened(file).trace.length == 500.0
    moments = [part.trace.before(moment) for moment in (0.0, 1.0, 1.1, 3.0, 158.9, 159.1, 1e9)]
    assert moments == [0, 0, 1, 1, 79, 80, 80]


def test_every_row_can_be_read_in_any_order(write: Write) -> None:
    count = 5 * CHUNK + 3
    file = write("Timestamp,Request tokens,Response tokens\n" + "".join(f"{n},{n + 1},1\n" for n in range(count)))
    found = opened(file)
    wanted = [*range(count), *range(count - 1, -1, -1), 0, count - 1, CHUNK, CHUNK - 1]
    assert [found.trace.row(number).input for number in wanted] == [number + 1 for number in wanted]
    assert [found[number].max_tokens for number in (0, count, 3 * count)] == [1, 1, 1]


def test_lengths_are_exact_in_the_usual_tokenizers(write: Write) -> None:
    for text in (AZURE, lines(MOONCAKE)):
        found = opened(write(text))
        for number in range(3):
            prompt = found[number]
            (message,) = prompt.messages
            for name in ("o200k_base", "cl100k_base"):
                assert tokenizer(name).count(message.content) == prompt.input_tokens == found.trace.row(number).input
            assert (prompt.name, prompt.max_tokens) == (f"trace-{number}", found.trace.row(number).output)


def test_equal_blocks_are_equal_text_and_nothing_else_is(write: Write) -> None:
    found = opened(write(lines(MOONCAKE)))
    first, second, third = (found[number].messages[0].content for number in range(3))
    shared = beginning(first, second)
    assert 1024 <= tokenizer("o200k_base").count(shared) < 1044  # two blocks, and words that happen to be the same
    assert len(beginning(first, third)) < 60
    short = opened(write(lines(MOONCAKE)), block_tokens=100)
    assert short[0].input_tokens == 1200  # what the blocks do not make up is its own
    again = [found[3 + number].messages[0].content for number in range(2)]
    assert len(beginning(again[0], first)) < 60  # another round finds nothing in a cache
    assert tokenizer("o200k_base").count(beginning(*again)) >= 1024


def test_the_same_seed_gives_the_same_prompts(write: Write) -> None:
    file = write(AZURE)
    one, same, other = Trace(file=file).open(1), Trace(file=file).open(1), Trace(file=file).open(2)
    assert [one[number] for number in range(5)] == [same[number] for number in range(5)]
    assert one[0].messages != other[0].messages
    assert one[0].messages != one[3].messages


def test_a_hundred_thousand_rows_take_no_memory(write: Write) -> None:
    file = write(
        "Timestamp,Request tokens,Response tokens\n" + "".join(f"{n},{n % 99 + 1},1\n" for n in range(100_000))
    )
    tracemalloc.start()
    try:
        found = opened(file)
        assert found.trace.row(99_999).input == 99_999 % 99 + 1
        for number in range(0, 100_000, 500):
            found.trace.row(number)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert found.size == 100_000


HEAD = "Timestamp,Request tokens,Response tokens\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "1,2,3\n2,x,3\n", r"line 3: `Request tokens` is 'x', not a number of tokens \(mend it, or set"),
        (HEAD + "1,2,3\n2,2.5,3\n", r"line 3: `Request tokens` is '2.5', not a number"),
        (HEAD + "1,2,3\n\n2,5,\n", "line 4: it has no `Response tokens`"),
        (HEAD + "1,2\n", "line 2: it has 2 columns, the header 3"),
        (HEAD + "5,2,3\n4,2,3\n", "line 3: it came before the one above it; sort the file by time"),
        (HEAD + "soon,2,3\n", "line 2: 'soon' is no moment"),
        (HEAD, "no request of .* is used: it has none"),
        ("", "is empty"),
        ("when,how\n1,2\n", "has the columns when, how: that is none of the known formats; name its `columns`"),
        ('{"timestamp": 1}\n', "has the columns timestamp: that is none of the known formats"),
        (lines(MOONCAKE) + "{\n", "line 4: "),
        (lines([{**MOONCAKE[0], "hash_ids": 5}]), "line 1: `hash_ids` is no list"),
    ],
)
def test_what_is_broken_is_told_with_its_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opened(write(text))


def test_broken_rows_can_be_left_out(write: Write) -> None:
    text = HEAD + "1,2,3\n2,x,3\n7,2,3\n4,2,3\n" + "".join(f"{n},9,9\n" for n in range(10, 200))
    found = opened(write(text), on_error="skip")
    assert rows(found)[:3] == [(0.0, 2, 3, ""), (6.0, 2, 3, ""), (9.0, 9, 9, "")]
    assert (found.size, found.trace.skipped, len(found.trace.broken)) == (192, 2, 2)
    assert "line 5: it came before" in found.trace.broken[1]


def test_a_file_that_changes_meanwhile_is_not_taken_for_another(write: Write) -> None:
    file = write(HEAD + "".join(f"{n},9,9\n" for n in range(300)))
    found = opened(file)
    file.write_text(HEAD)
    with pytest.raises(ValueError, match="is not what it was when the run began"):
        found.trace.row(299)


def test_what_makes_no_sense_is_refused(write: Write) -> None:
    file = write(AZURE)
    with pytest.raises(ValidationError, match="are those of the format azure"):
        Trace.model_validate({"file": file, "format": "azure", "columns": {}})
    with pytest.raises(ValidationError, match="leaves nothing"):
        Trace.model_validate({"file": file, "from": "1m", "to": "1m"})
    with pytest.raises(ValueError, match="is used: look at `from`, `to` and `only`"):
        opened(file, **{"from": "1000d"})
    with pytest.raises(ValueError, match="not all of TIMESTAMP, ContextTokens, GeneratedTokens, Model"):
        opened(file, format="azure", only={"Model": "x"})
    with pytest.raises(ValueError, match=r"cannot read the trace .*nowhere: No such file"):
        opened(file.with_name("nowhere"))
