"""The pages of the web server: metrics, health and a read-only API."""

import sys

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from swelld import __version__
from swelld.api.compression import packed, takes_gzip
from swelld.api.landing import landing_page
from swelld.api.view import Exposition, View

log = structlog.get_logger(__name__)

_WORTH_PACKING = 1024  # bytes: one packet, whether packed or not


def application(view: View, exposition: Exposition) -> web.Application:
    """Every path, for GET and HEAD only."""
    app = web.Application(middlewares=[_problems])
    pages = _Pages(view, exposition)
    for path, page in {
        "/": pages.landing,
        "/metrics": pages.metrics,
        "/-/healthy": pages.healthy,
        "/-/ready": pages.ready,
        "/api/v1/status/buildinfo": pages.build_info,
        "/api/v1/status/config": pages.config,
        "/api/v1/targets": pages.targets,
        "/api/v1/scenarios": pages.scenarios,
        "/api/v1/runs": pages.runs,
        "/api/v1/runs/{id}": pages.run,
    }.items():
        app.router.add_get(path, page)
    return app


class _Pages:
    """One method for each path."""

    def __init__(self, view: View, exposition: Exposition) -> None:
        self._view = view
        self._exposition = exposition

    async def landing(self, request: web.Request) -> web.Response:
        page = landing_page(self._view.ready(), self._view.scenarios(), self._view.runs())
        return web.Response(text=page, content_type="text/html")

    async def metrics(self, request: web.Request) -> web.Response:
        page = self._exposition.render(", ".join(request.headers.getall("Accept", [])))
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
        body = page.body
        if len(body) >= _WORTH_PACKING and takes_gzip(", ".join(request.headers.getall("Accept-Encoding", []))):
            body = await packed(body)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="swelld is healthy\n")

    async def ready(self, request: web.Request) -> web.Response:
        if self._view.ready():
            return web.Response(text="swelld is ready\n")
        return web.Response(text="swelld is not ready\n", status=503)

    async def build_info(self, request: web.Request) -> web.Response:
        return web.json_response({"version": __version__, "python": sys.version.split()[0]})

    async def config(self, request: web.Request) -> web.Response:
        return web.json_response(self._view.config())

    async def targets(self, request: web.Request) -> web.Response:
        return web.json_response({"targets": self._view.targets()})

    async def scenarios(self, request: web.Request) -> web.Response:
        return web.json_response({"scenarios": self._view.scenarios()})

    async def runs(self, request: web.Request) -> web.Response:
        return web.json_response({"runs": self._view.runs()})

    async def run(self, request: web.Request) -> web.Response:
        run = self._view.run(request.match_info["id"])
        if run is None:
            raise web.HTTPNotFound
        return web.json_response(run)


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as RFC 9457 problem documents; an unexpected one is logged and keeps its inside to itself."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _problem(error.status, error.reason, request.path, allow)
    except Exception:
        log.exception("a request to the web server failed", path=request.path)
        return _problem(500, "Internal Server Error", request.path, {})


def _problem(status: int, title: str, path: str, headers: dict[str, str]) -> web.Response:
    body = {"type": "about:blank", "title": title, "status": status, "instance": path}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")
