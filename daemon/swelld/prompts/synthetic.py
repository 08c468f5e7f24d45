"""Synthetic prompts: text of an exact number of tokens, drawn from distributions."""

from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import Annotated, Final, Literal, Protocol

from pydantic import Field, model_validator

from swelld.config import Config
from swelld.prompt import Message, Prompt
from swelld.prompts import words
from swelld.prompts.base import Tokenizer
from swelld.prompts.draw import Draw, draw, uniform
from swelld.prompts.lengths import Lengths, Positive, sampler
from swelld.prompts.tokens import ENCODINGS, tokenizer

_HEAD: Final = 24  # bytes drawn ahead of the text: eight each for input length, output length and group
_NONCES: Final = 10**12
_STRIDE: Final = 618_033_988_751  # shares no divisor with _NONCES: no nonce comes twice before all have come


class Groups(Config):
    """Prompts that begin alike, as those of one application do: each belongs to one of the groups, at random."""

    count: Annotated[int, Field(gt=0)]
    """How many groups there are."""
    tokens: Positive
    """Tokens at the beginning that all prompts of a group share, on top of `input_tokens`."""


class Synthetic(Config):
    """Made-up English text of an exact length.

    Its words are one token each in `cl100k_base` and in `o200k_base`, so the counts hold for both without loading
    either. Counted is the text, not what a chat template puts around it.
    """

    kind: Literal["synthetic"] = "synthetic"
    """Made-up text."""
    input_tokens: Lengths = 256
    """Length of a prompt: a number or a distribution."""
    output_tokens: Lengths | None = 128
    """Length asked of the answer (`max_tokens`): a number or a distribution; null leaves it to the target."""
    prefix: str = ""
    """Text before every prompt, on top of `input_tokens`; counted with o200k_base if `tokenizer` is not given."""
    groups: Groups | None = None
    """Shared beginnings, to use a server's prefix cache in a known way."""
    unique: bool = False
    """Begin with twelve digits that no other prompt of the same seed has, so that no prefix cache knows the beginning.
    They are 4 of the `input_tokens` (as many as it takes, with another tokenizer), and one more always follows."""
    tokenizer: str | None = None
    """Count with this: a tiktoken encoding or the path of a tokenizer.json. With the latter a text is the longest that
    has not more tokens than it should, if need be cut within a word: nearly always exact, else short by less than the
    tokens of one word. The prompt's own count is true in any case."""

    @model_validator(mode="after")
    def _not_both(self) -> "Synthetic":
        if self.unique and self.groups is not None:
            raise ValueError("`unique` defeats the prefix cache that `groups` are made to use: drop one of them")
        return self

    def open(self, seed: int) -> "SyntheticPrompts":
        return SyntheticPrompts(self, seed)


class SyntheticPrompts:
    """Prompts made when they are asked for."""

    size: int | None = None

    def __init__(self, config: Synthetic, seed: int) -> None:
        exact = config.tokenizer is None or config.tokenizer in ENCODINGS
        counter = None if exact else tokenizer(config.tokenizer or "")
        self._writer: _Writer = _Fitted(counter) if counter else _Exact()
        self._seed = seed
        self._input = sampler(config.input_tokens)
        self._output = None if config.output_tokens is None else sampler(config.output_tokens)
        self._groups = config.groups
        self._group = cache(self._write_group)
        self._first_nonce = int.from_bytes(draw(seed, "nonce", 0).digest(8)) if config.unique else None
        self._nonce_tokens = 0
        if config.unique:
            self._nonce_tokens = counter.count(f"{_NONCES - 1}") if counter else 4  # three digits to a token
        self._prefix = "\n" + config.prefix if config.prefix and config.unique else config.prefix
        self._prefix_tokens = 0
        if config.prefix:
            counter = counter or tokenizer(config.tokenizer or "o200k_base")
            self._prefix_tokens = counter.count(self._prefix)

    def __getitem__(self, index: int) -> Prompt:
        drawn = draw(self._seed, "prompt", index)
        head = drawn.digest(_HEAD)
        opening, extra, category = self._opening(index, head[16:])
        length = max(self._input(uniform(head[:8])), self._nonce_tokens + 1)
        text, tokens = self._writer.write(drawn, opening, self._nonce_tokens + extra, length + extra)
        return Prompt(
            name=f"synthetic-{index}",
            messages=(Message("user", text),),
            max_tokens=self._output(uniform(head[8:16])) if self._output else None,
            input_tokens=tokens,
            category=category,
        )

    def _opening(self, index: int, drawn: bytes) -> tuple[str, int, str]:
        """How the text begins, the tokens of that which come on top of the prompt's length, and the category."""
        if self._groups is not None:
            number = int(uniform(drawn) * self._groups.count)
            return *self._group(number), f"group-{number}"
        if self._first_nonce is not None:
            nonce = (self._first_nonce + index * _STRIDE) % _NONCES
            return f"{nonce:012}{self._prefix}", self._prefix_tokens, ""
        return self._prefix, self._prefix_tokens, ""

    def _write_group(self, number: int) -> tuple[str, int]:
        assert self._groups is not None
        drawn = draw(self._seed, "group", number)
        return self._writer.write(drawn, self._prefix, self._prefix_tokens, self._prefix_tokens + self._groups.tokens)


class _Writer(Protocol):
    """Continues an opening of `used` tokens to a text of `total` tokens; returns it with its count."""

    def write(self, drawn: Draw, opening: str, used: int, total: int) -> tuple[str, int]: ...


class _Exact:
    """Counts by construction: a piece is a token, and the space before it keeps it apart from any opening."""

    def write(self, drawn: Draw, opening: str, used: int, total: int) -> tuple[str, int]:
        text = words.text(drawn.digest(_HEAD + 1 + total - used)[_HEAD:])
        return opening + text if opening else text[1:], total


class _Fitted:
    """Counts with a tokenizer, and looks for the longest text that does not have too many tokens."""

    def __init__(self, counter: Tokenizer) -> None:
        self._count = counter.count
        self._tokens_of = cache(counter.count)  # of the pieces, of which there are some hundreds

    def write(self, drawn: Draw, opening: str, used: int, total: int) -> tuple[str, int]:
        pieces = words.pieces(drawn.digest(_HEAD + 1 + total - used)[_HEAD:])

        def counted(number: int, cut: int = 0) -> tuple[str, int]:
            body = "".join(pieces[:number]) + "".join(pieces[number : number + 1])[:cut]
            text = opening + body if opening else body[1:]
            return text, self._count(text)

        # nearly all vocabularies count words apart from each other: their sum is the place to start from
        number = bisect_right(list(accumulate(map(self._tokens_of, pieces))), total - used)
        while number < len(pieces) and counted(number + 1)[1] <= total:
            number += 1
        while number and counted(number)[1] > total:
            number -= 1
        best = counted(number)
        if best[1] >= total or number == len(pieces):
            return best
        cuts = (counted(number, cut) for cut in range(len(pieces[number]) - 1, 0, -1))
        return next((each for each in cuts if each[1] == total), best)
