"""gzip for pages that are worth it."""

import asyncio
import zlib
from typing import Final

_LEVEL: Final = 1  # metrics repeat themselves so much that trying harder gains little and costs several times the CPU
_GZIP_WINDOW: Final = 31
_IN_A_THREAD: Final = 128 * 1024  # bytes: what takes longer than a millisecond is done outside the event loop


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client with this Accept-Encoding header can unpack gzip."""
    qualities = dict(_entry(entry) for entry in accept_encoding.lower().split(","))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


async def packed(body: bytes) -> bytes:
    """The body in gzip."""
    return await asyncio.to_thread(_pack, body) if len(body) > _IN_A_THREAD else _pack(body)


def _entry(entry: str) -> tuple[str, float]:
    """A coding and how much it is wanted; what cannot be read is not wanted."""
    coding, *parameters = (part.strip() for part in entry.split(";"))
    try:
        return coding, next((float(p.removeprefix("q=")) for p in parameters if p.startswith("q=")), 1.0)
    except ValueError:
        return coding, 0.0


def _pack(body: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()
