"""A file with a trace of real traffic, of which a few rows at a time are in memory."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from swelld.prompts.traceformats import Names, Row, format_of

CHUNK: Final = 64
"""Rows that are read together: some 0.2 ms."""
CHUNKS_KEPT: Final = 16
PLACES_KEPT: Final = 5


class Part(NamedTuple):
    """Which rows of a file are used."""

    begin: float = 0.0
    """Seconds after the first row of the file."""
    end: float | None = None
    limit: int | None = None
    only: Mapping[str, str] = {}
    """Values that columns have."""


class TraceFile:
    """Its rows by number; their moments are counted from the beginning of the part.

    Opening reads the file once and remembers where every 64th row is. ValueError names the line of what is broken,
    unless `skip` says to leave that out.
    """

    def __init__(self, file: Path, names: Names | None, part: Part, *, skip: bool = False) -> None:
        self._file = file
        self._part = part
        self._skip = skip
        self._offsets = array("q")
        self._moments = array("d")
        """Of the first row of each chunk."""
        self._first: float | None = None
        self._last = 0.0
        self.size = 0
        self.skipped = 0
        self.broken: list[str] = []
        """What was wrong with the first few that were left out."""
        with file.open("rb") as stream:
            self._format = format_of(file, stream, names, part.only)
            self._index(stream)
        if not self.size:
            raise ValueError(f"no request of {file} is used: {self._why_none()}")
        self._chunk = lru_cache(CHUNKS_KEPT)(self._read)

    @property
    def length(self) -> float:
        """Seconds until it can begin again: to the end of the part, else as long after the last one as is usual."""
        end = self._part.end
        if end is not None and end - self._part.begin > self._last:
            return end - self._part.begin
        return self._last * self.size / (self.size - 1) if self._last > 0 else 1.0

    def row(self, number: int) -> Row:
        """A request by its number, from 0."""
        chunk, place = divmod(number, CHUNK)
        return self._chunk(chunk)[place]

    def at(self, number: int) -> float:
        """When it came."""
        return self.row(number).at

    def before(self, moment: float) -> int:
        """How many came before a moment."""
        chunk = bisect_left(self._moments, moment) - 1
        return chunk * CHUNK + bisect_left(self._chunk(chunk), moment, key=_at) if chunk >= 0 else 0

    def _index(self, stream: BinaryIO) -> None:
        for offset, row in self._rows(stream, self._format.body, note=True):
            if self.size % CHUNK == 0:
                self._offsets.append(offset)
                self._moments.append(row.at)
            self.size += 1
            self._last = row.at
            if self.size == self._part.limit:
                break

    def _read(self, chunk: int) -> list[Row]:
        count = min(CHUNK, self.size - chunk * CHUNK)
        with self._file.open("rb") as stream:
            found = [row for _, (_, row) in zip(range(count), self._rows(stream, self._offsets[chunk]), strict=False)]
        if len(found) < count:
            raise ValueError(f"{self._file} is not what it was when the run began")
        return found

    def _rows(self, stream: BinaryIO, offset: int, *, note: bool = False) -> Iterator[tuple[int, Row]]:
        """Rows that are used, and where their lines begin; with `note` broken ones are told."""
        stream.seek(offset)
        latest = 0.0
        for number, line in enumerate(stream, 1):
            begin, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                row = self._format.row(line)
                self._first = row.at if self._first is None else self._first
                at = row.at - self._first
                if at < latest:
                    raise ValueError("it came before the one above it; sort the file by time")
            except ValueError as error:
                if note:
                    self._note(number + (self._format.body > 0), error)
                continue
            latest = at
            if self._part.end is not None and at >= self._part.end:
                return
            if row.wanted and at >= self._part.begin:
                yield begin, row._replace(at=at - self._part.begin)

    def _note(self, line: int, error: ValueError) -> None:
        where = f"{self._file}, line {line}: {error}"
        if not self._skip:
            raise ValueError(f"{where} (mend it, or set `on_error: skip` to use the rest)") from None
        self.skipped += 1
        if len(self.broken) < PLACES_KEPT:
            self.broken.append(where)

    def _why_none(self) -> str:
        if self.skipped:
            return f"{self.skipped} are broken, first {self.broken[0]}"
        return "it has none" if self._part == Part() else "look at `from`, `to` and `only`"


def _at(row: Row) -> float:
    return row.at
