"""All that was seen of one target's own metrics: gauges for /metrics, and the part of the result."""

import asyncio
import logging
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from swelld.analysis.crosscheck import Client
from swelld.clock import now
from swelld.engine.pool import tls_context
from swelld.engine.target import Target
from swelld.result import ServerLevel, ServerResult, ServerTimeline
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.server_metrics.engines import LEVELS, Quantity
from swelld_exporters.server_metrics.fetch import Page
from swelld_exporters.server_metrics.scraper import Look, NoMetrics, Scraper
from swelld_exporters.server_metrics.series import Growth, Spread, Timeline

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 3.0
"""Longest time for one page."""
UNKNOWN: Final = "unknown"
"""The `engine` label of a page that no table knows."""

_GAUGES: Final = {
    Quantity.WAITING: names.SERVER_WAITING,
    Quantity.RUNNING: names.SERVER_RUNNING,
    Quantity.KV_CACHE: names.SERVER_KV_CACHE,
}
_COUNTERS: Final = {
    Quantity.PREFIX_QUERIES: names.SERVER_PREFIX_QUERIES,
    Quantity.PREFIX_HITS: names.SERVER_PREFIX_HITS,
    Quantity.PREEMPTIONS: names.SERVER_PREEMPTIONS,
}
_ENDS: Final = ("/chat/completions", "/completions", "/completion", "/v1")


def scraper(target: Target) -> Scraper:
    """What reads a target's metrics; its credentials go to its own host and port only."""
    url = target.metrics.url
    pages = _guesses(target) if url == "auto" else [Page(url)]
    same = url == "auto" or urlsplit(url)[:2] == urlsplit(target.url)[:2]
    return Scraper(
        pages,
        (lambda: _headers(target)) if same else dict,
        _context(target, pages[0]),
        sure=url != "auto",
        timeout=min(LOOK_SECONDS, max(1.0, target.metrics.interval)),
    )


def _guesses(target: Target) -> list[Page]:
    parts = urlsplit(target.url)
    if parts.scheme == "unix":
        base, socket_path = "http://localhost", parts.path
    else:
        path = parts.path.rstrip("/")
        for end in _ENDS:
            path = path.removesuffix(end)
        base, socket_path = f"{parts.scheme}://{parts.netloc}{path}", None
    return [Page(f"{base}{path}", socket_path) for path in ("/metrics", "/prometheus/metrics")]


def _headers(target: Target) -> dict[str, str]:
    bearer = {} if target.api_key is None else {"authorization": f"Bearer {target.api_key.reveal()}"}
    return {**bearer, **{name.lower(): value for name, value in target.headers.items()}}


def _context(target: Target, page: Page) -> Callable[[], ssl.SSLContext | None]:
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext | None:
        if not page.url.startswith("https"):
            return None
        if not made:
            made.append(tls_context(target.tls))
        return made[0]

    return context


