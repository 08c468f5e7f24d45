"""The wire encoding of protobuf, as much of it as metrics need."""

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _LENGTH = 0, 1, 2
_TAGS = tuple(bytes((tag,)) for tag in range(128))  # of the fields up to 15, which are all there are

_double = struct.Struct("<d").pack
_SHIFTS = np.arange(0, 70, 7, dtype=np.uint64)
_SEVEN_BITS, _CONTINUED = np.uint8(0x7F), np.uint8(7)


@lru_cache(maxsize=1 << 14)
def varint(number: int) -> bytes:
    """An unsigned number, seven bits to a byte, the lowest first."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def integer(field: int, number: int) -> bytes:
    """An unsigned integer."""
    return _TAGS[field << 3 | _VARINT] + varint(number)


def signed(field: int, number: int) -> bytes:
    """A sint32 or sint64: zigzag, so that small negative numbers stay short."""
    return integer(field, number << 1 if number >= 0 else ~(number << 1))


def double(field: int, number: float) -> bytes:
    """A double."""
    return _TAGS[field << 3 | _FIXED64] + _double(number)


def message(field: int, content: bytes) -> bytes:
    """A message, or anything else that goes with its length."""
    return _TAGS[field << 3 | _LENGTH] + varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """A string."""
    return message(field, content.encode())


def packed_signed(field: int, numbers: NDArray[np.int64]) -> bytes:
    """Many sint64 in one field; nothing if there are none."""
    if not numbers.size:
        return b""
    zigzag = (numbers << 1 ^ numbers >> 63).view(np.uint64)
    width = max(1, -(-int(zigzag.max()).bit_length() // 7))
    if width == 1:
        return message(field, zigzag.astype(np.uint8).tobytes())
    rests = zigzag[:, None] >> _SHIFTS[:width]
    present = rests > 0
    octets = rests.astype(np.uint8) & _SEVEN_BITS
    octets[:, :-1] |= present[:, 1:].view(np.uint8) << _CONTINUED
    present[:, 0] = True  # the first byte is there even for 0
    return message(field, octets[present].tobytes())
