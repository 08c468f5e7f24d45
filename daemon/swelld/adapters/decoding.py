"""What the decoders of JSON wire formats share: end marks, errors, and what is no answer at all."""

import contextlib
from abc import ABC, abstractmethod
from typing import Final

import msgspec

from swelld.adapters.base import Answer, Delta, Garbled, ServerError, Truncated, Usage
from swelld.adapters.errors import UNREADABLE, excerpt, raise_error, read_error, server_error
from swelld.adapters.sse import EventStream

_LESSONS: Final = 4
"""How often one answer is learned from: where events differ in more than their text, that is all it costs."""
_LONGEST: Final = 4096
_PROBE: Final = "another text"
_PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
"""What stands for itself in a JSON string."""

_Frame = tuple[bytes, bytes, int, int]
"""What stands before and after the text of an event, and where the text begins and ends."""


class StreamDecoder(ABC):
    """Reads a streamed answer; a wire format says what one event holds.

    Most events of an answer differ in their text alone. From one that made a delta and left nothing else behind, what
    stands before and after its text is learned; an event that begins and ends likewise need not be decoded.
    """

    __slots__ = ("_events", "_frame", "_learned", "_lessons", "done", "finish_reason", "usage")

    def __init__(self) -> None:
        self._events = EventStream()
        self._learned: _Frame | None = None
        self._frame: _Frame | None = None  # what was learned, while nothing is pending
        self._lessons = _LESSONS
        self.done = False
        """True once `[DONE]` was read: whatever follows is ignored."""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None

    @abstractmethod
    def take(self, data: bytes, deltas: list[Delta]) -> None:
        """Add the deltas of one event's data; ServerError, or msgspec.DecodeError if it is not the wire format.

        A text is passed on as it is; what else an event leaves behind is in `done`, `finish_reason` and `usage`.
        """

    def again(self, data: bytes) -> bool:
        """Whether `data` is one event like one before but for its text: a token, and nothing to be fed."""
        if self._frame is None:
            return False
        before, after, start, end = self._frame
        text = data[start:end]
        return (
            data.startswith(before)
            and data.endswith(after)
            and 0 < len(text) < _LONGEST
            and (text.lstrip(b" ").isalnum() or not text.translate(None, _PLAIN))
        )

    def feed(self, data: bytes) -> list[Delta]:
        """The token-bearing events that `data` completes; ServerError or Garbled if one of them is no such event."""
        deltas: list[Delta] = []
        events = self._events.feed(data)
        for name, content in events:
            if self.done:
                break
            if name == b"error":
                raise read_error(content) or _named_error(content)
            try:
                self.take(content, deltas)
            except UNREADABLE as problem:
                self._take_odd(content, problem)
        if self._lessons and len(events) == len(deltas) == 1:
            self._learn(events[0][1], deltas[0])
        self._frame = self._learned if self._events.between and not self.done else None
        return deltas

    def _learn(self, content: bytes, delta: Delta) -> None:
        """Find out what stands before and after the text of an event, unless that is known or not all there is to it.

        The proof: the event with another text in this place makes a delta of that text, and leaves nothing else behind.
        """
        before, found, after = content.rpartition(b'"%s"' % delta.text.encode())
        before, after = b'data: %s"' % before, b'"%s\n\n' % after
        known = self._learned is not None and self._learned[:2] == (before, after)
        if not found or known or len(content) > _LONGEST or b"\n" in content or delta.text == _PROBE:
            return
        self._lessons -= 1
        left = self.finish_reason, self.usage
        self.finish_reason = self.usage = None
        deltas: list[Delta] = []
        with contextlib.suppress(ServerError, *UNREADABLE):
            self.take(before[6:] + _PROBE.encode() + after[:-2], deltas)
        if deltas == [Delta(delta.kind, _PROBE)] and self.finish_reason is None and self.usage is None:
            self._learned = before, after, len(before), -len(after)
        self.finish_reason, self.usage = left

    def close(self) -> Answer:
        """What is known at the end; Truncated without an end mark, Garbled if it was no event stream."""
        if self.done or self.finish_reason is not None:
            return Answer(self.finish_reason, self.usage)
        stray = self._events.stray()
        raise_error(stray)
        if stray and not self._events.seen and not _is_cut_json(stray):
            raise Garbled(f"no event stream was answered to a stream request: {excerpt(stray)}")
        raise Truncated("the stream ended without a finish reason or [DONE]")

    def _take_odd(self, content: bytes, problem: Exception) -> None:
        content = content.strip()
        if content == b"[DONE]":
            self.done = True
        elif content:
            raise read_error(content) or Garbled(
                f"not an event of this wire format ({problem}): {excerpt(content)}"
            ) from None


class WholeDecoder(ABC):
    """Reads an answer that is one JSON document; a wire format says what it holds."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @abstractmethod
    def answer(self, body: bytes) -> Answer | None:
        """The answer, None if there is none in it; ServerError, or msgspec.DecodeError if it is not the wire format."""

    def again(self, data: bytes) -> bool:
        """Never: there are no events."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """No deltas: nothing is known before the end."""
        self._pieces.append(data)
        return []

    def close(self) -> Answer:
        """The answer; ServerError, Truncated for a document cut short, Garbled for anything else."""
        body = b"".join(self._pieces)
        try:
            answer = self.answer(body)
        except UNREADABLE as problem:
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
    except UNREADABLE:
        return ServerError(excerpt(content))


def _is_cut_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except UNREADABLE as problem:
        return "truncated" in str(problem)
    return False
