"""`/probe`: one exchange with a target for a scraper that asks for it, as Prometheus's blackbox exporter does."""

from typing import Annotated, Final, Protocol

import msgspec
from aiohttp import web

from swelld.api.control import Page
from swelld.api.problems import Problem
from swelld.api.route import Call, Route

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f]*$")]


class Prober(Protocol):
    """Carries probes out."""

    async def probe(self, target: str, module: str | None, scrape_timeout: float | None, *, debug: bool) -> Page:
        """The page of one probe, good or bad; with `debug` how it went, for people.

        NotFound, Refused or Unavailable where there is nothing to be measured.
        """


class ProbeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is probed, and how."""

    target: _Short
    """Name of a target, or the URL or HOST:PORT of a server that `probe.targets` allows."""
    module: _Short | None = None
    """One of `probe.modules`; `chat` if not given."""
    debug: bool = False
    """Say how it went, for people."""


class Probing:
    """The one path."""

    def __init__(self, prober: Prober | None) -> None:
        self._prober = prober

    def routes(self) -> list[Route]:
        """The table."""
        text = {"text/plain": "Metrics of this probe alone"}
        about = "Ask a target once, and say in metrics what came of it"
        return [Route("GET", "/probe", self.probe, about, None, ProbeQuery, media=text, errors=(404, 422, 503))]

    async def probe(self, call: Call) -> web.Response:
        """Only for those that mean it: the page of another site could otherwise have a browser ask for it."""
        if self._prober is None:
            raise Problem(503, "nothing can be probed now; try again")
        if call.request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Problem(403, "a page of another site may not start a probe")
        query: ProbeQuery = call.query
        page = await self._prober.probe(query.target, query.module, _scrape_timeout(call.request), debug=query.debug)
        return web.Response(body=page.body, headers={"Content-Type": page.content_type, "Cache-Control": "no-store"})


def _scrape_timeout(request: web.Request) -> float | None:
    """Seconds after which the scraper gives up; None if it does not say."""
    header = request.headers.get(TIMEOUT_HEADER)
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise Problem(422, f"{TIMEOUT_HEADER} is no time; write a number of seconds above 0")
    return seconds
