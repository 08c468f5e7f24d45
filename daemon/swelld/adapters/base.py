"""What a wire format has to offer: bytes out, deltas in."""

from enum import IntEnum
from typing import Any, ClassVar, Protocol

import msgspec

from swelld.prompt import Prompt


class Kind(IntEnum):
    """What a token-bearing event carries."""

    CONTENT = 0
    REASONING = 1
    TOOL = 2


class Delta(msgspec.Struct, frozen=True, gc=False):
    """One token-bearing event: text is never empty. Role-only and empty chunks make no delta."""

    kind: Kind
    text: str


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts as the server reports them; None where it says nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What is known when an answer is complete; `text` only for answers that were not streamed."""

    finish_reason: str | None = None
    usage: Usage | None = None
    text: str = ""
    said: str | None = None
    """`text` without reasoning, where it holds any."""


class Call(msgspec.Struct, frozen=True):
    """An encoded request: the body, and headers of the wire format (the transport adds host, length and secrets)."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


class ServerError(Exception):
    """The server reported an error inside its answer; `status` is its HTTP-like code if it gave one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Garbled(Exception):
    """The bytes are not the wire format; the message says what was wrong and shows a capped excerpt."""


class Truncated(Exception):
    """The body ended, but the wire format's end mark never came."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a target fixes for all of its requests."""

    model: str
    stream: bool = True
    max_tokens: int | None = None
    """The longest answer, where the prompt does not ask for a shorter one."""
    temperature: float | None = None
    extra_body: dict[str, Any] = {}
    """Merged over the request body last (RFC 7396: objects are merged, null removes a field): any field of any server,
    e.g. {"ignore_eos": true}."""

    def longest(self, prompt: Prompt) -> int | None:
        """The length to ask for: the smaller of what the target allows and the prompt wants; None leaves it open."""
        wanted = [length for length in (self.max_tokens, prompt.max_tokens) if length is not None]
        return min(wanted, default=None)


class Decoder(Protocol):
    """Reads one answer. Fed with body bytes in any split; raises ServerError or Garbled as soon as it sees them."""

    def again(self, data: bytes) -> bool:
        """Whether `data` is a token of a kind that came before, and nothing else; then it need not be fed.

        A short way for those who do not want its text. False is always right.
        """

    def feed(self, data: bytes) -> list[Delta]:
        """The token-bearing events that `data` completes, in order; a list because it is the hot path."""

    def close(self) -> Answer:
        """Called once at the end of the body; raises Truncated if the end mark never came."""


class Adapter(Protocol):
    """One wire format; no I/O, no clock."""

    path: ClassVar[str]
    """The endpoint's path below the server's base URL, e.g. `/v1/chat/completions`."""

    def __init__(self, options: Options) -> None: ...

    def encode(self, prompt: Prompt) -> Call:
        """The request for one prompt."""

    def decoder(self) -> Decoder:
        """A fresh decoder for one answer."""
