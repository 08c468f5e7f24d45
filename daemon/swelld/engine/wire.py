"""Frames between hub and shard: a length, then msgpack."""

import asyncio
import struct
from typing import Final

import msgspec

from swelld.engine.plan import Command, Report

_LENGTH: Final = struct.Struct("<I")

_encode: Final = msgspec.msgpack.Encoder().encode
_commands: Final[msgspec.msgpack.Decoder[Command]] = msgspec.msgpack.Decoder(Command)
_reports: Final[msgspec.msgpack.Decoder[Report]] = msgspec.msgpack.Decoder(Report)


def frame(message: Command | Report | bytes) -> bytes:
    """A message as it goes over the socket; bytes go as they are."""
    data = message if isinstance(message, bytes) else _encode(message)
    return _LENGTH.pack(len(data)) + data


async def read_bytes(reader: asyncio.StreamReader) -> bytes:
    """The next frame; asyncio.IncompleteReadError when the other side has gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


async def read_command(reader: asyncio.StreamReader) -> Command:
    """The next command of the hub."""
    return _commands.decode(await read_bytes(reader))


async def read_report(reader: asyncio.StreamReader) -> Report:
    """The next report of a shard."""
    return _reports.decode(await read_bytes(reader))
