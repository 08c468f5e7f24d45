"""Where rows end up: JSON lines, CSV or Parquet, in one file or in turns of bounded size."""

import csv
import errno
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    import pyarrow

Format = Literal["jsonl", "csv", "parquet"]

ROW_GROUP: Final = 10_000
"""Rows that Parquet keeps in memory before it writes them."""

_PLAIN: Final[dict[type, type]] = {
    msgspec.inspect.IntType: int,
    msgspec.inspect.FloatType: float,
    msgspec.inspect.BoolType: bool,
    msgspec.inspect.StrType: str,
    msgspec.inspect.EnumType: str,
}


class Sink(Protocol):
    """A new file that rows are appended to; OSError with its path where the disk is full."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """Append rows."""

    def close(self) -> None:
        """No more rows."""


class Column(NamedTuple):
    """One column of a table: the way to its value, and its type."""

    name: str
    path: tuple[str, ...]
    type: type


def columns(kind: type[msgspec.Struct]) -> list[Column]:
    """The plain fields of a struct, and those of structs in it as `outer_inner`; lists have no column."""
    return [column for field in _fields(kind) for column in _columns_of(field)]


def _fields(kind: type[msgspec.Struct]) -> Sequence[msgspec.inspect.Field]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return info.fields


def _columns_of(field: msgspec.inspect.Field) -> list[Column]:
    kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
    found = []
    for kind in kinds:
        if isinstance(kind, msgspec.inspect.StructType):
            inner = columns(kind.cls)
            found += [Column(f"{field.name}_{c.name}", (field.name, *c.path), c.type) for c in inner]
        elif type(kind) in _PLAIN:
            found.append(Column(field.name, (field.name,), _PLAIN[type(kind)]))
    return found


def _value(row: Any, column: Column) -> Any:
    for step in column.path:
        row = getattr(row, step)
        if row is None or row is msgspec.UNSET:
            return None
    return row


class _File:
    """Appends whole pieces of bytes to a file that was not there."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._path = path
        self._file = path.open("xb", buffering=0)

    def append(self, data: bytes) -> None:
        content = memoryview(data)
        try:
            while content:
                written = self._file.write(content)
                self.size += written
                content = content[written:]
        except OSError as error:
            raise OSError(
                error.errno or errno.EIO, f"cannot write requests: {error.strerror}", str(self._path)
            ) from error

    def close(self) -> None:
        self._file.close()


class JsonLines(_File):
    """One JSON object a line; they are in the file when `write` returns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """One line for each."""
        self.append(self._encode(rows))


class CsvTable(_File):
    """Comma-separated, a header first; what is missing is empty. They are in the file when `write` returns."""

    def __init__(self, path: Path, kind: type[msgspec.Struct]) -> None:
        super().__init__(path)
        self._columns = columns(kind)
        self._append_lines([[column.name for column in self._columns]])

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """One line for each; more than one where a text holds line ends."""
        self._append_lines([[_cell(_value(row, column)) for column in self._columns] for row in rows])

    def _append_lines(self, lines: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        self.append(text.getvalue().encode())


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


class ParquetTable:
    """Columns with types, compressed; the file can be read once it is closed."""

    def __init__(self, path: Path, kind: type[msgspec.Struct]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        self._columns = columns(kind)
        self._schema: pyarrow.Schema = pa.schema([(column.name, types[column.type]) for column in self._columns])
        self._rows: list[msgspec.Struct] = []
        self._file = _File(path)
        self._stream = _Stream(self._file)
        self._writer = pq.ParquetWriter(pa.PythonFile(self._stream, mode="w"), self._schema)
        self._table = pa.table

    @property
    def size(self) -> int:
        """Without the rows that wait."""
        return self._file.size

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """They are written ten thousand at a time."""
        self._rows += rows
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the end that makes it a Parquet file."""
        if self._stream.closed:
            return
        try:
            self._flush()
            self._writer.close()
        finally:
            self._stream.close()
            self._file.close()

    def _flush(self) -> None:
        if self._rows:
            data = {column.name: [_value(row, column) for row in self._rows] for column in self._columns}
            self._rows = []
            self._writer.write_table(self._table(data, schema=self._schema))


class _Stream(io.RawIOBase):
    """A file as pyarrow wants it."""

    def __init__(self, file: _File) -> None:
        self._to = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._to.append(bytes(data))
        return len(data)

    def tell(self) -> int:
        return self._to.size


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is full and how many full ones stay."""

    max_size: int
    keep: int


class Rotating:
    """Files in turns: a full `requests.jsonl` becomes `requests.1.jsonl`, that one `requests.2.jsonl`, and so on."""

    def __init__(self, path: Path, make: Callable[[Path], Sink], rotation: Rotation) -> None:
        self._path = path
        self._make = make
        self._rotation = rotation
        self._sink = make(path)

    @property
    def size(self) -> int:
        """Of the file that is being written."""
        return self._sink.size

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """Append rows, and begin a new file if that has filled the present one."""
        self._sink.write(rows)
        if self._sink.size >= self._rotation.max_size:
            self._sink.close()
            self._shift()
            self._sink = self._make(self._path)

    def close(self) -> None:
        """No more rows."""
        self._sink.close()

    def _shift(self) -> None:
        names = [self._path, *(self._numbered(number) for number in range(1, self._rotation.keep + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)

    def _numbered(self, number: int) -> Path:
        return self._path.with_suffix(f".{number}{self._path.suffix}")


def sink(path: Path, kind: type[msgspec.Struct], form: Format, rotation: Rotation | None = None) -> Sink:
    """A new file for rows of a kind; FileExistsError rather than overwrite one."""

    def make(place: Path) -> Sink:
        if form == "jsonl":
            return JsonLines(place)
        return CsvTable(place, kind) if form == "csv" else ParquetTable(place, kind)

    return make(path) if rotation is None else Rotating(path, make, rotation)


def missing_library(form: str) -> str | None:
    """What a format needs that is not installed, and how to get it; None if nothing is missing."""
    if form == "parquet" and find_spec("pyarrow") is None:
        return "`parquet` needs the package pyarrow: pip install 'swelld[parquet]'"
    return None
