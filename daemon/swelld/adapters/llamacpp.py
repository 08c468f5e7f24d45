"""llama.cpp's native wire format."""

from typing import Any, ClassVar, Final

import msgspec

from swelld.adapters.base import Answer, Call, Decoder, Delta, Kind, Options, Usage
from swelld.adapters.decoding import StreamDecoder, WholeDecoder
from swelld.adapters.errors import raise_error
from swelld.adapters.request import encoded
from swelld.prompt import Prompt


class _Timings(msgspec.Struct, gc=False):
    cache_n: int | None = None


class _Chunk(msgspec.Struct, gc=False):
    content: str | None = None
    stop: bool = False
    stop_type: str | None = None
    tokens_predicted: int | None = None
    tokens_evaluated: int | None = None
    timings: _Timings | None = None
    error: Any = None


_CONTENT: Final = Kind.CONTENT
_FINISH_REASONS: Final = {"eos": "stop", "word": "stop", "limit": "length"}

_decode = msgspec.json.Decoder(_Chunk).decode


class LlamaCpp:
    """`/completion`: no roles and no template; finish reasons are given in OpenAI's words (`stop`, `length`)."""

    __slots__ = ("_options",)
    path: ClassVar[str] = "/completion"

    def __init__(self, options: Options) -> None:
        self._options = options

    def encode(self, prompt: Prompt) -> Call:
        """The request for one prompt."""
        options = self._options
        body = {
            "model": options.model or None,
            "prompt": prompt.text(),
            "stream": options.stream,
            "n_predict": options.longest(prompt),
            "temperature": options.temperature,
        }
        return encoded(body, options)

    def decoder(self) -> Decoder:
        """A fresh decoder for one answer."""
        return _Stream() if self._options.stream else _Whole()


class _Stream(StreamDecoder):
    __slots__ = ()

    def take(self, data: bytes, deltas: list[Delta]) -> None:
        chunk = _decode(data)
        if chunk.content:
            deltas.append(Delta(_CONTENT, chunk.content))
        if chunk.stop:
            self.finish_reason = _finish_reason(chunk)
            self.usage = _counts(chunk)
        if chunk.error is not None or chunk.content is None:
            raise_error(data)


class _Whole(WholeDecoder):
    __slots__ = ()

    def answer(self, body: bytes) -> Answer | None:
        content = _decode(body)
        if content.error is not None or content.content is None:
            return None
        return Answer(_finish_reason(content), _counts(content), content.content)


def _finish_reason(chunk: _Chunk) -> str:
    return _FINISH_REASONS.get(chunk.stop_type or "", chunk.stop_type or "stop")


def _counts(chunk: _Chunk) -> Usage:
    # not `tokens_cached`: that is what the cache holds afterwards, not what the prompt found in it
    cached = None if chunk.timings is None else chunk.timings.cache_n
    return Usage(chunk.tokens_evaluated, chunk.tokens_predicted, cached)
