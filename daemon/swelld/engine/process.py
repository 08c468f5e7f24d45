"""A shard as a process of its own: `python -m swelld.engine.process FD PART PARTS LOG_LEVEL`, started by the hub."""

import asyncio
import contextlib
import gc
import logging
import pickle
import signal
import socket
import sys
from collections.abc import Callable

import uvloop

from swelld.engine.plan import Broken, Quit, Report, RunStage, Stop
from swelld.engine.shard import Shard
from swelld.engine.system import allow_open_files
from swelld.engine.wire import frame, read_bytes, read_command


async def _serve(channel: socket.socket, part: int, parts: int) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)

    def report(message: Report) -> None:
        writer.write(frame(message))

    plan = pickle.loads(await read_bytes(reader))  # noqa: S301 - from our own parent, over a private socket
    shard = Shard(plan, part, parts, report)
    stages: set[asyncio.Task[None]] = set()
    try:
        await shard.open()
        gc.freeze()
        while True:
            command = await read_command(reader)
            if isinstance(command, RunStage):
                stage = asyncio.create_task(_carry_out(shard, command, part, report))
                stages.add(stage)
                stage.add_done_callback(stages.discard)
            elif isinstance(command, Stop):
                shard.stop(force=command.force)
            elif isinstance(command, Quit):
                break
    except asyncio.IncompleteReadError:
        pass  # the hub has gone: nobody is left to measure for
    except Exception as error:  # noqa: BLE001 - whatever it is, the hub must hear of it
        report(Broken(part, str(error)))
    finally:
        for stage in stages:
            stage.cancel()
        await asyncio.gather(*stages, return_exceptions=True)
        await shard.aclose()
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


async def _carry_out(shard: Shard, order: RunStage, part: int, report: Callable[[Report], None]) -> None:
    try:
        await shard.run_stage(order)
    except Exception as error:  # noqa: BLE001 - likewise
        report(Broken(part, f"{type(error).__name__}: {error}"))


def main() -> None:
    """Serve one hub until it says quit or goes away."""
    descriptor, part, parts, level = map(int, sys.argv[1:])
    logging.basicConfig(level=level, format=f"%(levelname)s shard {part}: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the hub decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    allow_open_files()
    uvloop.run(_serve(socket.socket(fileno=descriptor), part, parts))


if __name__ == "__main__":
    main()
