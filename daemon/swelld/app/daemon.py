"""The long-running daemon: scenarios at their schedules, metrics and an API, a configuration that may change."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

from swelld.api import server
from swelld.api.application import Surroundings
from swelld.app.book import Book
from swelld.app.conductor import Conductor
from swelld.app.guests import Guests
from swelld.app.probe import Prober
from swelld.app.reload import Changes, as_before, compare, digest, watch
from swelld.app.scenes import Scenes
from swelld.app.signals import done_before
from swelld.app.spec import specify
from swelld.app.standing import Standing
from swelld.app.steering import Steering
from swelld.app.systemd import Systemd
from swelld.clock import now
from swelld.discovery.targets import Found
from swelld.discovery.watch import Watch
from swelld.result import Progress, Result
from swelld.settings import ConfigError, Settings
from swelld.settings.discovered import with_targets
from swelld.store.runs import StoredRuns
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)

HOUSE_SECONDS: Final = 5.0
"""Between two rounds through the house: budgets on disk and on /metrics, signs of life."""
LATE_SECONDS: Final = 120.0
"""A schedule that is this late has stalled: a look at the clocks is due every 30 s."""
SILENT_SECONDS: Final = 20.0
"""A run whose shards have said nothing for so long has stalled: they speak five times a second."""
FORCED_SECONDS: Final = 10.0
"""How long runs may take to end when they are cut off; then their load processes are ended."""


class Daemon:
    """Runs every scenario of its settings; `reread` reads them again for a reload."""

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str],
        finished: Callable[[Result], None] = lambda _: None,
        *,
        reread: Callable[[], Settings] | None = None,
        path: Path | None = None,
    ) -> None:
        """`path`: the file to watch, where the settings ask for that. ValueError or OSError say what cannot be used."""
        self.settings = settings
        """In force: as configured, with the targets that were found."""
        self.started = time.time()
        self.registry = Registry()
        self.standing = Standing(self.registry)
        self.store = StoredRuns(settings.store, self.registry)
        files = settings.exporters.files
        record = files.rotation is not None if files.enabled is None else files.enabled
        self.conductor = Conductor(settings, command, self.registry, self.store, record=record)
        self.scenes = Scenes(self.conductor, self._state_file("schedules.json"), self.store.instance, finished)
        self.guests = Guests(self.conductor)
        self.reload_errors: list[str] = []
        """What was wrong with the configuration at the last try."""
        self._configured = settings
        self._found: Found = {}
        self._discovery = Watch(self.registry, self._take_up_found)
        self._reread = reread
        self._path = path
        self._read = None if path is None else digest(path)
        self._systemd = Systemd()
        self._book = Book(self.conductor.budgets, self._state_file("budgets.json"))
        self._saving: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._forced = asyncio.Event()
        self._armed = False
        self._hung_up = False
        """Whether a reload was wanted before it could be."""

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Until stopped. `ready` is told the URL once the server listens and the scenarios are armed."""
        self.standing.configured(self.settings)
        self.standing.read(ok=True)
        self._book.restore()
        self._book.configure(self.settings)
        async with AsyncExitStack() as stack:
            if not await done_before(self._start(stack), self._stopping):
                return
            self._arm(stack)
            log.info("listening on %s", self._web.url)
            ready(self._web.url)
            self._systemd.ready()
            self._systemd.status(f"{len(self.settings.scenarios)} scenarios, {self._web.url}")
            if self._hung_up:
                self._reload_quietly()
            await self._keep_house()

    def stop(self, *, force: bool = False) -> None:
        """Drain every run and end; with `force` cancel what is under way."""
        self._stopping.set()
        if force:
            self._forced.set()
            self.scenes.force()

    def reload(self) -> Changes:
        """Take up the configuration as it is by now; ConfigError or ValueError leaves everything as it was."""
        if self._reread is None:
            raise ValueError("there is no configuration to read again")
        if not self.ready:
            raise ValueError("the daemon is not ready, or is stopping")
        self._systemd.reloading(now())
        try:
            read = self._reread()
            new, changes = self._checked(read, self._found)
            self._web.refresh()
        except (ConfigError, ValueError, OSError) as error:
            self.reload_errors = error.problems if isinstance(error, ConfigError) else [str(error)]
            self.standing.read(ok=False)
            log.error("the configuration is not taken over, everything stays as it was: %s", error)
            raise
        finally:
            self._systemd.ready()
        if changes.restart:
            log.warning("changed, but taken up only by a restart: %s", ", ".join(changes.restart))
        self._configured = as_before(self.settings, read, changes.restart)
        self._take_up(as_before(self.settings, new, changes.restart), changes)
        self.reload_errors = []
        self.standing.read(ok=True)
        found = self._discovery.change(read.discovery, read.targets)
        if found != self._found:
            self._take_up_found(found)
        return changes

    def complaints(self) -> list[str]:
        """What is wrong with the daemon itself, so that it had better be started again; empty if it is well."""
        stalled = self.scenes.stalled(time.time(), LATE_SECONDS)
        found = [f"the schedule of scenario {name} has stalled" for name in stalled]
        for part, silence in self.conductor.silences().items():
            if silence > SILENT_SECONDS:
                found.append(f"load process {part} has said nothing for {silence:.0f} s")
        for run_id, under_way in self.conductor.under_way.items():
            silence = under_way.run.silence()
            if silence > SILENT_SECONDS:
                found.append(f"the load processes of run {run_id} have said nothing for {silence:.0f} s")
        return found

    @property
    def ready(self) -> bool:
        """Whether the scenarios are armed."""
        return self._armed and not self._stopping.is_set()

    def progress(self, scenario: str) -> Progress | None:
        """Of the scenario's run that is under way."""
        run = self.scenes.scene(scenario).run if scenario in self.scenes else None
        return run.progress() if run else None

    def trouble(self, scenario: str) -> str | None:
        """Why the scenario's latest run could not be carried out; None if it could."""
        return self.scenes.scene(scenario).trouble if scenario in self.scenes else None

    # --- its life

    async def _start(self, stack: AsyncExitStack) -> None:
        """Everything that may take a while; what is opened is closed with the stack."""
        stack.push_async_callback(self.store.aclose)
        await self.store.start()
        stack.push_async_callback(self._discovery.aclose)
        self._found = await self._discovery.begin(self.settings.discovery, self.settings.targets)
        around = Surroundings(
            prober=Prober(lambda: self.settings, self.registry),
            writer=lambda: (self.settings.analysis.writer(), self.settings.analysis.language),
        )
        self._web = await server.serve(Steering(self), Exposition(self.registry), self.settings.web, around)
        stack.push_async_callback(self._web.aclose)

    def _arm(self, stack: AsyncExitStack) -> None:
        self.settings = with_targets(self._configured, self._found)
        self.standing.configured(self.settings)
        self.conductor.open()
        stack.push_async_callback(self.conductor.aclose)
        stack.push_async_callback(self._end)
        self.scenes.open(self.settings, self._configured.scenarios)
        self._armed = True
        self.standing.well(ready=True, complaints=0)

    async def _keep_house(self) -> None:
        watching = None
        if self._path is not None and self.settings.watch is not None:
            watching = asyncio.create_task(watch(self._path, self.settings.watch, self._reload_quietly, self._read))
        next_round = min(HOUSE_SECONDS, self._systemd.alive_every or HOUSE_SECONDS)
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), next_round)
            try:
                self._look_around()
            except Exception:  # one round that fails must not be the last one
                log.exception("the daemon could not look after itself")
        if watching is not None:
            watching.cancel()

    def _look_around(self) -> None:
        complaints = self.complaints()
        self.standing.well(ready=self.ready, complaints=len(complaints))
        if not complaints:
            self._systemd.alive()
        self.conductor.budgets.show()
        if self._saving is None or self._saving.done():  # a disk may take its time: nobody waits for it
            self._saving = asyncio.create_task(self._book.save())

    async def _end(self) -> None:
        """Drain what is under way, within the grace; then cut it off."""
        self._systemd.stopping()
        self.standing.well(ready=False, complaints=0)
        ending = asyncio.create_task(self._drain())
        forced = asyncio.create_task(self._forced.wait())
        await asyncio.wait((ending, forced), timeout=self.settings.grace, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            if not forced.done():
                grace = self.settings.grace
                log.warning("cutting off %d runs that are not drained after %g s", self._under_way(), grace)
            self.scenes.force()
            await asyncio.wait([ending], timeout=FORCED_SECONDS)
        if not ending.done():
            log.error("%d runs do not end, their load processes are ended", self._under_way())
            await self.conductor.break_off()
            await asyncio.wait([ending], timeout=FORCED_SECONDS)
        for task in (forced, ending):
            task.cancel()
        await asyncio.wait((forced, ending))
        await self._book.save()

    async def _drain(self) -> None:
        await asyncio.gather(self.scenes.aclose(), self.guests.aclose())

    def _under_way(self) -> int:
        return len(self.conductor.under_way)

    def _reload_quietly(self) -> None:
        """Where nobody waits for the answer: the log and a metric have it."""
        try:
            self.reload()
        except (ConfigError, ValueError, OSError):
            pass
        except Exception:  # whatever it is, the daemon goes on
            log.exception("the configuration could not be read again")
            self.standing.read(ok=False)

    def hear_hangup(self) -> None:
        """SIGHUP."""
        self._hung_up = True
        if self.ready:
            self._reload_quietly()

    def _take_up_found(self, found: Found) -> None:
        """Other targets were found than before."""
        if not self.ready:
            self._found = found
            return
        try:
            new, changes = self._checked(self._configured, found)
        except (ConfigError, ValueError, OSError) as error:
            log.error("the targets that were found are not taken over: %s", error)
            return
        self._found = found
        self._take_up(new, changes)

    def _checked(self, read: Settings, found: Found) -> tuple[Settings, Changes]:
        """What would be in force, and what that changes; whatever cannot be run is found before anything is changed."""
        new = with_targets(read, found)
        changes = compare(self.settings, new)
        for name in (*changes.added, *changes.changed):
            specify(new, name)
        return new, changes

    def _take_up(self, new: Settings, changes: Changes) -> None:
        self.settings = new
        self._book.configure(new)
        self.scenes.take_up(new, changes, self._configured.scenarios)
        self.standing.configured(self.settings)
        log.info("the configuration is taken over: %s", changes)

    def _state_file(self, name: str) -> Path:
        return self.settings.store.dir / name
