"""What every request passes first: its host, secrets in its URL, who sent it, whether they may, how often."""

from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from swelld.api.access import Access, Caller, refuse
from swelld.api.audit import Audit
from swelld.api.dispatch import CALLER
from swelld.api.limits import Buckets
from swelld.api.origin import OWN_HEADERS, Origins, is_preflight, no_secret_in_url
from swelld.api.problems import Problem, as_problem
from swelld.api.route import Route
from swelld.settings.web import Web

BURST_SECONDS = 4.0
_HARDENED = {
    "Server": "swelld",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class Gate:
    """One for a server."""

    def __init__(self, settings: Web, access: Access, audit: Audit, clock: Callable[[], float]) -> None:
        self._access = access
        self._audit = audit
        self._origins = Origins(settings)
        self._rate = Buckets(settings.control_rate, settings.control_rate * BURST_SECONDS, clock)
        self._headers = _HARDENED | settings.headers
        self.routes: Mapping[web.AbstractRoute, Route] = {}

    def middleware(self) -> Middleware:
        """For the application, inside of the one that makes documents of problems."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._origins.check_host(request)
            no_secret_in_url(request)
            if is_preflight(request) and (methods := _methods(request)):
                return self._origins.preflight(request, methods)
            route = self.routes.get(request.match_info.route)
            caller = Caller("anonymous", None, request.remote or "unknown")
            try:
                if route is None or route.role is not None:
                    caller = await self._access.identify(request)
                self._admit(request, route, caller)
                request[CALLER] = caller
                response = await handler(request)
            except Exception as error:
                problem = as_problem(error)
                if problem and ((route is not None and route.acts) or problem.status in (401, 403)):
                    self._record(request, caller, problem.status, "; ".join([problem.detail, *problem.errors]))
                raise
            if route is not None and route.acts:
                self._record(request, caller, response.status, response.headers.get("Location"))
            return response

        return gate

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Headers of every response."""
        for name, value in self._headers.items():
            response.headers[name] = value
        if request.path.startswith(("/api/", "/-/")):
            response.headers.setdefault("Cache-Control", "no-store")
        self._origins.share(request, response)

    def _admit(self, request: web.Request, route: Route | None, caller: Caller) -> None:
        role = "read" if route is None else route.role
        if role is not None and not caller.may(role):
            raise refuse(caller, role)
        if route is None:
            return
        if route.acts or route.socket:
            self._origins.check_origin(request)
        if route.acts:
            if caller.way != "token" and not any(header in request.headers for header in OWN_HEADERS):
                # A browser sends a password or certificate by itself, and needs none at all on loopback.
                raise Problem(
                    403, f"without a token this needs the header {OWN_HEADERS[0]}: 1, so that no page can do it"
                )
            if wait := self._rate.take(caller.key):
                detail = "too many changes in a short time; wait, or raise web.control_rate"
                raise Problem(429, detail, headers={"Retry-After": str(int(wait) + 1)})

    def _record(self, request: web.Request, caller: Caller, status: int, detail: str | None) -> None:
        self._audit.record(
            who=caller.name,
            role=caller.role,
            address=caller.address,
            method=request.method,
            path=request.path,
            status=status,
            detail=detail,
        )


def _methods(request: web.Request) -> list[str]:
    """What the path understands; nothing if there is no such path."""
    error = request.match_info.http_exception
    return sorted(error.allowed_methods) if isinstance(error, web.HTTPMethodNotAllowed) else []
