"""Single requests read back from the files of a run, whichever form they were kept in."""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from swelld_exporters.files import RequestLine
from swelld_exporters.sinks import Column, columns, missing_library

Row = Mapping[str, Any]

NAMES: Final = tuple(column.name for column in columns(RequestLine))
"""Of the columns, in order."""

_NAME: Final = "requests"


def find_requests(directory: Path) -> list[Path]:
    """The files of one form that hold a run's requests, the oldest first; none where they were not kept."""
    for suffix in (".jsonl", ".csv", ".parquet"):
        newest = directory / f"{_NAME}{suffix}"
        if newest.exists():
            older = [p for p in directory.glob(f"{_NAME}.*{suffix}") if p.name.split(".")[1].isdigit()]
            return [*sorted(older, key=lambda p: -int(p.name.split(".")[1])), newest]
    return []


def read_requests(directory: Path) -> Iterator[Row] | None:
    """Every request of a run in the order of its end, one after another; None where they were not kept.

    ValueError names the file and line that cannot be read; the last line of a run that was killed may be cut.
    """
    paths = find_requests(directory)
    if not paths:
        return None
    return (row for path in paths for row in _READERS[path.suffix](path))


def _json_lines(path: Path) -> Iterator[Row]:
    table = columns(RequestLine)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                raw = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                if line.endswith(b"\n"):
                    raise ValueError(f"{path}:{number}: {error}; was it edited by hand?") from error
                return  # its run was killed while it was written
            yield {column.name: _at(raw, column) for column in table}


def _at(raw: Any, column: Column) -> Any:
    for step in column.path:
        if not isinstance(raw, dict):
            return None
        raw = raw.get(step)
    return raw


def _csv(path: Path) -> Iterator[Row]:
    types = {column.name: column.type for column in columns(RequestLine)}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                yield {name: _typed(text, types.get(name, str)) for name, text in row.items() if name is not None}
            except ValueError as error:
                raise ValueError(f"{path}:{reader.line_num}: {error}; was it edited by hand?") from error


def _typed(text: str | None, kind: type) -> Any:
    if not text:
        return "" if kind is str and text is not None else None
    return text == "true" if kind is bool else kind(text)


def _parquet(path: Path) -> Iterator[Row]:
    if missing := missing_library("parquet"):
        raise ValueError(f"{path}: {missing}")
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


_READERS: Final[Mapping[str, Callable[[Path], Iterator[Row]]]] = {
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}
