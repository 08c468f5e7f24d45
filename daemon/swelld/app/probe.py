"""Probes: an exchange or a few with one target, asked for from outside; which target, and how, is decided here."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError

from swelld.api.addresses import NotAllowed, Policy, Resolver, pinned, system_resolver
from swelld.api.control import Failed, NotFound, Refused, Unavailable
from swelld.app.probed import Probed, page
from swelld.app.probing import Course, conducted, unresolved
from swelld.checks.judge import Judge
from swelld.clock import now
from swelld.components import ADAPTERS
from swelld.config import suggest
from swelld.engine.client import Client
from swelld.engine.target import Target, Timeouts
from swelld.measurement import Measurement
from swelld.settings import Settings
from swelld.settings.probe import Module
from swelld_exporters import names
from swelld_exporters.prometheus.exposition import Page
from swelld_exporters.prometheus.registry import Registry

OFFSET: Final = 0.5
"""Seconds of a scrape that are left for the way back."""
PART: Final = 0.95
"""Of the time of a probe, for each of its deadlines: then it can be told which one it was."""
DEFAULT_MODULE: Final = "chat"

_REFUSALS: Final = ("busy", "unknown", "not_allowed", "unusable")
_URL: Final = re.compile(r"[\x21-\x7e]+")


class Prober:
    """Carries out the probes of a daemon; `settings` gives those in force, found targets among them."""

    def __init__(
        self, settings: Callable[[], Settings], registry: Registry, resolver: Resolver = system_resolver
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._under_way = 0
        self._probes = registry.counter(names.PROBES)
        refused = registry.counter(names.PROBES_REFUSED)
        self._refused = {reason: refused.labels(reason) for reason in _REFUSALS}

    async def probe(self, target: str, module: str | None, scrape_timeout: float | None, *, debug: bool) -> Page:
        """The page of one probe, good or bad: its metrics, or with `debug` a report for people.

        `target` is the name of a target, or the URL or HOST:PORT of a server that `probe.targets` allows.
        `scrape_timeout` is the time after which the scraper gives up. Where nothing can be measured: NotFound (no such
        target or module), Refused (not allowed, or not usable), Unavailable (too many at a time).
        """
        settings = self._settings()
        most = settings.probe.concurrency
        if self._under_way >= most:
            self._refused["busy"].inc()
            raise Unavailable(f"{most} probes are under way; probe less often, or raise probe.concurrency")
        self._under_way += 1
        try:
            name, chosen = self._module(settings, module)
            probed = await self._carried_out(settings, target, chosen, time_for(chosen, scrape_timeout))
        finally:
            self._under_way -= 1
        self._probes.labels(name, "success" if probed.success else "failure").inc()
        return page(f"{target} with module {name}", probed, debug=debug)

    def _module(self, settings: Settings, name: str | None) -> tuple[str, Module]:
        modules = settings.probe.modules
        name = name or (next(iter(modules)) if len(modules) == 1 else DEFAULT_MODULE)
        if name not in modules:
            raise self._no("unknown", NotFound(f"there is no module {name!r}; {suggest(name, modules)}"))
        return name, modules[name]

    async def _carried_out(self, settings: Settings, given: str, module: Module, limit: float) -> Probed:
        begun = now()
        measurements: list[Measurement] = []
        if given in settings.targets:
            target = fitted(settings.targets[given], module, limit)
            course = await conducted(self._client(given, target, module, measurements), module, measurements, limit)
        else:
            target = fitted(self._stranger(settings, given), module, limit)
            target = await self._pinned(settings, target, limit)
            lookup = now() - begun
            if target.addresses:
                client = self._client(given, target, module, measurements)
                course = await conducted(client, module, measurements, limit - lookup)
                course = course._replace(lookup=lookup)
            else:
                measurements.append(unresolved(urlsplit(target.url).hostname or ""))
                course = Course(in_time=True, lookup=lookup, certificate_expiry=None)
        return Probed(
            target=target,
            module=module,
            limit=limit,
            begun=begun,
            ended=now(),
            measurements=tuple(measurements),
            course=course,
        )

    def _client(self, given: str, target: Target, module: Module, measurements: list[Measurement]) -> Client:
        try:
            return Client(0, target, ADAPTERS[target.api], 1, measurements.append, judge=_judge(module))
        except ValueError as error:
            raise self._no("unusable", Refused(f"{given} cannot be asked: {error}")) from None

    def _stranger(self, settings: Settings, given: str) -> Target:
        """A server that is not configured."""
        url = given if "://" in given else f"http://{given}"
        known = suggest(given, settings.targets)
        if not settings.probe.targets:
            raise self._no(
                "unknown", NotFound(f"there is no target {given!r}; {known} (others can be allowed with probe.targets)")
            )
        if not _URL.fullmatch(url) or not _has_port(url) or urlsplit(url).scheme not in ("http", "https"):
            raise self._no("unknown", NotFound(f"{given!r} is neither a target nor a server; write HOST:PORT; {known}"))
        try:
            return Target(url=url)
        except ValidationError as error:
            text = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise self._no("unknown", NotFound(f"{given!r} is neither a target nor a server: {text}")) from None

    async def _pinned(self, settings: Settings, target: Target, limit: float) -> Target:
        """With the addresses to connect to; none if the host is allowed by name, but has no address now."""
        policy = Policy(settings.probe.targets, "probe.targets")
        parts = urlsplit(target.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(limit):
                found = await self._resolver(host, port)
        except (OSError, TimeoutError):
            if policy.names(host):
                return target
            text = f"{host} has no address, and is not among probe.targets by its name"
            raise self._no("not_allowed", Refused(text)) from None

        async def known(host: str, port: int) -> Sequence[str]:
            return found

        try:
            return target.model_copy(update={"addresses": await pinned(host, port, policy, known)})
        except NotAllowed as refused:
            raise self._no("not_allowed", Refused(f"it may not be probed: {refused}")) from None

    def _no(self, reason: Literal["unknown", "not_allowed", "unusable"], failed: Failed) -> Failed:
        self._refused[reason].inc()
        return failed


def time_for(module: Module, scrape_timeout: float | None) -> float:
    """How long a probe may take: as its module says, but no longer than a scraper waits that says when it gives up."""
    if scrape_timeout is None:
        return module.timeout
    return min(module.timeout, max(scrape_timeout - OFFSET, scrape_timeout / 2))


def fitted(target: Target, module: Module, limit: float) -> Target:
    """The target as a module asks it, with no deadline beyond that of the probe."""
    own = ("stream", "api", "model", "api_key", "temperature", "tls")
    given = {key: value for key in own if (value := getattr(module, key)) is not None}
    deadlines = {part: min(PART * limit, seconds) for part, seconds in target.timeouts}
    return target.model_copy(
        update={
            **given,
            "headers": {**target.headers, **module.headers},
            "extra_body": {**target.extra_body, **module.extra_body},
            "timeouts": Timeouts(**deadlines),
            "keep_text": False,
        }
    )


def _judge(module: Module) -> Judge | None:
    return Judge(module.checks.model_copy(update={"sample": 1.0}), 0, 0) if module.checks else None


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
