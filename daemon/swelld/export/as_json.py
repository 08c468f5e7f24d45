"""The result as it is stored, or its requests as a list."""

from collections.abc import Iterable

import msgspec

from swelld.export.rows import Row
from swelld.result import Result


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """Schema `swelld.result/1`; with requests a list of these instead, seconds as in `requests.jsonl`."""
    if requests is None:
        return msgspec.json.encode(result)
    return b"[\n" + b",\n".join(msgspec.json.encode(row) for row in requests) + b"\n]\n"
