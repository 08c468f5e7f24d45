"""The pages beside the API: for people, for Prometheus, for probes of health, and the description of the API itself."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from swelld.api.compression import packed, takes_gzip
from swelld.api.control import Control, Exposition
from swelld.api.landing import landing_page
from swelld.api.openapi import document
from swelld.api.route import JSON, Call, Endpoint, Route
from swelld.store.base import Filter, Page

_WORTH_PACKING = 1024  # bytes: one packet, whether packed or not
_RECENT = 20


class Front:
    """One method for each path."""

    def __init__(self, control: Control, exposition: Exposition) -> None:
        self._control = control
        self._exposition = exposition
        self._document = b""

    def routes(self) -> list[Route]:
        """The table."""
        return [
            _page("/", self.landing, "What is running, for people", "text/html"),
            _page("/metrics", self.metrics, "Metrics; text, OpenMetrics or protobuf as Accept says", "text/plain"),
            _page("/-/healthy", self.healthy, "503 if the daemon itself is in trouble", "text/plain", public=True),
            _page(
                "/-/ready", self.ready, "503 until everything is armed, and while it stops", "text/plain", public=True
            ),
            _page("/api/v1/openapi.json", self.description, "This document", JSON),
            Route(
                "POST", "/-/reload", self.reload, "Read the configuration again; a bad one changes nothing",
                role="admin", status=204, errors=(422, 503),
            ),
        ]  # fmt: skip

    def describe(self, routes: Sequence[Route]) -> None:
        """Make the document of the API."""
        self._document = msgspec.json.encode(document(routes))

    async def landing(self, call: Call) -> web.Response:
        runs = (await self._control.runs(Filter(), Page(_RECENT))).runs
        page = landing_page(
            self._control.ready(),
            msgspec.to_builtins(self._control.scenarios()),
            msgspec.to_builtins(list(runs)),
            [target.name for target in self._control.targets()],
        )
        return web.Response(text=page, content_type="text/html")

    async def metrics(self, call: Call) -> web.Response:
        given = call.request.headers
        page = self._exposition.render(", ".join(given.getall("Accept", [])))
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
        body = page.body
        if len(body) >= _WORTH_PACKING and takes_gzip(", ".join(given.getall("Accept-Encoding", []))):
            body = await packed(body)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def healthy(self, call: Call) -> web.Response:
        complaints = self._control.healthy()
        if not complaints:
            return web.Response(text="swelld is healthy\n")
        return web.Response(text="".join(f"{complaint}\n" for complaint in complaints), status=503)

    async def ready(self, call: Call) -> web.Response:
        if self._control.ready():
            return web.Response(text="swelld is ready\n")
        return web.Response(text="swelld is not ready\n", status=503)

    async def description(self, call: Call) -> web.Response:
        return web.Response(body=self._document, content_type=JSON)

    async def reload(self, call: Call) -> None:
        await self._control.reload()


def _page(path: str, endpoint: Endpoint, summary: str, media: str, *, public: bool = False) -> Route:
    return Route(
        "GET",
        path,
        endpoint,
        summary,
        role=None if public else "read",
        media={media: summary},
        errors=(503,) if path.startswith("/-/") else (),
    )
