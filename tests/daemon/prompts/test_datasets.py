"""Every format is read as written, and every broken record is named by its place."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from swelld.prompt import Message, Prompt
from swelld.prompts.datasets import Conversations, Csv, Dataset, DatasetPrompts, JsonLines, ShareGpt, Text
from swelld.prompts.tokens import tokenizer


def said(prompts: DatasetPrompts) -> list[list[tuple[str, str]]]:
    return [[(m.role, m.content) for m in prompts[index].messages] for index in range(prompts.size or 0)]


def user(*texts: str) -> list[list[tuple[str, str]]]:
    return [[("user", text)] for text in texts]


def written(folder: Path, content: str | bytes, name: str = "d.jsonl") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_conversations(data: Path) -> None:
    prompts = Conversations(file=data / "conversations.json").open(0)
    assert said(prompts) == [
        [
            ("user", "How often should I water a fern?"),
            ("assistant", "Twice a week in summer."),
            ("user", "And in winter?"),
        ],
        [("user", "Name three rivers of Asia.")],
        [("user", "Hi"), ("assistant", "Hello!"), ("user", "Déjà vu — auf Deutsch?")],
    ]
    assert [prompts[index].name for index in range(4)] == [f"conversations-{number}" for number in (1, 2, 3, 1)]
    assert (prompts.size, prompts.skipped.count, prompts.skipped.places) == (3, 0, ())
    assert (prompts[0].max_tokens, prompts[0].input_tokens, prompts[0].category) == (None, None, "")


def test_sharegpt_ends_with_the_first_human_turn(data: Path) -> None:
    assert said(ShareGpt(file=data / "sharegpt.json").open(0)) == [
        [("system", "Be brief."), ("user", "What is a monad?")],
        [("user", "Thanks. Now in French.")],
    ]


@pytest.mark.parametrize("turn", [2, "last"])
def test_sharegpt_ends_with_a_later_human_turn(data: Path, turn: Any) -> None:
    assert said(ShareGpt(file=data / "sharegpt.json", turn=turn).open(0)) == [
        [
            ("system", "Be brief."),
            ("user", "What is a monad?"),
            ("assistant", "A monoid in the category of endofunctors."),
            ("user", "Again, for my grandmother."),
        ],
        [("user", "Thanks. Now in French.")],
    ]


def test_json_lines(data: Path) -> None:
    prompts = JsonLines(file=data / "prompts.jsonl").open(0)
    rain = [("system", "Rhyme."), ("user", "A poem on rain.")]
    assert said(prompts) == [*user("Tell me a joke."), rain, *user("你好，世界")]  # noqa: RUF001
    assert [prompts[index].max_tokens for index in range(3)] == [40, None, None]
    assert [prompts[index].name for index in range(3)] == ["prompts-1", "prompts-3", "prompts-4"]


def test_csv(data: Path) -> None:
    prompts = Csv(file=data / "prompts.csv").open(0)
    assert said(prompts) == user("What is 2 + 2?", "A line,\nand another", "Plain")
    assert said(Csv(file=data / "prompts.csv", column="id", limit=2).open(0)) == user("1", "2")


def test_text_by_lines_and_by_paragraphs(data: Path) -> None:
    by_line = Text(file=data / "prompts.txt").open(0)
    assert said(by_line) == user("First question?", "Second question?", "of two lines", "Third.")
    assert [by_line[index].name for index in range(4)] == ["prompts-1", "prompts-3", "prompts-4", "prompts-7"]
    by_paragraph = Text(file=data / "prompts.txt", unit="paragraph").open(0)
    assert said(by_paragraph) == user("First question?", "Second question?  \nof two lines", "Third.")
    assert [by_paragraph[index].name for index in range(3)] == ["prompts-1", "prompts-3", "prompts-7"]


def test_arrays_and_lines_are_both_read(tmp_path: Path) -> None:
    array = written(tmp_path, '\ufeff [{"prompt": "a"},\n{"prompt": "b"}]')
    lines = written(tmp_path, '\ufeff{"prompt": "a"}\r\n\n{"prompt": "b"}', "lines.json")
    assert said(JsonLines(file=array).open(0)) == said(JsonLines(file=lines).open(0)) == user("a", "b")


def test_a_csv_prompt_may_be_longer_than_the_usual_limit(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeffprompt\n" + "x" * 200_000 + "\n")
    assert said(Csv(file=file).open(0)) == user("x" * 200_000)


def test_input_tokens_are_counted_on_request(data: Path) -> None:
    prompts = Conversations(file=data / "conversations.json", tokenizer="cl100k_base").open(0)
    texts = ("How often should I water a fern?", "Twice a week in summer.", "And in winter?")
    assert prompts[0].input_tokens == sum(map(tokenizer("cl100k_base").count, texts)) == 19


def test_limit_takes_the_first_good_ones_and_reads_no_further(tmp_path: Path) -> None:
    file = written(tmp_path, '{"prompt": "a"}\n{"prompt": 1}\n{"prompt": "b"}\nbroken')
    prompts = JsonLines(file=file, limit=2, on_error="skip").open(0)
    assert (said(prompts), prompts.skipped.count) == (user("a", "b"), 1)


@settings(deadline=None, max_examples=30)
@given(shards=st.integers(1, 5), seed=st.integers(), order=st.sampled_from(["sequential", "shuffled"]))
def test_shards_make_together_what_one_makes_alone(data: Path, shards: int, seed: int, order: Any) -> None:
    source = Text(file=data / "prompts.txt", order=order)
    alone = source.open(seed)
    shared: dict[int, Prompt] = {}
    for shard in range(shards):
        own = source.open(seed)
        shared |= {index: own[index] for index in range(shard, 13, shards)}
    assert shared == {index: alone[index] for index in range(13)}
    assert {alone[index].name for index in range(4)} == {alone[index].name for index in range(8, 12)}


GOOD = '{"prompt": "fine"}\n'

BROKEN: list[tuple[type[Dataset], str | bytes, str]] = [
    (JsonLines, GOOD + '{"prompt": 5}', "line 2: Expected `str | null`, got `int` - at `$.prompt`"),
    (JsonLines, GOOD + "\n{oops", "line 3: JSON is malformed: object keys must be strings (byte 1)"),
    (JsonLines, GOOD + '{"text": "x"}', "line 2: a record has either `prompt` or `messages`"),
    (JsonLines, GOOD + '{"prompt": "x", "messages": []}', "line 2: a record has either `prompt` or `messages`"),
    (JsonLines, GOOD + '{"prompt": " \\n"}', "line 2: the prompt is empty"),
    (JsonLines, GOOD + '{"messages": []}', "line 2: the prompt is empty"),
    (JsonLines, GOOD + '{"prompt": "x", "max_tokens": 0}', "line 2: Expected `int` >= 1 - at `$.max_tokens`"),
    (JsonLines, GOOD + '{"messages": {"role": "user"}}', "line 2: `messages` is no list of turns"),
    (JsonLines, GOOD + '{"messages": ["hi"]}', "line 2: turn 1 of `messages` is no object with `role` and `content`"),
    (JsonLines, GOOD + '{"messages": [{"role": "cook"}]}', "line 2: turn 1 of `messages` has the role 'cook'; known"),
    (JsonLines, GOOD + '{"messages": [{"role": "user"}]}', "line 2: the content of turn 1 of `messages` is not text"),
    (
        JsonLines,
        GOOD + '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        "line 2: the content of turn 1 of `messages` is not text",
    ),
    (JsonLines, GOOD.encode() + b'{"prompt": "\xe9"}', "line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    (JsonLines, '[{"prompt":\n"fine"},\n\n  17]', "record 2 (line 4): Expected `object`, got `int`"),
    (
        Conversations,
        '[\n{"prompt_content": "fine"},\n{"content": "x"}\n]',
        "record 2 (line 3): Object missing required field `prompt_content`",
    ),
    (
        Conversations,
        '{"prompt_content": "fine"}\n{"prompt_content": "x", "cut_chat_history": "user: hello"}',
        "line 2: `cut_chat_history` is text, but not the JSON of a list of turns: ",
    ),
    (
        ShareGpt,
        '[{"conversations": [{"from": "user", "value": "fine"}]},\n{"conversations": [{"from": "gpt", "value": "?"}]}]',
        "record 2 (line 2): no human turn in `conversations`",
    ),
    (Csv, "prompt,n\nfine,1\n,2\n", "record 2 (line 3): the prompt is empty"),
    (Csv, "n,prompt\n1,fine\n2\n", "record 2 (line 3): the prompt is empty"),
    (Csv, b"prompt\nfine\n\xff\xfe\n", "record 2 (line 3): byte 0xff is not UTF-8; save the file as UTF-8"),
    (Text, b"fine\n\n\xe9t\xe9\n", "line 3: byte 0xe9 is not UTF-8; save the file as UTF-8"),
]


@pytest.mark.parametrize(("source", "content", "message"), BROKEN)
def test_a_broken_record_is_refused_or_skipped(
    source: type[Dataset], content: str | bytes, message: str, tmp_path: Path
) -> None:
    file = written(tmp_path, content)
    with pytest.raises(ValueError, match="mend it, or set `on_error: skip` to use the rest") as caught:
        source.model_validate({"file": file}).open(0)
    assert str(caught.value).startswith(f"{file}, {message}")
    prompts = source.model_validate({"file": file, "on_error": "skip"}).open(0)
    assert said(prompts) == user("fine")
    assert prompts.skipped.count == 1
    assert prompts.skipped.places[0].startswith(f"{file}, {message}")


def test_only_the_first_few_broken_places_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD + "{\n" * 100)
    skipped = JsonLines(file=file, on_error="skip").open(0).skipped
    assert skipped.count == 100
    assert [place.split(": ")[0] for place in skipped.places] == [f"{file}, line {line}" for line in range(2, 7)]


@pytest.mark.parametrize("on_error", ["refuse", "skip"])
@pytest.mark.parametrize(
    ("source", "content", "message"),
    [
        (JsonLines, "", "no prompt in {file}: it has no records"),
        (Text, " \n\n", "no prompt in {file}: it has no records"),
        (Csv, "", "no prompt in {file}: it has no records"),
        (Csv, "prompt\n", "no prompt in {file}: it has no records"),
        (ShareGpt, "[]", "no prompt in {file}: it has no records"),
        (Csv, "question,answer\na,b\n", "{file} has no column 'prompt'; set `column` to one of question, answer"),
        (
            ShareGpt,
            '[{"a": 1},\n{"a" 1}]',
            "{file}, line 2: the JSON is broken, so no record can be read: JSON is malf",
        ),
        (
            ShareGpt,
            '[{"a": 1},\n{"a":\n',
            "{file}, line 2: the JSON is broken, so no record can be read: Input data was",
        ),
    ],
)
def test_a_file_without_use_is_refused(
    source: type[Dataset], content: str, message: str, on_error: str, tmp_path: Path
) -> None:
    file = written(tmp_path, content)
    with pytest.raises(ValueError, match="^" + re.escape(message.format(file=file))):
        source.model_validate({"file": file, "on_error": on_error}).open(0)


def test_a_file_of_broken_records_only_is_refused_even_if_they_may_be_skipped(tmp_path: Path) -> None:
    file = written(tmp_path, "{}\n{}\n")
    first = f"{file}, line 1: a record has either `prompt` or `messages`"
    with pytest.raises(ValueError, match=re.escape(f"no prompt in {file}: all 2 records are broken, first {first}")):
        JsonLines(file=file, on_error="skip").open(0)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = f"cannot read the prompts in none.txt (looked for from {Path.cwd()}): No such file or directory"
    with pytest.raises(ValueError, match=re.escape(said)):
        Text(file=Path("none.txt")).open(0)
    with pytest.raises(ValueError, match=rf"^cannot read the prompts in {tmp_path}: Is a directory$"):
        Csv(file=tmp_path).open(0)


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Text.model_validate({"file": tmp_path, "colum": "x"})
    with pytest.raises(ValidationError, match="'refuse' or 'skip'"):
        Text.model_validate({"file": tmp_path, "on_error": "ignore"})


def test_prompts_hold_messages_an_adapter_takes(data: Path) -> None:
    assert Text(file=data / "prompts.txt").open(0)[0].messages == (Message("user", "First question?"),)
