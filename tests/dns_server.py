"""A DNS server on loopback that answers with what it is told."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

A: Final = 1
AAAA: Final = 28
SRV: Final = 33
NXDOMAIN: Final = 3
SERVFAIL: Final = 2


def srv(target: str, port: int) -> tuple[int, bytes]:
    """An SRV record."""
    return SRV, struct.pack("!HHH", 0, 0, port) + _encoded(target)


def address(text: str) -> tuple[int, bytes]:
    """An A or AAAA record."""
    if ":" in text:
        return AAAA, socket.inet_pton(socket.AF_INET6, text)
    return A, socket.inet_pton(socket.AF_INET, text)


@dataclass
class DnsServer(asyncio.DatagramProtocol):
    """`records` by name; a name that is not there does not exist, and `failing` fails everything."""

    records: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    failing: bool = False
    asked: list[str] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.DatagramTransport", transport
        )  # which that of Python 3.11 does not inherit from

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, end = _decoded(data, 12)
        (kind,) = struct.unpack_from("!H", data, end)
        self.asked.append(name)
        known = self.records.get(name)
        answers = [record for record in known or () if record[0] == kind]
        code = SERVFAIL if self.failing else NXDOMAIN if known is None else 0
        answers = [] if self.failing else answers
        head = data[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(answers), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", k, 1, 0, len(rdata)) + rdata for k, rdata in answers)
        self._transport.sendto(head + data[12 : end + 4] + body, addr)


@asynccontextmanager
async def dns_server(**records: list[tuple[int, bytes]]) -> AsyncIterator[tuple[DnsServer, str]]:
    """The server and its address; nothing of it is cached."""
    server = DnsServer(dict(records))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


def _encoded(name: str) -> bytes:
    labels = name.rstrip(".").split(".")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def _decoded(data: bytes, at: int) -> tuple[str, int]:
    labels = []
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode())
        at += size + 1
    return ".".join(labels), at + 1
