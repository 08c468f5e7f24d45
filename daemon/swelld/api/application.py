"""All parts of the web server put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from swelld.api.access import Access
from swelld.api.acting import Acting
from swelld.api.addresses import Policy, Resolver, system_resolver
from swelld.api.analysis import Analyses, Writer
from swelld.api.audit import Audit
from swelld.api.control import NAME_PATTERN, Control, Exposition
from swelld.api.dispatch import BODY_SECONDS, Dispatch
from swelld.api.feed import HEARTBEAT, INTERVAL, Feeds
from swelld.api.front import Front
from swelld.api.gate import Gate
from swelld.api.inline import Inlines
from swelld.api.limits import Seats
from swelld.api.openapi import document
from swelld.api.probe import Prober, Probing
from swelld.api.problems import problems
from swelld.api.reading import Reading
from swelld.api.recommending import Recommending
from swelld.api.route import EVENTS, Route
from swelld.api.streams import WRITE_SECONDS, Streams
from swelld.clock import now
from swelld.settings.web import Web


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the server takes from outside; tests hand in their own."""

    clock: Callable[[], float] = now
    resolver: Resolver = system_resolver
    interval: float = INTERVAL
    """Between two looks at the progress of a run."""
    heartbeat: float = HEARTBEAT
    body_seconds: float = BODY_SECONDS
    write_seconds: float = WRITE_SECONDS
    prober: Prober | None = None
    writer: Writer = lambda: (None, "en")


class Parts:
    """Whatever answers requests, and the table of them."""

    def __init__(self, control: Control, exposition: Exposition, settings: Web, around: Surroundings) -> None:
        self.audit = Audit()
        self.feeds = Feeds(control, around.interval, around.heartbeat)
        streams = Streams(control, self.feeds, Seats(settings.max_streams), around.write_seconds)
        front = Front(control, exposition)
        inlines = Inlines(control, Policy(settings.inline_targets), around.resolver)
        self.routes = [
            *front.routes(),
            *Reading(control, self.audit).routes(),
            *streams.routes(),
            *Acting(control, inlines).routes(),
            *Recommending(control, inlines).routes(),
            *Probing(around.prober).routes(),
            *Analyses(control, around.writer).routes(),
        ]
        front.describe(self.routes)


def application(
    control: Control, exposition: Exposition, settings: Web, around: Surroundings | None = None
) -> web.Application:
    """Serves every route; ValueError names a secret in the settings that cannot be used."""
    around = around or Surroundings()
    parts = Parts(control, exposition, settings, around)
    gate = Gate(settings, Access(settings, around.clock), parts.audit, around.clock)
    app = web.Application(middlewares=[problems, gate.middleware()], client_max_size=settings.max_body)
    dispatch = Dispatch(around.clock, around.body_seconds)
    gate.routes = {
        known: route for route in parts.routes for known in _added(app.router, route, dispatch.handler(route))
    }
    app.on_response_prepare.append(gate.prepare)

    async def let_go(_: web.Application) -> None:
        parts.feeds.close()

    app.on_shutdown.append(let_go)
    return app


def openapi_text() -> str:
    """The content of docs/openapi.json."""
    nobody: Any = None  # the table can be read without anybody to answer
    routes = Parts(nobody, nobody, Web(), Surroundings()).routes
    return msgspec.json.format(msgspec.json.encode(document(routes)), indent=2).decode() + "\n"


def _added(router: web.UrlDispatcher, route: Route, handler: Handler) -> Sequence[web.AbstractRoute]:
    """A page can be asked for its headers alone, a stream cannot."""
    resource = router.add_resource(_with_patterns(route.path))
    found = [resource.add_route(route.method, handler)]
    if route.method == "GET" and not route.socket and EVENTS not in route.media:
        found.append(resource.add_route("HEAD", handler))
    return found


def _with_patterns(path: str) -> str:
    pattern = NAME_PATTERN.strip("^$")
    return path.replace("{name}", f"{{name:{pattern}}}").replace("{id}", f"{{id:{pattern}}}")
