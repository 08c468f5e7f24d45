"""Who changed what, from where, and what came of it: to the log, and the latest of it in memory."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
import structlog

REMEMBERED: Final = 1000
_LONGEST: Final = 300

log = structlog.get_logger("swelld.audit")

Kind = Literal["acted", "refused"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request that changed something or was turned away."""

    at: str
    """ISO 8601 with UTC offset."""
    who: str
    """Name of the token, user or certificate; `anonymous` without."""
    role: str | None
    address: str
    """Where the connection came from."""
    method: str
    path: str
    status: int
    """Of the answer."""
    detail: str | None = None
    """The run that was started, or why it was refused."""


class Audit:
    """Those who are turned away cannot wash out the memory of those who acted: each kind has its own."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._entries: dict[Kind, deque[Entry]] = {
            "acted": deque(maxlen=REMEMBERED),
            "refused": deque(maxlen=REMEMBERED),
        }

    def record(
        self,
        *,
        who: str,
        role: str | None,
        address: str,
        method: str,
        path: str,
        status: int,
        detail: str | None = None,
    ) -> None:
        """Write it down."""
        entry = Entry(
            at=self._clock().isoformat(timespec="milliseconds"),
            who=who,
            role=role,
            address=address,
            method=_plain(method),
            path=_plain(path),
            status=status,
            detail=None if detail is None else _plain(detail),
        )
        kind: Kind = "acted" if status < 400 else "refused"
        self._entries[kind].append(entry)
        say = log.info if kind == "acted" else log.warning
        say(kind, **{name: value for name, value in msgspec.structs.asdict(entry).items() if name != "at"})

    def latest(self, kind: Kind, limit: int) -> list[Entry]:
        """The last ones first."""
        return list(reversed(self._entries[kind]))[:limit]


def _plain(text: str) -> str:
    """One line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST])
