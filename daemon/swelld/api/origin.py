"""Which web pages may talk to the daemon: the Host header against rebound names, Origin against pages of others."""

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from swelld.api.problems import Problem
from swelld.settings.web import Web, is_loopback

OWN_HEADERS: Final = ("X-Swelld-Request", "X-Grafana-Action")
"""A page of somebody else cannot send either without asking first, which it may not."""
_ALLOWED_HEADERS: Final = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", *OWN_HEADERS)
_EXPOSED_HEADERS: Final = "Location, Retry-After, Idempotent-Replayed"
_KEEP_SECONDS: Final = 600
_SECRETS: Final = frozenset({"token", "access_token", "api_key", "apikey", "key", "password", "authorization", "auth"})


class Origins:
    """The rules of one server."""

    def __init__(self, settings: Web) -> None:
        self._checks_host = settings.on_loopback or bool(settings.hosts)
        self._hosts = {*settings.hosts, settings.listen.host.lower(), "localhost"}
        self._origins = frozenset(settings.cors_origins)

    def check_host(self, request: web.Request) -> None:
        """A name that is not ours was pointed at us by somebody: a Problem. Addresses cannot be rebound."""
        if len(request.headers.getall("Host", [])) > 1:
            raise Problem(400, "there are two Host headers; send one")
        host = _host(request.headers.get("Host", ""))
        if not self._checks_host or not host or host in self._hosts or _is_address(host) or host.endswith(".localhost"):
            return
        raise Problem(421, "this server does not go by that name; add it to web.hosts if it should")

    def allows(self, origin: str) -> bool:
        """Whether a page may read answers and send headers of its own."""
        return origin.lower() in self._origins

    def check_origin(self, request: web.Request) -> None:
        """A request of a page that is neither ours nor allowed: a Problem."""
        origin = request.headers.get("Origin")
        if origin is None:
            if request.headers.get("Sec-Fetch-Site") == "cross-site":
                raise Problem(403, "a page of another site may not do this; add its origin to web.cors_origins")
            return
        own = urlsplit(origin).netloc.lower() == request.headers.get("Host", "").lower()
        if not own and not self.allows(origin):
            raise Problem(403, "this page may not do this; add its origin to web.cors_origins")

    def preflight(self, request: web.Request, methods: Sequence[str]) -> web.Response:
        """The answer to a browser that asks before it sends what a page wants."""
        if not self.allows(request.headers["Origin"]):
            raise Problem(403, "this page may not call the API; add its origin to web.cors_origins")
        headers = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": ", ".join(_ALLOWED_HEADERS),
            "Access-Control-Max-Age": str(_KEEP_SECONDS),
        }
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
        return web.Response(status=204, headers=headers)

    def share(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let a page that is allowed read the answer."""
        if not self._origins:
            return
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is not None and self.allows(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks on behalf of a page."""
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def no_secret_in_url(request: web.Request) -> None:
    """URLs end up in logs, histories and Referer headers: a Problem if one carries a secret."""
    if _SECRETS & {name.lower() for name in request.query}:
        raise Problem(400, "a secret does not belong in a URL, where logs keep it; send Authorization: Bearer TOKEN")


def _host(header: str) -> str:
    """The Host header without its port."""
    host = header.strip().lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return host.rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return is_loopback(host)
    return True
