"""Prompts from files: conversations, ShareGPT, JSON lines, CSV and plain text."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import Field

from swelld.config import Config
from swelld.prompt import Message, Prompt
from swelld.prompts import records
from swelld.prompts.finite import FinitePrompts, Order
from swelld.prompts.records import Record
from swelld.prompts.tokens import tokenizer
from swelld.prompts.turns import turns

PLACES_KEPT: Final = 5


class Skipped(msgspec.Struct, frozen=True):
    """Broken records that were left out: how many, and what was wrong with the first few."""

    count: int
    places: tuple[str, ...]


class DatasetPrompts(FinitePrompts):
    """The prompts of a file."""

    def __init__(self, prompts: list[Prompt], order: Order, seed: int, skipped: Skipped) -> None:
        super().__init__(prompts, order, seed)
        self.skipped = skipped


class Asked(msgspec.Struct, frozen=True):
    """What a record says."""

    messages: list[Message]
    max_tokens: int | None = None


class Dataset(Config):
    """What all files of prompts have in common."""

    file: Path
    """The file, in UTF-8."""
    on_error: Literal["refuse", "skip"] = "refuse"
    """What a broken record does: `refuse` the whole file, or `skip` the record and count it."""
    order: Order = "sequential"
    """`sequential`, or `shuffled` anew in every round through the file."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Use the first so many good records only."""
    tokenizer: str | None = None
    """Count input tokens with this: a tiktoken encoding or the path of a tokenizer.json. Not counted if not given."""

    def open(self, seed: int) -> DatasetPrompts:
        prompts: list[Prompt] = []
        broken: list[str] = []
        try:
            for record in self._records():
                try:
                    prompts.append(self._prompt(record))
                except ValueError as error:
                    broken.append(f"{self.file}, {record.where}: {_reason(error)}")
                    if self.on_error == "refuse":
                        raise ValueError(f"{broken[0]} (mend it, or set `on_error: skip` to use the rest)") from None
                if len(prompts) == self.limit:
                    break
        except OSError as error:
            raise ValueError(unreadable(self.file, error)) from None
        if not prompts:
            found = f"all {len(broken)} records are broken, first {broken[0]}" if broken else "it has no records"
            raise ValueError(f"no prompt in {self.file}: {found}")
        return DatasetPrompts(prompts, self.order, seed, Skipped(len(broken), tuple(broken[:PLACES_KEPT])))

    @abstractmethod
    def _records(self) -> Iterator[Record]:
        """The file, cut into records."""

    @abstractmethod
    def _asked(self, data: bytes) -> Asked:
        """One record, read; ValueError says what is wrong with it."""

    def _prompt(self, record: Record) -> Prompt:
        asked = self._asked(record.data)
        if not asked.messages or not asked.messages[-1].content.strip():
            raise ValueError("the prompt is empty")
        count = tokenizer(self.tokenizer).count if self.tokenizer else None
        return Prompt(
            name=f"{self.file.stem}-{record.number}",
            messages=tuple(asked.messages),
            max_tokens=asked.max_tokens,
            input_tokens=sum(count(message.content) for message in asked.messages) if count else None,
        )


class _ConversationRecord(msgspec.Struct):
    prompt_content: str
    cut_chat_history: Any = None


class Conversations(Dataset):
    """JSON records with `prompt_content`, and the turns before it in `cut_chat_history` (system turns are skipped)."""

    kind: Literal["conversations"] = "conversations"
    """Conversations."""

    def _records(self) -> Iterator[Record]:
        return records.json_records(self.file)

    def _asked(self, data: bytes) -> Asked:
        record = msgspec.json.decode(data, type=_ConversationRecord)
        history = [turn for turn in turns(record.cut_chat_history, "cut_chat_history") if turn.role != "system"]
        return Asked([*history, Message("user", record.prompt_content)])


class _ShareGptRecord(msgspec.Struct):
    conversations: Any


class ShareGpt(Dataset):
    """JSON records with `conversations: [{from, value}]`: everything up to and with one human turn is asked.

    Answers before the first human turn are left out: they answer nothing, and chat templates refuse them.
    """

    kind: Literal["sharegpt"] = "sharegpt"
    """ShareGPT."""
    turn: Annotated[int, Field(gt=0)] | Literal["last"] = 1
    """The human turn to end with, by number, or `last`; a conversation with fewer ends with its last."""

    def _records(self) -> Iterator[Record]:
        return records.json_records(self.file)

    def _asked(self, data: bytes) -> Asked:
        said = turns(msgspec.json.decode(data, type=_ShareGptRecord).conversations, "conversations")
        human = [number for number, turn in enumerate(said) if turn.role == "user"]
        if not human:
            raise ValueError("no human turn in `conversations`")
        last = human[-1] if self.turn == "last" else human[min(self.turn, len(human)) - 1]
        return Asked([turn for turn in said[: human[0]] if turn.role == "system"] + said[human[0] : last + 1])


class _JsonRecord(msgspec.Struct):
    prompt: str | None = None
    messages: Any = None
    max_tokens: Annotated[int, msgspec.Meta(gt=0)] | None = None


class JsonLines(Dataset):
    """JSON lines, or one array, of records with `prompt` or `messages`, and `max_tokens` if they like."""

    kind: Literal["jsonl"] = "jsonl"
    """JSON lines."""

    def _records(self) -> Iterator[Record]:
        return records.json_records(self.file)

    def _asked(self, data: bytes) -> Asked:
        record = msgspec.json.decode(data, type=_JsonRecord)
        if (record.prompt is None) == (record.messages is None):
            raise ValueError("a record has either `prompt` or `messages`")
        if record.prompt is not None:
            return Asked([Message("user", record.prompt)], record.max_tokens)
        return Asked(turns(record.messages, "messages"), record.max_tokens)


class Csv(Dataset):
    """One column of a CSV file with a header."""

    kind: Literal["csv"] = "csv"
    """CSV."""
    column: str = "prompt"
    """The column that holds the prompts."""

    def _records(self) -> Iterator[Record]:
        return records.csv_records(self.file, self.column)

    def _asked(self, data: bytes) -> Asked:
        return Asked([Message("user", data.decode())])


class Text(Dataset):
    """Plain text: a prompt to a line, or to a paragraph."""

    kind: Literal["text"] = "text"
    """Plain text."""
    unit: Literal["line", "paragraph"] = "line"
    """What a prompt is: a `line`, or a `paragraph` (lines up to a blank one)."""

    def _records(self) -> Iterator[Record]:
        return records.lines(self.file) if self.unit == "line" else records.paragraphs(self.file)

    def _asked(self, data: bytes) -> Asked:
        return Asked([Message("user", data.decode().strip())])


def unreadable(file: Path, error: OSError) -> str:
    """What to say of a file that cannot be opened."""
    place = "" if file.is_absolute() else f" (looked for from {Path.cwd()})"
    return f"cannot read the prompts in {file}{place}: {error.strerror}"


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
    return str(error)
