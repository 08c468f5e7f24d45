"""Sessions of several turns: what a user says is given, the answers in between are the model's own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import Field

from swelld.config import Config, PositiveDuration
from swelld.prompt import Message, Prompt
from swelld.prompts import records, words
from swelld.prompts.datasets import Asked, Dataset, DatasetPrompts
from swelld.prompts.draw import draw, uniform
from swelld.prompts.lengths import Lengths, Positive, sampler
from swelld.prompts.records import Record
from swelld.prompts.synthetic import Groups
from swelld.prompts.turns import turns

MOST_TURNS: Final = 1000


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What one user is going to say."""

    name: str
    opening: tuple[Message, ...] = ()
    """Before the first turn: the system's words."""
    said: tuple[str, ...]
    """By turn."""
    max_tokens: tuple[int | None, ...]
    """Of the answers, by turn."""
    first_tokens: int | None = None
    """Of the prompt of the first turn, if counted; of later ones nobody knows before."""
    pauses: tuple[float, ...] = ()
    """Seconds that the user thinks after the answer of each turn; empty if that is left to the load."""
    category: str = ""

    def prompt(self, turn: int, before: Sequence[Message] = ()) -> Prompt:
        """What is asked in a turn, from 0; `before` is what was said and answered in those before it."""
        return Prompt(
            name=self.name,
            messages=(*self.opening, *before, Message("user", self.said[turn])),
            max_tokens=self.max_tokens[turn],
            input_tokens=self.first_tokens if turn == 0 else None,
            category=self.category,
        )


class SessionSet(ABC):
    """Sessions by number, endless; as a set of prompts it has the first turn of each."""

    size: int | None

    @abstractmethod
    def session(self, index: int) -> Session:
        """Pure: the same number gives the same session everywhere."""

    def __getitem__(self, index: int) -> Prompt:
        return self.session(index).prompt(0)


class MadeUp(Config):
    """Made-up sessions: every turn is text of an exact length, on top of what was said and answered before it."""

    kind: Literal["sessions"] = "sessions"
    """Made-up sessions of several turns."""
    turns: Lengths = 4
    """How many turns a session has: a number or a distribution."""
    input_tokens: Lengths = 64
    """What the user says in a turn: a number or a distribution."""
    output_tokens: Lengths | None = 128
    """Length asked of each answer (`max_tokens`): a number or a distribution; null leaves it to the target."""
    system: Groups | None = None
    """System prompts before the first turn: so many different ones, of so many tokens; each session has one of them."""
    think_time: PositiveDuration | None = None
    """Mean time that a user thinks after an answer (exponentially distributed); the load's own if not given."""

    def open(self, seed: int) -> "MadeUpSessions":
        return MadeUpSessions(self, seed)


class MadeUpSessions(SessionSet):
    """Sessions made when they are asked for."""

    size: int | None = None

    def __init__(self, config: MadeUp, seed: int) -> None:
        self._seed = seed
        self._turns = sampler(config.turns)
        self._input = sampler(config.input_tokens)
        self._output = None if config.output_tokens is None else sampler(config.output_tokens)
        self._system = config.system
        self._think = config.think_time
        self._system_text = cache(self._write_system)

    def session(self, index: int) -> Session:
        head = draw(self._seed, "session", index).digest(16)
        count = min(MOST_TURNS, self._turns(uniform(head[:8])))
        drawn = [draw(self._seed, f"session/{index}", turn) for turn in range(count)]
        lengths = [self._input(uniform(one.digest(8))) for one in drawn]
        outputs = [None if self._output is None else self._output(uniform(one.digest(16)[8:])) for one in drawn]
        said = tuple(words.text(one.digest(17 + length)[16:])[1:] for one, length in zip(drawn, lengths, strict=True))
        opening, tokens, category = self._opening(uniform(head[8:]))
        return Session(
            name=f"session-{index}",
            opening=opening,
            said=said,
            max_tokens=tuple(outputs),
            first_tokens=tokens + lengths[0],
            pauses=pauses(self._seed, index, count, self._think),
            category=category,
        )

    def _opening(self, drawn: float) -> tuple[tuple[Message, ...], int, str]:
        if self._system is None:
            return (), 0, ""
        number = int(drawn * self._system.count)
        return (Message("system", self._system_text(number)),), self._system.tokens, f"system-{number}"

    def _write_system(self, number: int) -> str:
        assert self._system is not None
        return words.text(draw(self._seed, "system", number).digest(self._system.tokens + 1))[1:]


class _DialogueRecord(msgspec.Struct):
    conversations: Any = None
    messages: Any = None
    prompt_content: str | None = None
    cut_chat_history: Any = None


class Dialogues(Dataset):
    """JSON records of dialogues: what the user says is asked turn by turn, the recorded answers are left out.

    A record has its turns in `conversations` (ShareGPT) or `messages`, or in `cut_chat_history` and `prompt_content`.
    """

    kind: Literal["dialogues"] = "dialogues"
    """Recorded sessions of several turns."""
    max_turns: Annotated[int, Field(gt=0, le=MOST_TURNS)] = 100
    """Longer dialogues end after so many turns."""
    output_tokens: Positive | None = None
    """Length asked of each answer (`max_tokens`); the target's if not given."""
    think_time: PositiveDuration | None = None
    """Mean time that a user thinks after an answer (exponentially distributed); the load's own if not given."""

    def open(self, seed: int) -> "DialogueSessions":  # type: ignore[override]  # its items are sessions
        return DialogueSessions(super().open(seed), self, seed)

    def _records(self) -> Iterator[Record]:
        return records.json_records(self.file)

    def _asked(self, data: bytes) -> Asked:
        record = msgspec.json.decode(data, type=_DialogueRecord)
        field = "conversations" if record.conversations is not None else "messages"
        said = turns(getattr(record, field), field) or turns(record.cut_chat_history, "cut_chat_history")
        if record.prompt_content is not None:
            said.append(Message("user", record.prompt_content))
        human = [turn for turn in said if turn.role == "user"][: self.max_turns]
        if not human:
            raise ValueError("no user says anything in it")
        if any(not turn.content.strip() for turn in human):
            raise ValueError("a turn of the user is empty")
        return Asked([turn for turn in said if turn.role == "system"][:1] + human)


class DialogueSessions(SessionSet):
    """The sessions of a file."""

    def __init__(self, prompts: DatasetPrompts, config: Dialogues, seed: int) -> None:
        self.size = prompts.size
        self.skipped = prompts.skipped
        self._prompts = prompts
        self._config = config
        self._seed = seed

    def session(self, index: int) -> Session:
        prompt = self._prompts[index]
        said = tuple(turn.content for turn in prompt.messages if turn.role == "user")
        return Session(
            name=prompt.name,
            opening=tuple(turn for turn in prompt.messages if turn.role == "system"),
            said=said,
            max_tokens=(self._config.output_tokens,) * len(said),
            pauses=pauses(self._seed, index, len(said), self._config.think_time),
        )


def pauses(seed: int, index: int, count: int, mean: float | None) -> tuple[float, ...]:
    """How long the user of a session thinks after each turn."""
    if mean is None:
        return ()
    drawn = draw(seed, "pauses", index).digest(8 * count)
    return tuple(-mean * math.log(uniform(drawn[8 * turn : 8 * turn + 8])) for turn in range(count))
