"""What the decoders of JSON wire formats share: end marks, errors, and what is no answer at all."""

from abc import ABC, abstractmethod
from typing import Final

import msgspec

from swelld.adapters.base import Answer, Delta, Garbled, ServerError, Truncated, Usage
from swelld.adapters.errors import excerpt, read_error, server_error
from swelld.adapters.sse import EventStream

_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError)


class StreamDecoder(ABC):
    """Reads a streamed answer; a wire format says what one event holds."""

    __slots__ = ("_events", "done", "finish_reason", "usage")

    def __init__(self) -> None:
        self._events = EventStream()
        self.done = False
        """True once `[DONE]` was read: whatever follows is ignored."""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None

    @abstractmethod
    def take(self, data: bytes, deltas: list[Delta]) -> None:
        """Add the deltas of one event's data; ServerError, or msgspec.DecodeError if it is not the wire format."""

    def feed(self, data: bytes) -> list[Delta]:
        """The token-bearing events that `data` completes; ServerError or Garbled if one of them is no such event."""
        deltas: list[Delta] = []
        for name, content in self._events.feed(data):
            if self.done:
                break
            if name == b"error":
                raise read_error(content) or _named_error(content)
            try:
                self.take(content, deltas)
            except _BROKEN as problem:
                self._take_odd(content, problem)
        return deltas

    def close(self) -> Answer:
        """What is known at the end; Truncated without an end mark, Garbled if it was no event stream."""
        if self.done or self.finish_reason is not None:
            return Answer(self.finish_reason, self.usage)
        stray = self._events.stray()
        error = read_error(stray)
        if error is not None:
            raise error
        if stray and not self._events.seen and not _is_cut_json(stray):
            raise Garbled(f"no event stream was answered to a stream request: {excerpt(stray)}")
        raise Truncated("the stream ended without a finish reason or [DONE]")

    def _take_odd(self, content: bytes, problem: Exception) -> None:
        content = content.strip()
        if content == b"[DONE]":
            self.done = True
        elif content:
            error = read_error(content)
            raise error or Garbled(f"not an event of this wire format ({problem}): {excerpt(content)}") from None


class WholeDecoder(ABC):
    """Reads an answer that is one JSON document; a wire format says what it holds."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @abstractmethod
    def answer(self, body: bytes) -> Answer | None:
        """The answer, None if there is none in it; ServerError, or msgspec.DecodeError if it is not the wire format."""

    def feed(self, data: bytes) -> list[Delta]:
        """No deltas: nothing is known before the end."""
        self._pieces.append(data)
        return []

    def close(self) -> Answer:
        """The answer; ServerError, Truncated for a document cut short, Garbled for anything else."""
        body = b"".join(self._pieces)
        try:
            answer = self.answer(body)
        except _BROKEN as problem:
            if _is_cut_json(body):
                raise Truncated(f"the answer is incomplete: {excerpt(body)}") from None
            raise read_error(body) or _garbled(body, str(problem)) from None
        if answer is None:
            raise read_error(body) or _garbled(body, "it holds no answer")
        return answer


def _garbled(body: bytes, why: str) -> Garbled:
    return Garbled(f"not an answer of this wire format ({why}): {excerpt(body)}")


def _named_error(content: bytes) -> ServerError:
    try:
        return server_error(msgspec.json.decode(content))
    except _BROKEN:
        return ServerError(excerpt(content))


def _is_cut_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except _BROKEN as problem:
        return "truncated" in str(problem)
    return False
