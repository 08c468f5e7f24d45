"""Lines of traces of real traffic, in the formats in which such traces were published or in columns of any name."""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec

Unit = Literal["s", "ms", "us", "ns"]

_SECONDS: Final[dict[Unit, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_BOM: Final = b"\xef\xbb\xbf"


class Names(NamedTuple):
    """Columns of a CSV file, or keys of JSON objects."""

    time: str
    input: str
    output: str
    blocks: str | None = None
    category: str | None = None
    unit: Unit = "s"
    """Of moments that are numbers."""


FORMATS: Final[dict[str, Names]] = {
    "azure": Names("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    "burstgpt": Names("Timestamp", "Request tokens", "Response tokens", category="Log Type"),
    "mooncake": Names("timestamp", "input_length", "output_length", "hash_ids", unit="ms"),
}


class Row(NamedTuple):
    """One request."""

    at: float
    """Seconds, counted from anywhere."""
    input: int
    output: int
    """Tokens."""
    blocks: tuple[str, ...] = ()
    """Names of the blocks that the prompt is made of."""
    category: str = ""
    wanted: bool = True


Fields = Callable[[bytes], Mapping[str, Any]]


class Format(NamedTuple):
    """How to read the lines of a file."""

    names: Names
    fields: Fields
    body: int
    """Where the first line with a request begins."""
    only: Mapping[str, str] = {}

    def row(self, line: bytes) -> Row:
        """ValueError says what is wrong with a line."""
        fields, names = self.fields(line), self.names
        blocks = fields.get(names.blocks) if names.blocks else None
        if blocks is not None and not isinstance(blocks, list):
            raise ValueError(f"`{names.blocks}` is no list")
        return Row(
            _moment(_of(fields, names.time), names.unit),
            _tokens(_of(fields, names.input), names.input),
            _tokens(_of(fields, names.output), names.output),
            tuple(map(str, blocks or ())),
            str(fields.get(names.category) or "") if names.category else "",
            all(str(fields.get(name)) == value for name, value in self.only.items()),
        )


def format_of(file: Path, stream: BinaryIO, names: Names | None, only: Mapping[str, str]) -> Format:
    """By the header or the first object; ValueError says what was found if nothing fits."""
    first = stream.readline()
    while first and not first.strip():
        first = stream.readline()
    text = first.removeprefix(_BOM)
    if text.lstrip()[:1] == b"{":
        known: Sequence[str] = list(_json(text))
        fields: Fields = _json
        body = 0
    else:
        known = next(csv.reader([_text(text)]), [])
        fields, body = _csv(known), stream.tell()
    if not known:
        raise ValueError(f"{file} is empty")
    for candidate in [names] if names else FORMATS.values():
        if not {candidate.time, candidate.input, candidate.output, *only} - set(known):
            return Format(candidate, fields, body, only)
    lacking = [*(names or ())[:3], *only] if names or only else []
    wanted = f"not all of {', '.join(lacking)}" if lacking else "that is none of the known formats; name its `columns`"
    raise ValueError(f"{file} has the columns {', '.join(known)}: {wanted}")


def _json(line: bytes) -> Mapping[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(line.removeprefix(_BOM), type=dict[str, Any])
    return found


def _csv(header: Sequence[str]) -> Fields:
    def fields(line: bytes) -> Mapping[str, Any]:
        text = _text(line)
        cells = next(csv.reader([text])) if '"' in text else text.split(",")
        if len(cells) != len(header):
            raise ValueError(f"it has {len(cells)} columns, the header {len(header)}")
        return dict(zip(header, cells, strict=True))

    return fields


def _text(line: bytes) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _of(fields: Mapping[str, Any], name: str) -> Any:
    if fields.get(name) in (None, ""):
        raise ValueError(f"it has no `{name}`")
    return fields[name]


def _tokens(value: Any, name: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` is {value!r}, not a number of tokens") from None
    if not 0 <= number <= 1e7 or number != int(number):
        raise ValueError(f"`{name}` is {value!r}, not a number of tokens")
    return max(1, int(number))


def _moment(value: Any, unit: Unit) -> float:
    try:
        return float(value) * _SECONDS[unit]
    except (TypeError, ValueError):
        pass
    try:
        shown = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{value!r} is no moment: neither a number nor a date with a time") from None
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp()
