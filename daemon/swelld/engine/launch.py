"""Starting the shards of a run: inside the hub's event loop, or as processes of their own."""

import asyncio
import logging
import os
import pickle
import socket
import sys
from typing import NamedTuple, Protocol

from swelld.engine.plan import Broken, Command, Died, Plan, Quit, Report, RunStage, Stop
from swelld.engine.shard import Shard
from swelld.engine.wire import frame, read_report

QUIT_SECONDS = 5.0
"""How long a shard may take to close its connections before it is killed."""


class Crew(Protocol):
    """The shards of one run."""

    reports: asyncio.Queue[Report]
    """Everything the shards say."""
    size: int

    async def open(self) -> None:
        """Start the shards; each answers Opened or Broken."""

    def order(self, command: Command, part: int | None = None) -> None:
        """Tell every shard, or one."""

    async def restart(self, part: int) -> None:
        """Start a shard that died again; it answers Opened or Broken."""

    async def aclose(self) -> None:
        """End every shard, reap it, leave nothing behind."""


class InlineCrew:
    """One shard in the hub's own event loop: for tests, and where processes cannot be had."""

    size = 1

    def __init__(self, plan: Plan) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self._shard = Shard(plan, 0, 1, self.reports.put_nowait)
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        try:
            await self._shard.open()
        except ValueError as error:
            self.reports.put_nowait(Broken(0, str(error)))

    async def restart(self, part: int) -> None:
        raise NotImplementedError("a shard inside the hub cannot die alone")

    def order(self, command: Command, part: int | None = None) -> None:
        if isinstance(command, RunStage):
            stage = asyncio.create_task(self._run(command))
            self._running.add(stage)
            stage.add_done_callback(self._running.discard)
        elif isinstance(command, Stop):
            self._shard.stop(force=command.force)

    async def _run(self, command: RunStage) -> None:
        try:
            await self._shard.run_stage(command)
        except Exception as error:  # noqa: BLE001 - the run must hear of it, whatever it is
            self.reports.put_nowait(Broken(0, f"{type(error).__name__}: {error}"))

    async def aclose(self) -> None:
        for stage in self._running:
            stage.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._shard.aclose()


class _Process(NamedTuple):
    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    listening: asyncio.Task[None]


class ProcessCrew:
    """Shards as processes, so that nothing the hub does can delay a send or a read."""

    def __init__(self, plan: Plan, size: int) -> None:
        self.size = size
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self._plan = pickle.dumps(plan)
        self._shards: list[_Process] = []
        self._quitting = False

    async def open(self) -> None:
        for part in range(self.size):
            self._shards.append(await self._start(part))

    async def restart(self, part: int) -> None:
        self._shards[part].writer.close()
        self._shards[part] = await self._start(part)

    async def _start(self, part: int) -> "_Process":
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "swelld.engine.process"),
                *(str(theirs.fileno()), str(part), str(self.size), str(logging.getLogger().getEffectiveLevel())),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(frame(self._plan))
        return _Process(process, writer, asyncio.create_task(self._listen(part, reader, process)))

    def order(self, command: Command, part: int | None = None) -> None:
        for shard in self._shards if part is None else [self._shards[part]]:
            if not shard.writer.is_closing():
                shard.writer.write(frame(command))

    async def _listen(self, part: int, reader: asyncio.StreamReader, process: asyncio.subprocess.Process) -> None:
        try:
            while True:
                self.reports.put_nowait(await read_report(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await process.wait()
            if not self._quitting:
                how = f"signal {-status}" if status < 0 else f"status {status}"
                self.reports.put_nowait(Died(part, how))
        except Exception as error:  # noqa: BLE001 - a run that nobody reports to would wait for ever
            self.reports.put_nowait(Broken(part, f"a load process said what cannot be understood: {error}"))

    async def aclose(self) -> None:
        self._quitting = True
        self.order(Quit())
        for shard in self._shards:
            try:
                await asyncio.wait_for(shard.process.wait(), QUIT_SECONDS)
            except TimeoutError:
                shard.process.kill()
                await shard.process.wait()
        await asyncio.gather(*(shard.listening for shard in self._shards), return_exceptions=True)
        for shard in self._shards:
            shard.writer.close()


def crew(plan: Plan, shards: int | str) -> Crew:
    """`inline`, a number, or `auto`: one process for every core but the hub's, at least one."""
    if shards == "inline":
        return InlineCrew(plan)
    return ProcessCrew(plan, shards if isinstance(shards, int) else max(1, available_cores() - 1))


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
