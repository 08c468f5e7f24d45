"""What a path of the API is: one entry serves requests, checks them, and documents them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    role: Role | None = "read"
    """None: for everybody."""
    query: type[msgspec.Struct] = Nothing
    body: Any = None
    """Type of the JSON body; None if there is none."""
    body_required: bool = True
    status: int = 200
    answer: Any = None
    """Type of the JSON answer."""
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
