"""Server-sent events by the WHATWG standard, on bytes, with a short way for what servers nearly always send."""

from typing import Final

from swelld.adapters.base import Garbled
from swelld.adapters.errors import excerpt

MAX_EVENT: Final = 16 * 2**20
MAX_STRAY: Final = 64 * 2**10

Event = tuple[bytes, bytes]
"""Name (`event:`, empty if none) and data of one event."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b"data", b"event", b"id", b"retry", b"error", b"")  # a comment is a line whose field has no name


class EventStream:
    """Cuts bytes into events; any split of the same bytes gives the same events.

    A beginning that no blank line ended is no event. Beyond the standard: a line `error: X` (llama.cpp until late
    2025) is taken as an event named `error` with the data X, and lines that are no field at all are kept for
    `stray()`, because they are what an answer that is no event stream consists of. The lines of one event, field
    names included, may have `max_event` bytes; more is Garbled.
    """

    __slots__ = ("_after_cr", "_data", "_line", "_max_event", "_name", "_size", "_started", "_stray", "between", "seen")

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._started = False
        self._after_cr = False
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._data: list[bytes] = []
        self._name = b""
        self._size = 0  # bytes of the event's lines so far, the unfinished one included
        self._stray = bytearray()
        self.between = False
        """True if nothing is pending and no BOM can follow; an LF after a CR would be an empty line."""
        self.seen = False
        """True once any event has been completed."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order."""
        if self.between and data[:6] == b"data: " and 13 not in data and len(data) <= self._max_event:  # 13: CR
            line, _, rest = data.partition(b"\n")
            if rest == b"\n":
                return [(b"", line[6:])]
            if data[-2:] == b"\n\n":
                lines = data[6:-2].split(b"\n\ndata: ")
                if 10 not in b"".join(lines):  # an LF would be another field, a comment or a second line of data
                    return [(b"", line) for line in lines]
        return self._scan(data)

    def stray(self) -> bytes:
        """The lines so far that are no fields, an unfinished last line included; the first 64 KiB of them."""
        last = b"".join(self._line)
        field = last.partition(b":")[0]
        if field in _FIELDS or (field == last and any(name.startswith(last) for name in _FIELDS)):
            last = b""
        return (bytes(self._stray) + last)[:MAX_STRAY].strip()

    def _scan(self, data: bytes) -> list[Event]:
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:
                data = data[1:]
        events: list[Event] = []
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut:
            self._after_cr = data[-1] == 0x0D
            self._line.append(data[:cut])
            block = b"".join(self._line)
            self._line.clear()
            self._size -= len(block) - cut  # the pieces are counted again as lines
            for line in block.splitlines():
                self._take(line, events)
        if cut < len(data):
            self._line.append(data[cut:])
            self._grow(len(data) - cut)
        self.between = self.seen and not (self._line or self._data or self._name)
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
            return
        self._grow(len(line))
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"error":
            self._name = b"error"
            self._data.append(value)
        elif field not in _FIELDS and len(self._stray) < MAX_STRAY:
            self._stray += line[:MAX_STRAY] + b"\n"

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append((self._name, b"\n".join(self._data)))
            self._data.clear()
            self.seen = True
        self._name = b""
        self._size = 0

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > self._max_event:
            sample = self._data[0] if self._data else b"".join(self._line)
            raise Garbled(f"an event is larger than {self._max_event} bytes: {excerpt(sample)}")
