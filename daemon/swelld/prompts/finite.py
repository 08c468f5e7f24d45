"""A finite number of prompts, asked for without end."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from swelld.prompt import Prompt
from swelld.prompts.draw import draw

Order = Literal["sequential", "shuffled"]


class FinitePrompts:
    """Prompts that start again when they have all been asked; `shuffled` puts each round in an order of its own."""

    size: int | None

    def __init__(self, prompts: Sequence[Prompt], order: Order, seed: int) -> None:
        self.size = len(prompts)
        self._prompts = tuple(prompts)
        self._seed = seed
        # two rounds: where one ends, those who share the prompts are not all in the same one
        self._shuffled = lru_cache(2)(self._shuffle) if order == "shuffled" else None

    def __getitem__(self, index: int) -> Prompt:
        turn, place = divmod(index, len(self._prompts))
        return self._prompts[self._shuffled(turn)[place] if self._shuffled else place]

    def _shuffle(self, turn: int) -> list[int]:
        import numpy as np

        entropy = int.from_bytes(draw(self._seed, "order", turn).digest(16))
        order: list[int] = np.random.default_rng(entropy).permutation(len(self._prompts)).tolist()
        return order
