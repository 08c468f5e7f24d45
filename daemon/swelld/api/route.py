"""What a path of the API is: one entry serves requests, checks them, and documents them."""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from swelld.api.access import Caller
from swelld.settings.web import Role

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in, in the types of its route."""

    request: web.Request
    caller: Caller
    path: dict[str, str]
    query: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a place of its own."""

    value: Any
    location: str


Endpoint = Callable[[Call], Awaitable[Any]]
"""Gives a value for JSON, a Reply, None for no content, or a response of its own making."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters, or an empty body."""


TROUBLE: Final = (409, 422, 503)
"""Statuses of what the daemon may not be able to do."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    endpoint: Endpoint
    summary: str
    answer: Any = None
    """Type of the JSON answer."""
    query: type[msgspec.Struct] = Nothing
    _: KW_ONLY
    role: Role | None = "read"
    """None: for everybody."""
    body: Any = None
    """Type of the JSON body; None if there is none."""
    body_required: bool = True
    status: int = 200
    media: dict[str, str] = field(default_factory=dict)
    """Other answers: media type -> what it is."""
    errors: tuple[int, ...] = ()
    """Statuses beyond those that any route may answer with."""
    once: bool = False
    """Takes an Idempotency-Key."""
    socket: bool = False
    """A WebSocket."""

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"
