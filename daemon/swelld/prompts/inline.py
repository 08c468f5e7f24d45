"""Prompts written into the configuration itself."""

from typing import Annotated, Literal

from pydantic import Field

from swelld.config import Config
from swelld.prompt import Message, Prompt
from swelld.prompts.finite import FinitePrompts, Order


class Inline(Config):
    """A few prompts in the configuration, as a canary needs them."""

    kind: Literal["inline"] = "inline"
    """Prompts given here."""
    prompts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """The prompts."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Length asked of each answer; the target's if not given."""
    order: Order = "sequential"
    """`sequential`, or `shuffled` anew in every round."""

    def open(self, seed: int) -> FinitePrompts:
        prompts = [
            Prompt(name=f"inline-{number}", messages=(Message("user", text),), max_tokens=self.max_tokens)
            for number, text in enumerate(self.prompts, 1)
        ]
        return FinitePrompts(prompts, self.order, seed)
