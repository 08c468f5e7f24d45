"""The load processes of a daemon: started once, shared by all runs, replaced when they die."""

import asyncio
import itertools
import logging
import os
import pickle
import socket
import sys
from collections.abc import Callable
from typing import Final

from swelld.clock import now
from swelld.engine.crew import Crew, InlineCrew, Mail
from swelld.engine.plan import Broken, Close, Closed, Command, Died, Open, Order, Plan, Quit, Report
from swelld.engine.premises import Premises
from swelld.engine.wire import NO_RUN, frame, read_report

log = logging.getLogger(__name__)

QUIT_SECONDS: Final = 5.0
"""How long a process may take to close the connections of a run, or to end, before it is left or killed."""
SILENT_SECONDS: Final = 30.0
"""A process that takes part in runs and says nothing for so long is killed, and replaced."""


class LoadProcess:
    """One process, and who hears of the runs that it takes part in."""

    def __init__(
        self,
        part: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.alive = True
        self.seats: dict[int, Callable[[Report], None]] = {}
        """By the key of a run."""
        self._part = part
        self._process = process
        self._writer = writer
        self._heard = now()
        self._watching = asyncio.create_task(self._watch())
        self._listening = asyncio.create_task(self._listen(reader))

    @classmethod
    async def start(cls, part: int, parts: int) -> "LoadProcess":
        """A process of its own as part `part` of `parts`; OSError if the system has none to give."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "swelld.engine.process"),
                    *(str(theirs.fileno()), str(part), str(parts), str(logging.getLogger().getEffectiveLevel())),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
        except BaseException:
            ours.close()
            raise
        return cls(part, process, *await asyncio.open_connection(sock=ours))

    @property
    def silence(self) -> float:
        """Seconds since it has said anything; 0 where nothing is expected of it."""
        return now() - self._heard if self.alive and self.seats else 0.0

    def seat(self, key: int, hear: Callable[[Report], None]) -> None:
        """Let a run hear what is said of it."""
        if not self.seats:  # it had no reason to speak until now
            self._heard = now()
        self.seats[key] = hear

    def send(self, key: int, command: Command) -> None:
        """Of no effect once it has died."""
        if self.alive and not self._writer.is_closing():
            self._writer.write(frame(key, command))

    async def quit(self) -> None:
        """End it, by force if it must be; runs that are still in it are told that they are broken."""
        for seat in self.seats.values():
            seat(Broken(self._part, "the load processes were ended while the run went on"))
        self.send(NO_RUN, Quit())
        try:
            await asyncio.wait_for(self._process.wait(), QUIT_SECONDS)
        except TimeoutError:
            log.warning("load process %d does not end and is killed", self._part)
            self._process.kill()
            await self._process.wait()
        await asyncio.gather(self._listening, self._watching, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                key, report = await read_report(reader)
                self._heard = now()
                if key in self.seats:
                    self.seats[key](report)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception:
            log.exception("load process %d said what cannot be understood", self._part)
            self._process.kill()
        status = await self._process.wait()
        self.alive = False
        self._watching.cancel()
        self._writer.close()
        seats, self.seats = self.seats, {}
        for seat in seats.values():
            seat(Died(self._part, f"signal {-status}" if status < 0 else f"status {status}"))

    async def _watch(self) -> None:
        """Kill a process that hangs. Only the second look counts: the hub itself may have been stopped for long."""
        misses = 0
        while self.alive:
            await asyncio.sleep(SILENT_SECONDS / 2)
            misses = misses + 1 if self.seats and now() - self._heard > SILENT_SECONDS / 2 else 0
            if misses == 2 and self.alive:
                log.error("load process %d has said nothing for %g s and is killed", self._part, SILENT_SECONDS)
                self._process.kill()


class FleetCrew:
    """One run's shards in the processes of a fleet."""

    def __init__(self, fleet: "Fleet", key: int, plan: Plan, *, alone: bool = False) -> None:
        """`alone`: the fleet is for this run only, and ends with it."""
        self.size = fleet.size
        self._fleet = fleet
        self._key = key
        self._plan = pickle.dumps(plan)
        self._alone = alone
        self._mail = Mail()
        self.reports = self._mail.queue
        self._processes: dict[int, LoadProcess] = {}
        self._here: set[int] = set()
        """Parts in which there is something of the run."""
        self._gone = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        await asyncio.gather(*(self.restart(part) for part in range(self.size)))

    async def restart(self, part: int) -> None:
        process = await self._fleet.process(part)
        if self._closing:
            return
        self._processes[part] = process
        self._here.add(part)
        process.seat(self._key, self._hear)
        process.send(self._key, Open(self._plan))

    def order(self, command: Order, part: int | None = None) -> None:
        for process in self._processes.values() if part is None else [self._processes[part]]:
            process.send(self._key, command)

    def _hear(self, report: Report) -> None:
        if isinstance(report, (Closed, Died)):
            self._here.discard(report.shard)
            if not self._here:
                self._gone.set()
        if self._closing:
            return
        if isinstance(report, Died):
            self._mail.died(report)
        else:
            self._mail.put(report)

    async def aclose(self) -> None:
        self._closing = True
        for process in self._processes.values():
            process.send(self._key, Close())
        try:
            if self._here:
                await asyncio.wait_for(self._gone.wait(), QUIT_SECONDS)
        except TimeoutError:
            log.warning("load processes %s have not closed a run after %g s", sorted(self._here), QUIT_SECONDS)
        finally:
            for process in self._processes.values():
                process.seats.pop(self._key, None)
            self._here.clear()
            if self._alone:
                await self._fleet.aclose()


class Fleet:
    """`size` load processes, started with the first run and ended by `aclose`; or none, with the load in the hub.

    `shards` is `inline`, a number, or `auto`: one process for every core but the hub's, at least one.
    """

    def __init__(self, shards: int | str) -> None:
        self._inline = Premises(0, 1) if shards == "inline" else None
        self.size = 1 if shards == "inline" else shards if isinstance(shards, int) else max(1, available_cores() - 1)
        self._processes: dict[int, LoadProcess] = {}
        self._starting = [asyncio.Lock() for _ in range(self.size)]
        self._keys = itertools.count(1)
        self._closed = False

    def crew(self, plan: Plan, shards: int | str | None = None) -> Crew:
        """The shards of one run, for its caller to close; with `shards` in processes of its own that end with it."""
        if shards is not None:
            return crew(plan, shards)
        if self._inline is not None:
            return InlineCrew(plan, self._inline)
        return FleetCrew(self, next(self._keys), plan)

    async def process(self, part: int) -> LoadProcess:
        """The process of a part, started if there is none or it has died."""
        async with self._starting[part]:
            process = self._processes.get(part)
            if process is None or not process.alive:
                if self._closed:
                    raise OSError("the load processes have been ended")
                process = self._processes[part] = await LoadProcess.start(part, self.size)
            return process

    def silences(self) -> dict[int, float]:
        """Seconds since each process has said anything, by its part; 0 where nothing is expected of it."""
        return {part: process.silence for part, process in self._processes.items()}

    async def aclose(self) -> None:
        """End every process, reap it, leave nothing behind; may be called twice."""
        self._closed = True
        for lock in self._starting:  # what is being started is ended, too
            async with lock:
                pass
        await asyncio.gather(*(process.quit() for process in self._processes.values()))
        self._processes.clear()


def crew(plan: Plan, shards: int | str) -> Crew:
    """The shards of a run that has processes of its own, which end with it."""
    fleet = Fleet(shards)
    return fleet.crew(plan) if shards == "inline" else FleetCrew(fleet, 1, plan, alone=True)


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
