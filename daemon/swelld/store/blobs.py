"""Distributions and results as compact bytes, each with the version of its format in front."""

import math
import struct
import zlib
from typing import Final

import msgspec
import numpy as np

from swelld.distribution import SCHEMA, Distribution
from swelld.result import Result
from swelld.store.files import StoreError

VERSION: Final = 1
_HEAD: Final = struct.Struct("<BBqddddqqI")
# version, exponential schema; count, sum, min, max, sum of squares, zeros; first bucket, number of buckets


def copy(distribution: Distribution) -> Distribution:
    """As it is now; quick enough for the event loop that goes on to fill the original."""
    found = Distribution()
    found.merge(distribution)
    return found


def pack(distribution: Distribution) -> bytes:
    """Exact moments and exponential buckets; fixed buckets are left out, for these say more."""
    used = np.flatnonzero(distribution.counts)
    first, stop = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
    head = _HEAD.pack(
        VERSION,
        SCHEMA,
        distribution.count,
        distribution.sum,
        distribution.min,
        distribution.max,
        distribution.square,
        distribution.zeros,
        distribution.offset + first,
        stop - first,
    )
    return head + zlib.compress(distribution.counts[first:stop].astype("<i8").tobytes(), 1)


def unpack(blob: bytes) -> Distribution:
    """The distribution again; StoreError if it was written in another format or is damaged."""
    try:
        version, schema, count, total, low, high, square, zeros, offset, size = _HEAD.unpack_from(blob)
        if (version, schema) != (VERSION, SCHEMA):
            raise StoreError(
                f"a stored distribution is of format {version}/{schema} and this version reads {VERSION}/{SCHEMA}: "
                "update swelld"
            )
        counts = np.frombuffer(zlib.decompress(blob[_HEAD.size :]), dtype="<i8")
    except (struct.error, zlib.error, ValueError) as error:
        raise StoreError(f"a stored distribution is damaged ({error}): restore the database from a backup") from None
    if counts.size != size or int(counts.sum()) + zeros != count or not math.isfinite(total):
        raise StoreError("a stored distribution is damaged (its counts do not add up): restore from a backup")
    found = Distribution()
    found.count, found.sum, found.min, found.max, found.square = count, total, low, high, square
    found.zeros, found.offset, found.counts = zeros, offset, counts.astype(np.int64)
    return found


def pack_result(result: Result) -> bytes:
    """The result as compressed JSON."""
    return zlib.compress(msgspec.json.encode(result), 1)


def unpack_result(blob: bytes) -> Result:
    """The result again; StoreError if it cannot be read."""
    try:
        return msgspec.json.decode(zlib.decompress(blob), type=Result)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise StoreError(f"a stored result cannot be read ({error}): was it written by a newer swelld?") from None
