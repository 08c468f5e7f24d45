"""Frames between the hub and a load process: a length and the key of a run, then msgpack."""

import asyncio
import struct
from typing import Final

import msgspec

from swelld.engine.plan import Command, Report

NO_RUN: Final = 0
"""The key of what concerns the process itself."""

_HEAD: Final = struct.Struct("<IQ")

_encode: Final = msgspec.msgpack.Encoder().encode
_commands: Final[msgspec.msgpack.Decoder[Command]] = msgspec.msgpack.Decoder(Command)
_reports: Final[msgspec.msgpack.Decoder[Report]] = msgspec.msgpack.Decoder(Report)


def frame(key: int, message: Command | Report) -> bytes:
    """A message as it goes over the socket."""
    data = _encode(message)
    return _HEAD.pack(len(data), key) + data


async def read_command(reader: asyncio.StreamReader) -> tuple[int, Command]:
    """The next command of the hub; asyncio.IncompleteReadError when it has gone."""
    key, data = await _read(reader)
    return key, _commands.decode(data)


async def read_report(reader: asyncio.StreamReader) -> tuple[int, Report]:
    """The next report of a process; asyncio.IncompleteReadError when it has gone."""
    key, data = await _read(reader)
    return key, _reports.decode(data)


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    length, key = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    return key, await reader.readexactly(length)
