"""The right prompt source for a file that is given without one."""

from pathlib import Path
from typing import Final

import msgspec

from swelld.prompts import records
from swelld.prompts.datasets import Conversations, Csv, JsonLines, ShareGpt, Text, unreadable
from swelld.prompts.records import Record

_BY_FIELD: Final[dict[str, type[Conversations] | type[ShareGpt] | type[JsonLines]]] = {
    "prompt_content": Conversations,
    "conversations": ShareGpt,
    "prompt": JsonLines,
    "messages": JsonLines,
}


def source_for_file(file: Path) -> Conversations | ShareGpt | JsonLines | Csv | Text:
    """By the ending of its name and by its first record; ValueError says what is expected if neither tells."""
    ending = file.suffix.lower()
    try:
        if ending == ".csv":
            return Csv(file=file, column=_column(file))
        first = next(records.lines(file), None)
        if first is None:
            raise ValueError(f"no prompt in {file}: it is empty")
        if ending in (".txt", ".md") or (ending not in (".json", ".jsonl", ".ndjson") and not _is_json(first)):
            return Text(file=file)
        return _json_source(file)
    except OSError as error:
        raise ValueError(unreadable(file, error)) from None


def _column(file: Path) -> str:
    """The column `prompt`, or the only one there is."""
    columns = records.csv_columns(file)
    return columns[0] if len(columns) == 1 else "prompt"


def _is_json(first: Record) -> bool:
    return first.data.lstrip()[:1] in (b"[", b"{")


def _json_source(file: Path) -> Conversations | ShareGpt | JsonLines:
    first = next(records.json_records(file), None)
    if first is None:
        raise ValueError(f"no prompt in {file}: it has no records")
    try:
        fields = msgspec.json.decode(first.data, type=dict[str, msgspec.Raw])
    except ValueError as error:
        raise ValueError(f"{file}, {first.where}: no JSON object: {error}") from None
    for field, source in _BY_FIELD.items():
        if field in fields:
            return source(file=file)
    raise ValueError(
        f"{file}, {first.where}: found the fields {', '.join(fields) or 'none'}, expected one of {', '.join(_BY_FIELD)}"
    )
