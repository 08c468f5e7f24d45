"""What a prompt source has to offer: any prompt by its number, the same for the same seed."""

from typing import Protocol

from swelld.prompt import Prompt


class Tokenizer(Protocol):
    """Counts tokens."""

    name: str

    def count(self, text: str) -> int:
        """Tokens in a text, without special tokens."""


class PromptSet(Protocol):
    """Prompts by number, endless: a finite set starts again. Pure: the same number gives the same prompt everywhere."""

    size: int | None
    """Distinct prompts; None if there is no end of them."""

    def __getitem__(self, index: int) -> Prompt: ...


class PromptSource(Protocol):
    """The configuration of a prompt source: one frozen model, one way to open it."""

    @property
    def kind(self) -> str: ...

    def open(self, seed: int) -> PromptSet:
        """Read files, build tables; ValueError names the file and the line of what is broken."""
