"""Runs of scenarios that came with a request and are in no configuration: a few at a time."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from swelld.api.control import Conflict, Inline, Refused, Start, Unavailable
from swelld.app.conductor import Commission, Conductor
from swelld.app.spec import new_id, specify
from swelld.engine.launch import available_cores
from swelld.engine.target import Target
from swelld.hub.run import Run
from swelld.hub.spec import RunFailed
from swelld.settings import Settings
from swelld.settings.model import INLINE

log = logging.getLogger(__name__)

MOST: Final = 4
"""At a time."""
LOOK_UP_SECONDS: Final = 5.0


class Guests:
    """Those of one daemon."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._carrying: set[asyncio.Task[None]] = set()
        self._runs: dict[str, Run] = {}
        self._places: set[str] = set()
        """Names of targets that are in no configuration, and have series."""
        self._closing = False

    async def start(self, settings: Settings, inline: Inline, wanted: Start) -> str:
        """Begin a run; its id once it is under way. A `Failed` says why it cannot be."""
        if inline.scenario.shards is not None and inline.scenario.shards > available_cores():
            raise Refused(f"shards: this machine has {available_cores()} cores; leave it out")
        await _keep_to_limits(settings, inline)
        if self._closing:
            raise Unavailable("the daemon is stopping")
        if len(self._carrying) >= MOST:
            raise Conflict(f"{MOST} runs that came with a request are under way: cancel one, or wait")
        try:
            spec = replace(specify(_with_inline(settings, inline), INLINE), id=new_id())
        except ValueError as error:
            raise Refused(str(error)) from None
        self._tidy(settings)
        self._places |= inline.targets.keys()
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        carrying = asyncio.create_task(
            self._carry_out(Commission(spec, inline.scenario, wanted.labels, wanted.note), begun)
        )
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)
        await begun
        return spec.id

    async def aclose(self) -> None:
        """Drain those that are under way."""
        self._closing = True
        for run in self._runs.values():
            run.stop()
        await asyncio.gather(*self._carrying)

    async def _carry_out(self, commission: Commission, begun: "asyncio.Future[None]") -> None:
        def tell(run: Run) -> None:
            self._runs[commission.spec.id] = run
            if self._closing:
                run.stop()
            if not begun.done():
                begun.set_result(None)

        try:
            await self._conductor.carry_out(commission, tell)
        except Exception as error:
            foreseen = isinstance(error, (RunFailed, ValueError, OSError))
            log.error(
                "run %s cannot be carried out: %s", commission.spec.id, error, exc_info=None if foreseen else error
            )
            if not begun.done():
                begun.set_exception(Refused(str(error) or type(error).__name__))
        finally:
            self._runs.pop(commission.spec.id, None)

    def _tidy(self, settings: Settings) -> None:
        """Forget the series of those that are over, or in the course of months they would be too many."""
        if self._carrying:
            return
        self._conductor.requests.remove(spare="run_id", scenario=INLINE)
        for name in self._places - settings.targets.keys():
            self._conductor.requests.remove(spare="run_id", target=name)
        self._places.clear()


async def _keep_to_limits(settings: Settings, inline: Inline) -> None:
    """Refuse what would get round the ceiling or the budget of a configured target under another name."""
    limited = {n: t for n, t in settings.targets.items() if t.ceiling is not None or t.budget is not None}
    for known, target in limited.items() if inline.targets else ():
        hosts, port = await _addresses(target)
        for name, own in inline.targets.items():
            host, own_port = _place(own)
            if own_port == port and not hosts.isdisjoint({host, *inline.addresses[name]}):
                raise Refused(f"targets.{name}: is the target {known}, which has limits: name that instead")


async def _addresses(target: Target) -> tuple[set[str], int | None]:
    """Everything that its host is called, and its port."""
    host, port = _place(target)
    found = {host}
    with suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(LOOK_UP_SECONDS):
            addresses = await asyncio.get_running_loop().getaddrinfo(host, port)
            found |= {str(address[4][0]) for address in addresses}
    return found | set(target.addresses), port


def _place(target: Target) -> tuple[str, int | None]:
    parts = urlsplit(target.url)
    return parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _with_inline(settings: Settings, inline: Inline) -> Settings:
    """The settings with one scenario more, and the targets that came with it at the addresses that were checked."""
    own = {
        name: target.model_copy(update={"addresses": inline.addresses[name]}) for name, target in inline.targets.items()
    }
    return settings.model_copy(
        update={"targets": {**settings.targets, **own}, "scenarios": {**settings.scenarios, INLINE: inline.scenario}}
    )
