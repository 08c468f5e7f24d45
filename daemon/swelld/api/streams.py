"""Live progress of a run over HTTP: as server-sent events, or over a WebSocket."""

import asyncio
from contextlib import suppress
from typing import Annotated, Final

import msgspec
from aiohttp import WSCloseCode, web

from swelld.api.access import SOCKET_TOKEN
from swelld.api.control import Control
from swelld.api.feed import Event, Feeds, ended
from swelld.api.limits import Seats
from swelld.api.problems import Problem
from swelld.api.route import EVENTS, Call, Route

PROTOCOL: Final = "swelld.v1"
WRITE_SECONDS: Final = 20.0
_RECONNECT: Final = b"retry: 2000\n\n"
_LARGEST_MESSAGE: Final = 4096


class LiveEvent(msgspec.Struct, frozen=True):
    """A message of the WebSocket."""

    event: str
    """`progress`, or `end` as the last one."""
    id: int
    data: msgspec.Raw


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on."""

    last_event_id: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    """The id of the last event that was seen; the header Last-Event-ID means the same."""


class Streams:
    """Both ways to watch; each watcher takes a seat, and one who does not read loses it."""

    def __init__(self, control: Control, feeds: Feeds, seats: Seats, write_seconds: float = WRITE_SECONDS) -> None:
        self._control = control
        self._feeds = feeds
        self._seats = seats
        self._deadline = write_seconds

    def routes(self) -> list[Route]:
        """The table."""
        run = "/api/v1/runs/{id}"
        sse = "Live progress as server-sent events; 204 to who has seen the end"
        ws = "Live progress over a WebSocket: JSON messages {event, id, data}"
        kinds = {EVENTS: "`progress` with Progress as data once a second, then `end` with RunSummary"}
        return [
            Route("GET", f"{run}/events", self.events, sse, None, StreamQuery, media=kinds, errors=(422,)),
            Route("GET", f"{run}/live", self.live, ws, None, StreamQuery, status=101, errors=(422, 426), socket=True),
        ]

    async def events(self, call: Call) -> web.StreamResponse:
        run_id = call.path["id"]
        after = _after(call)
        await self._control.run(run_id)
        if ended(after):
            return web.Response(status=204)  # tells an EventSource not to come again
        with self._seats.seat(call.caller.key), self._feeds.watching(run_id) as feed:
            headers = {"Content-Type": EVENTS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            response = web.StreamResponse(headers=headers)
            await response.prepare(call.request)
            with suppress(ConnectionError, TimeoutError):
                await self._write(response, _RECONNECT)
                async for event in feed.follow(after, self._feeds.heartbeat):
                    await self._write(response, _lines(event))
                    if event is None and _gone(call.request):
                        break
            return response

    async def live(self, call: Call) -> web.StreamResponse:
        run_id = call.path["id"]
        after = _after(call)
        await self._control.run(run_id)
        if call.request.headers.get("Upgrade", "").lower() != "websocket":
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
            raise Problem(426, "this path is a WebSocket; /events gives the same over plain HTTP", headers=headers)
        with self._seats.seat(call.caller.key), self._feeds.watching(run_id) as feed:
            socket = web.WebSocketResponse(
                protocols=(PROTOCOL, *_token_protocols(call.request)),
                heartbeat=self._feeds.heartbeat,
                max_msg_size=_LARGEST_MESSAGE,
            )
            await socket.prepare(call.request)
            listening = asyncio.create_task(_until_closed(socket))
            with suppress(ConnectionError, TimeoutError):
                async for event in feed.follow(after, self._feeds.heartbeat):
                    if socket.closed:
                        break
                    if event is not None:
                        async with asyncio.timeout(self._deadline):
                            await socket.send_str(_message(event))
            listening.cancel()
            await asyncio.wait([listening])
            await socket.close(code=WSCloseCode.OK)
            return socket

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        """A watcher who takes longer than that is cut off."""
        async with asyncio.timeout(self._deadline):
            await response.write(data)


def _after(call: Call) -> int | None:
    query: StreamQuery = call.query
    header = call.request.headers.get("Last-Event-ID", "")
    return int(header) if header.isascii() and header.isdigit() and len(header) < 17 else query.last_event_id


def _lines(event: Event | None) -> bytes:
    if event is None:
        return b": still here\n\n"
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.kind.encode(), event.data)


def _message(event: Event) -> str:
    return msgspec.json.encode(LiveEvent(event.kind, event.id, msgspec.Raw(event.data))).decode()


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _token_protocols(request: web.Request) -> list[str]:
    """A browser gives up where none of its protocols is taken, and the token may be the only one."""
    given = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return [] if PROTOCOL in given else [p for p in given if p.startswith(SOCKET_TOKEN)]


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Whatever a watcher says is ignored, but reading notices that it has gone."""
    async for _ in socket:
        pass
