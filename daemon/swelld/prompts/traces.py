"""Prompts of a trace of real traffic: as long, and with as much in common, as those that it tells of."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from swelld.config import Config, Duration, FieldError, PositiveDuration
from swelld.prompt import Message, Prompt
from swelld.prompts import words
from swelld.prompts.draw import draw
from swelld.prompts.tracefile import Part, TraceFile
from swelld.prompts.traceformats import FORMATS, Names, Row, Unit

BLOCKS_KEPT: Final = 2048
"""Some 8 MB of them."""


class Columns(Config):
    """What the columns of a CSV file are called, or the keys of its JSON objects."""

    time: str = "timestamp"
    """When the request came: a number, or a date with a time (ISO 8601)."""
    input: str = "input_tokens"
    """Tokens of the prompt."""
    output: str = "output_tokens"
    """Tokens of the answer."""
    blocks: str | None = None
    """A list of names of the blocks that the prompt is made of; equal names are equal text. JSON lines only."""
    category: str | None = None
    """A word on the request, kept with its measurement."""
    unit: Unit = "s"
    """Of moments that are numbers."""

    def names(self) -> Names:
        return Names(self.time, self.input, self.output, self.blocks, self.category, self.unit)


class Trace(Config):
    """Prompts as long as those of a trace, in its order: CSV with a header, or JSON lines, in the order of time.

    With `load: {replay: 1x}` they are asked when they were then. Their text is made up; where the trace names the
    blocks of its prompts, requests that had a beginning in common have one again, byte by byte. Counted is as with
    synthetic prompts.
    """

    kind: Literal["trace"] = "trace"
    """A trace."""
    file: Path
    """The file, in UTF-8."""
    format: Literal["auto", "azure", "burstgpt", "mooncake"] = "auto"
    """Of the file; `auto` tells them apart by the names of their columns."""
    columns: Columns | None = None
    """Names of the columns, where the file is of none of these formats."""
    begin: Annotated[Duration, Field(alias="from")] = 0.0
    """Use what came so long after the first row of the file, or later."""
    end: Annotated[PositiveDuration | None, Field(alias="to")] = None
    """Use what came earlier than so long after the first row of the file."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Use so many requests at most."""
    only: Mapping[str, str] = {}
    """Use the rows with these values in these columns: {Model: GPT-4}."""
    block_tokens: Annotated[int, Field(gt=0, le=100_000)] = 512
    """Tokens of a block."""
    on_error: Literal["refuse", "skip"] = "refuse"
    """What a broken row does: `refuse` the whole file, or `skip` the row and count it."""

    @model_validator(mode="after")
    def _consistent(self) -> "Trace":
        if self.columns is not None and self.format != "auto":
            raise FieldError((("columns",), f"are those of the format {self.format}; leave out one of the two"))
        if self.end is not None and self.end <= self.begin:
            raise FieldError((("to",), "leaves nothing: it is not after `from`"))
        return self

    def open(self, seed: int) -> "TracePrompts":
        names = self.columns.names() if self.columns is not None else FORMATS.get(self.format)
        part = Part(self.begin, self.end, self.limit, dict(self.only))
        try:
            trace = TraceFile(self.file, names, part, skip=self.on_error == "skip")
        except OSError as error:
            raise ValueError(f"cannot read the trace {self.file}: {error.strerror}") from None
        return TracePrompts(trace, self.block_tokens, seed)


class TracePrompts:
    """Prompts made when they are asked for. After the last one they start again, as long but with other words."""

    size: int | None

    def __init__(self, trace: TraceFile, block_tokens: int, seed: int) -> None:
        self.size = trace.size
        self.trace = trace
        self._block_tokens = block_tokens
        self._seed = seed
        self._block = lru_cache(BLOCKS_KEPT)(self._write_block)

    def __getitem__(self, index: int) -> Prompt:
        turn, place = divmod(index, self.trace.size)
        row = self.trace.row(place)
        return Prompt(
            name=f"trace-{index}",
            messages=(Message("user", self._text(index, turn, row)),),
            max_tokens=row.output,
            input_tokens=row.input,
            category=row.category,
        )

    def _text(self, index: int, turn: int, row: Row) -> str:
        left = row.input
        parts = []
        for name in row.blocks:
            pieces = self._block(turn, name)[:left]
            parts.append("".join(pieces))
            left -= len(pieces)
            if not left:
                break
        if left:
            parts.append(words.text(draw(self._seed, "trace", index).digest(left + 1)))
        return "".join(parts)[1:]  # a word is one token with a space before it and without

    def _write_block(self, turn: int, name: str) -> list[str]:
        return words.pieces(draw(self._seed, f"block/{turn}/{name}", 0).digest(self._block_tokens + 1))
