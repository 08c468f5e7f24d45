"""Records of a file, each with its place; broken ones are passed on, so that the reader can refuse or skip them."""

import csv
import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

_BOM: Final = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One record, not yet parsed."""

    number: int
    """From 1: of the line where a record begins with its line, else of the record."""
    where: str
    """`line 12`, `record 3 (line 40)`."""
    data: bytes


def json_records(file: Path) -> Iterator[Record]:
    """The elements of a JSON array, or JSON lines: the first character tells."""
    with file.open("rb") as stream:
        start = _after_bom(stream)
        first = next((byte for line in stream if (byte := line.lstrip()[:1])), b"")
        stream.seek(start)
        yield from _array(file, stream.read()) if first == b"[" else _filled_lines(stream)


def lines(file: Path) -> Iterator[Record]:
    """Lines that are not blank."""
    with file.open("rb") as stream:
        _after_bom(stream)
        yield from _filled_lines(stream)


def paragraphs(file: Path) -> Iterator[Record]:
    """Runs of lines between blank lines."""
    with file.open("rb") as stream:
        _after_bom(stream)
        first, held = 1, b""
        for number, line in enumerate(chain(stream, [b""]), 1):  # the end is a blank line
            if line.strip():
                held += line
                continue
            if held:
                yield Record(first, f"line {first}", held)
            first, held = number + 1, b""


def csv_columns(file: Path) -> list[str]:
    """The names in the first line."""
    with file.open("rb") as stream:
        return next(csv.reader(_escaped(stream)), [])


def csv_records(file: Path, column: str) -> Iterator[Record]:
    """One column of a CSV file with a header; a row without it has empty data."""
    csv.field_size_limit(sys.maxsize)  # the default, 128 KiB, is less than a long prompt
    with file.open("rb") as stream:
        rows = csv.DictReader(_escaped(stream))
        columns = rows.fieldnames or []
        if columns and column not in columns:
            raise ValueError(f"{file} has no column {column!r}; set `column` to one of {', '.join(columns)}")
        try:
            for number, row in enumerate(rows, 1):
                value = (row[column] or "").encode(errors="surrogateescape")
                yield Record(number, f"record {number} (line {rows.line_num})", value)
        except csv.Error as error:
            raise ValueError(f"{file}, line {rows.line_num}: no CSV: {error}") from None


def _array(file: Path, data: bytes) -> Iterator[Record]:
    try:
        elements = msgspec.json.decode(data, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        at = re.search(r"\(byte (\d+)\)", str(error))
        line = data.count(b"\n", 0, int(at[1]) if at else len(data.rstrip())) + 1
        raise ValueError(f"{file}, line {line}: the JSON is broken, so no record can be read: {error}") from None
    end, line = 0, 1
    for number, element in enumerate(elements, 1):
        begin = data.index(bytes(element), end)
        line += data.count(b"\n", end, begin)
        end = begin + len(bytes(element))
        yield Record(number, f"record {number} (line {line})", bytes(element))
        line += data.count(b"\n", begin, end)


def _filled_lines(stream: BinaryIO) -> Iterator[Record]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield Record(number, f"line {number}", line)


def _escaped(stream: BinaryIO) -> Iterator[str]:
    """Lines for the CSV reader; bytes that are no UTF-8 come through, for the record's own check to find."""
    _after_bom(stream)
    return (line.decode(errors="surrogateescape") for line in stream)


def _after_bom(stream: BinaryIO) -> int:
    return stream.seek(len(_BOM) if stream.read(len(_BOM)) == _BOM else 0)