class Sighting:
    """Readings of one target over a run: a first one, those while the load goes on, a last one."""

    def __init__(self, scenario: str, name: str, target: Target, scraper: Scraper, registry: Registry | None) -> None:
        self.possible = True
        """False once it is clear that there is nothing to see."""
        self._scenario, self._name = scenario, name
        self._tolerance = target.metrics.tolerance
        self._explicit = target.metrics.url != "auto"
        self._scraper = scraper
        self._registry = registry
        self.place = scraper.pages[0]
        self._began = now()
        self._page: Page | None = None
        self._engine: str | None = None
        self._growth = Growth()
        self._levels: defaultdict[Quantity, Spread] = defaultdict(Spread)
        self._timeline = Timeline()
        self._before: Mapping[Quantity, float] | None = None
        self._after: Mapping[Quantity, float] | None = None
        self._late = False
        self._looks = self._failed = 0
        self._down = False

    async def first_look(self) -> None:
        """Where everything is counted from."""
        self._began = now()
        self._before = await self._read()

    def came_late(self) -> None:
        """The first look was not over when the load began."""
        self._late = True

    async def look(self) -> Mapping[Quantity, float] | None:
        """One look while the load goes on; None if it failed."""
        values = await self._read()
        if values is None:
            self._failed += self.possible
            return None
        if self._engine is None:
            return {}
        self._looks += 1
        for quantity in LEVELS:
            if quantity in values:
                self._levels[quantity].take(values[quantity])
        levels: dict[Quantity, float] = {quantity: value for quantity, value in values.items() if quantity in LEVELS}
        self._timeline.take(now() - self._began, self._growth.total | levels)
        return levels

    async def last_look(self) -> bool:
        """After the last request; the latest one counts. False if it failed."""
        self._after = await self._read()
        return self._after is not None

    def has_counted(self, client: Client) -> bool:
        """Whether the server seems to be done with everything that was answered."""
        total = self._growth.total
        pairs = (
            (client.ok, total.get(Quantity.REQUESTS)),
            (client.input_tokens, total.get(Quantity.INPUT_TOKENS)),
            (client.output_tokens, total.get(Quantity.OUTPUT_TOKENS)),
        )
        behind = any(ours is not None and theirs is not None and theirs < ours for ours, theirs in pairs)
        return self._after is not None and not behind and not _busy(self._after)

    def forget(self) -> None:
        """Take what holds for the moment only from /metrics; counters stay."""
        if self._registry is not None:
            for gauge in (*_GAUGES.values(), names.SERVER_SCRAPE_UP, names.SERVER_SCRAPE_DURATION):
                self._registry.gauge(gauge).remove(scenario=self._scenario, target=self._name)

    def result(self, *, alone: bool) -> ServerResult | None:
        """What was seen, without the checks; None if nothing was."""
        if self._page is None:
            return None
        total = self._growth.total.get
        queries, hits = total(Quantity.PREFIX_QUERIES), total(Quantity.PREFIX_HITS)
        return ServerResult(
            target=self._name,
            engine=self._engine,
            url=self._page.url if self._page.socket_path is None else f"unix://{self._page.socket_path}",
            looks=self._looks,
            failed_looks=self._failed,
            requests_waiting=self._level(Quantity.WAITING),
            requests_running=self._level(Quantity.RUNNING),
            kv_cache_usage=self._level(Quantity.KV_CACHE),
            prefix_cache_queries=queries,
            prefix_cache_hits=hits,
            prefix_cache_hit_ratio=hits / queries if queries and hits is not None else None,
            preemptions=total(Quantity.PREEMPTIONS),
            restarts=self._growth.restarts,
            requests=total(Quantity.REQUESTS),
            input_tokens=total(Quantity.INPUT_TOKENS),
            output_tokens=total(Quantity.OUTPUT_TOKENS),
            ttft_mean=self._mean(Quantity.TTFT_SUM, Quantity.TTFT_COUNT),
            e2e_mean=self._mean(Quantity.E2E_SUM, Quantity.E2E_COUNT),
            tolerance=self._tolerance,
            checks=[],
            note=self._note(alone=alone),
            timeline=self._columns(),
        )

    async def _read(self) -> Mapping[Quantity, float] | None:
        """One reading, on /metrics too; None if there is none."""
        try:
            look = await asyncio.to_thread(self._scraper.look)
        except NoMetrics:
            self.possible = False
            log.info("target %s has no metrics that swelld knows; `metrics: off` keeps it from looking", self._name)
            return None
        except (OSError, ValueError) as error:
            self._tell_failure(error)
            return None
        self._down = False
        self._found(look)
        return look.reading.values

    def _found(self, look: Look) -> None:
        values = look.reading.values
        engine = look.reading.engine
        if engine is None and not self._explicit:
            self._growth.take(values)  # it may come to know what it is
            return
        if self._page is None and engine is None:
            log.warning("%s is of no engine that swelld knows: nothing can be read from it", look.page.url)
        self._page = look.page
        if engine != self._engine:
            self.forget()
            self._engine = engine
        added = self._growth.take(values)
        if self._registry is None:
            return
        self._gauge(names.SERVER_SCRAPE_UP, 1.0)
        self._gauge(names.SERVER_SCRAPE_DURATION, look.seconds)
        for quantity, gauge in _GAUGES.items():
            if quantity in values:
                self._gauge(gauge, values[quantity])
        for quantity, counter in _COUNTERS.items():
            if quantity in added:
                self._registry.counter(counter).labels(*self._labels()).inc(added[quantity])

    def _tell_failure(self, error: Exception) -> None:
        if not self._down:  # once for each time that it goes away
            level = logging.WARNING if self._explicit or self._page else logging.INFO
            log.log(level, "the metrics of target %s cannot be read: %s", self._name, error)
        self._down = True
        if self._registry is not None and (self._explicit or self._page):
            for gauge in _GAUGES.values():
                self._registry.gauge(gauge).remove(scenario=self._scenario, target=self._name)
            self._gauge(names.SERVER_SCRAPE_UP, 0.0)

    def _gauge(self, metric: Metric, value: float) -> None:
        assert self._registry is not None
        self._registry.gauge(metric).labels(*self._labels()).set(value)

    def _labels(self) -> tuple[str, str, str]:
        return self._scenario, self._name, self._engine or UNKNOWN

    def _level(self, quantity: Quantity) -> ServerLevel | None:
        spread = self._levels.get(quantity)
        return ServerLevel(spread.mean, spread.max) if spread else None

    def _mean(self, sum_: Quantity, count: Quantity) -> float | None:
        total = self._growth.total
        return total[sum_] / total[count] if sum_ in total and total.get(count) else None

    def _note(self, *, alone: bool) -> str | None:
        """Why client and server cannot be compared."""
        if self._engine is None:
            return "the page is of no engine that swelld knows"
        if self._late or self._before is None:
            return "the metrics could not be read before the first request"
        if self._after is None:
            return "the metrics could not be read after the last request"
        if self._growth.restarts:
            return "the server's counters began anew during the run"
        if not alone:
            return "another run or target of swelld loaded the same server at the same time"
        if found := _busy(self._before):
            return f"the server was busy with {found:g} other requests before the first one"
        if found := _busy(self._after):
            return f"the server was still busy with {found:g} requests after the last one"
        return None

    def _columns(self) -> ServerTimeline:
        points = self._timeline.points

        def column(quantity: Quantity) -> list[float | None] | None:
            values = [point.values.get(quantity) for point in points]
            return values if any(value is not None for value in values) else None

        return ServerTimeline(
            at=[round(point.at, 3) for point in points],
            requests_waiting=column(Quantity.WAITING),
            requests_running=column(Quantity.RUNNING),
            kv_cache_usage=column(Quantity.KV_CACHE),
            prefix_cache_queries=column(Quantity.PREFIX_QUERIES),
            prefix_cache_hits=column(Quantity.PREFIX_HITS),
            preemptions=column(Quantity.PREEMPTIONS),
            output_tokens=column(Quantity.OUTPUT_TOKENS),
        )


def _busy(values: Mapping[Quantity, float]) -> float:
    """Requests that the server has, waiting ones included."""
    return values.get(Quantity.WAITING, 0.0) + values.get(Quantity.RUNNING, 0.0)
