"""A file tells its kind by its name and its first record."""

import re
from pathlib import Path

import pytest

from swelld.prompts.datasets import Conversations, Csv, JsonLines, ShareGpt, Text
from swelld.prompts.detect import source_for_file


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("conversations.json", Conversations),
        ("sharegpt.json", ShareGpt),
        ("prompts.jsonl", JsonLines),
        ("prompts.csv", Csv),
        ("prompts.txt", Text),
    ],
)
def test_files_of_each_kind(name: str, source: type, data: Path) -> None:
    found = source_for_file(data / name)
    assert found == source(file=data / name)
    assert (found.open(0).size or 0) >= 2


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.jsonl", '{"id": 1, "conversations": []}', ShareGpt),
        ("a.JSON", '[{"messages": []}]', JsonLines),
        ("a", '\n\n[{"prompt_content": ""}]', Conversations),
        ("a.log", "What now?\n", Text),
        ("a.txt", '{"prompt": "in a text file"}', Text),
    ],
)
def test_the_first_record_decides(name: str, content: str, source: type, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert type(source_for_file(tmp_path / name)) is source


def test_a_lone_column_is_the_prompt(tmp_path: Path) -> None:
    file = tmp_path / "a.CSV"
    file.write_text("\ufeffquestion\nWhy?\n")
    assert source_for_file(file) == Csv(file=file, column="question")
    file.write_text("question,answer\nWhy?,So.\n")
    assert source_for_file(file) == Csv(file=file, column="prompt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "", "no prompt in {file}: it is empty"),
        ("a.json", "[]", "no prompt in {file}: it has no records"),
        ("a.json", "What now?", "{file}, line 1: no JSON object: JSON is malformed"),
        ("a.json", "[1, 2]", "{file}, record 1 (line 1): no JSON object: Expected `object`, got `int`"),
        ("a.json", "[{}\n1]", "{file}, line 2: the JSON is broken, so no record can be read: "),
        (
            "a.jsonl",
            '{"question": "?", "answer": "!"}',
            "{file}, line 1: found the fields question, answer, expected one of prompt_content, conversations, prompt",
        ),
        ("a.jsonl", "{}", "{file}, line 1: found the fields none, expected one of"),
    ],
)
def test_what_cannot_be_told_is_refused(name: str, content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(ValueError, match="^" + re.escape(message.format(file=file))):
        source_for_file(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"^cannot read the prompts in {tmp_path}/no\.csv: No such file or directory$"
    ):
        source_for_file(tmp_path / "no.csv")
