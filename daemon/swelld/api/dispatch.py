"""From a request to the types of its route, and from what the endpoint gives back to a response."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, get_origin, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from swelld.api.access import Caller
from swelld.api.idempotency import HEADER, Answers, Kept
from swelld.api.problems import Problem
from swelld.api.route import JSON, Call, Reply, Route

CALLER: Final = web.RequestKey("caller", Caller)
"""Where the gate leaves who is asking."""
BODY_SECONDS: Final = 10.0
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")


class Dispatch:
    """Makes a handler of each route."""

    def __init__(self, clock: Callable[[], float], body_seconds: float = BODY_SECONDS) -> None:
        self._answers = Answers(clock)
        self._body_seconds = body_seconds

    def handler(self, route: Route) -> Handler:
        """What aiohttp calls."""

        async def handle(request: web.Request) -> web.StreamResponse:
            caller = request[CALLER]
            raw = await self._read(request) if route.body is not None else b""
            body = _body(route, request, raw)
            call = Call(request, caller, dict(request.match_info), _query(route, request), body)
            if not route.once:
                return _response(route, await route.endpoint(call))
            return await self._once(route, call, raw)

        return handle

    async def _once(self, route: Route, call: Call, raw: bytes) -> web.Response:
        async def make() -> Kept:
            reply = await route.endpoint(call)
            assert isinstance(reply, Reply)
            return Kept(route.status, msgspec.json.encode(reply.value), reply.location)

        fingerprint = b"\0".join((route.method.encode(), call.request.path.encode(), raw))
        key = call.request.headers.get(HEADER)
        kept, again = await self._answers.once(call.caller.key, key, fingerprint, make)
        headers = {"Location": kept.location} | ({"Idempotent-Replayed": "true"} if again else {})
        return web.Response(body=kept.body, status=kept.status, content_type=JSON, headers=headers)

    async def _read(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await request.read()
        except TimeoutError:
            detail = f"the body took longer than {self._body_seconds:g} s; send it at once"
            raise Problem(408, detail, headers={"Connection": "close"}) from None


def _body(route: Route, request: web.Request, raw: bytes) -> Any:
    if route.body is None:
        return None
    if not raw:
        if route.body_required:
            raise Problem(400, "the body is empty; send JSON")
        return route.body()
    if request.content_type != JSON:
        raise Problem(415, f"the body has to be JSON; send Content-Type: {JSON}")
    try:
        return msgspec.json.decode(raw, type=route.body)
    except msgspec.ValidationError as error:
        raise Problem(422, "the body is not what this path takes", errors=[str(error)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, f"the body is not JSON: {text}") from None


def _query(route: Route, request: web.Request) -> Any:
    lists = {name for name, kind in get_type_hints(route.query).items() if get_origin(kind) is list}
    given: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        values = request.query.getall(name)
        if name not in lists and len(values) > 1:
            raise Problem(422, f"{name} is given twice; give it once")
        given[name] = values if name in lists else values[0]
    try:
        return msgspec.convert(given, route.query, strict=False)
    except msgspec.ValidationError as error:
        missing = _MISSING.fullmatch(str(error))
        said = f"{missing[1]} is missing: write {request.path}?{missing[1]}=..." if missing else str(error)
        raise Problem(422, "the query is not what this path takes", errors=[said]) from None


def _response(route: Route, value: Any) -> web.StreamResponse:
    if isinstance(value, web.StreamResponse):
        return value
    if value is None:
        return web.Response(status=204)
    return web.Response(body=msgspec.json.encode(value), status=route.status, content_type=JSON)
