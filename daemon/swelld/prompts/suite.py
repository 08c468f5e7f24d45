"""The curated suite: eighteen prompts of three lengths and three complexities, two of each."""

from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BeforeValidator

from swelld.config import Config, parse_list
from swelld.prompt import Message, Prompt
from swelld.prompts.finite import FinitePrompts, Order

Length = Literal["short", "medium", "long"]
Complexity = Literal["simple", "moderate", "complex"]
Category = Literal[
    "analysis",
    "classification",
    "coding",
    "creative",
    "dialogue",
    "extraction",
    "factual",
    "math",
    "planning",
    "reasoning",
    "summarisation",
    "translation",
]

MAX_TOKENS: Final = {"short": 128, "medium": 256, "long": 512}
"""Length asked of the answer, by the length of the prompt."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One prompt of the suite, as its file holds it."""

    length: Length
    complexity: Complexity
    category: Category
    text: str


class Suite(Config):
    """The curated suite, or the part of it that all given filters let through."""

    kind: Literal["suite"] = "suite"
    """The curated suite."""
    lengths: Annotated[tuple[Length, ...], BeforeValidator(parse_list)] = ()
    """Only prompts of these lengths: `short`, `medium`, `long`."""
    complexities: Annotated[tuple[Complexity, ...], BeforeValidator(parse_list)] = ()
    """Only prompts of these complexities: `simple`, `moderate`, `complex`."""
    categories: Annotated[tuple[Category, ...], BeforeValidator(parse_list)] = ()
    """Only prompts of these categories."""
    order: Order = "sequential"
    """`sequential`, or `shuffled` anew in every round."""

    def open(self, seed: int) -> FinitePrompts:
        chosen = [(number, entry) for number, entry in _numbered(_entries()) if self._wants(entry)]
        if not chosen:
            raise ValueError("no prompt of the suite passes its filters: drop one of lengths, complexities, categories")
        return FinitePrompts([_prompt(number, entry) for number, entry in chosen], self.order, seed)

    def _wants(self, entry: Entry) -> bool:
        return (
            entry.length in (self.lengths or (entry.length,))
            and entry.complexity in (self.complexities or (entry.complexity,))
            and entry.category in (self.categories or (entry.category,))
        )


def _prompt(number: int, entry: Entry) -> Prompt:
    return Prompt(
        name=f"{entry.length}-{entry.complexity}-{number}",
        messages=(Message("user", entry.text.strip()),),
        max_tokens=MAX_TOKENS[entry.length],
        category=f"{entry.length}/{entry.complexity}/{entry.category}",
    )


def _numbered(entries: list[Entry]) -> list[tuple[int, Entry]]:
    """Each entry with its number among those of its length and complexity."""
    seen: dict[tuple[str, str], int] = {}
    numbered = []
    for entry in entries:
        place = (entry.length, entry.complexity)
        seen[place] = seen.get(place, 0) + 1
        numbered.append((seen[place], entry))
    return numbered


def _entries() -> list[Entry]:
    from importlib.resources import files

    import yaml

    content: Any = yaml.safe_load((files("swelld.prompts") / "suite.yaml").read_text("utf-8"))
    return msgspec.convert(content, list[Entry])
