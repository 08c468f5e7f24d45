"""A load process: `python -m swelld.engine.process FD PART PARTS LOG_LEVEL`, started by the hub."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from typing import Final

import uvloop

from swelld.engine.host import Host
from swelld.engine.plan import Report
from swelld.engine.premises import Premises
from swelld.engine.system import allow_open_files
from swelld.engine.wire import frame, read_command

MOST_UNREAD: Final = 16 * 2**20
"""Bytes of reports that may wait for the hub before shards keep them to themselves."""
SWITCH_SECONDS: Final = 0.0005
"""What a thread that reads prompts may hold up the event loop with at a time."""


async def _serve(channel: socket.socket, part: int, parts: int) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)

    def send(key: int, report: Report) -> None:
        if not writer.is_closing():
            writer.write(frame(key, report))

    host = Host(Premises(part, parts), send, lambda: writer.transport.get_write_buffer_size() > MOST_UNREAD)
    try:
        while host.take(*await read_command(reader)):
            pass
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the hub has gone: nobody is left to measure for
    finally:
        await host.aclose()
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


def main() -> None:
    """Serve one hub until it says quit or goes away."""
    descriptor, part, parts, level = map(int, sys.argv[1:])
    logging.basicConfig(level=level, format=f"%(levelname)s shard {part}: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the hub decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    allow_open_files()
    gc.freeze()  # modules are for ever
    sys.setswitchinterval(SWITCH_SECONDS)
    uvloop.run(_serve(socket.socket(fileno=descriptor), part, parts))


if __name__ == "__main__":
    main()
