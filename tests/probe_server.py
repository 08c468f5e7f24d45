"""`/probe` served alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from swelld.api.access import Caller
from swelld.api.dispatch import CALLER, Dispatch
from swelld.api.probe import Prober, Probing
from swelld.api.problems import problems


@asynccontextmanager
async def probe_server(prober: Prober) -> AsyncIterator[str]:
    """Its URL; everybody may read."""

    @web.middleware
    async def let_in(request: web.Request, handler: Any) -> web.StreamResponse:
        request[CALLER] = Caller("test", "read", "127.0.0.1")
        response: web.StreamResponse = await handler(request)
        return response

    (route,) = Probing(prober).routes()
    app = web.Application(middlewares=[problems, let_in])
    app.router.add_route(route.method, route.path, Dispatch(lambda: 0.0).handler(route))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
