"""Results on disk: `results/<timestamp>/` with metadata, result and requests, or one file; nothing is overwritten."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from swelld.result import SCHEMA_NAME, Result
from swelld.store.files import StoreError, claim, claim_directory, replace
from swelld.store.metadata import Metadata

METADATA: Final = "metadata.json"
RESULT: Final = "result.json"
REQUESTS: Final = "requests.jsonl"
STORED: Final = ".stored"


class RunDirectory:
    """The files of one run; every one of them is whole or absent, `requests.jsonl` excepted: it grows line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, started: datetime) -> "RunDirectory":
        """A new directory below `root`, named by the start in UTC (`2026-11-14T10-20-30Z`)."""
        return cls(claim_directory(root / started.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")))

    @property
    def requests(self) -> Path:
        """Where the measurements go."""
        return self.path / REQUESTS

    @property
    def stored(self) -> bool:
        """Whether the run is in a store, or was until somebody deleted it there."""
        return (self.path / STORED).exists()

    def mark_stored(self) -> None:
        """From now on; a directory that cannot be written is offered to the store again."""
        with contextlib.suppress(OSError):
            (self.path / STORED).touch()

    def write_metadata(self, metadata: Metadata) -> None:
        """At the start, and once more at the end with `finished`."""
        replace(self.path / METADATA, _pretty(metadata))

    def write_result(self, result: Result) -> Path:
        """At the end; the path of `result.json`."""
        replace(self.path / RESULT, _pretty(result))
        return self.path / RESULT


def check_output(path: Path) -> None:
    """Raise StoreError before a run starts if its result could not be written to this file when it is over."""
    if path.is_dir():
        raise StoreError(f"{path} is a directory: name a file for the result, e.g. {path / RESULT}")
    if path.exists() or path.is_symlink():
        raise StoreError(f"{path} exists already and is not overwritten: name another file, or move it away")
    if not path.parent.is_dir():
        raise StoreError(f"cannot write {path}: the directory {path.parent} does not exist; create it first")
    claim(path).unlink()


def write_output(path: Path, result: Result) -> Path:
    """Write the result to this file, or beside it under a new name if someone has taken the name since; where it is."""
    free = claim(path)
    replace(free, _pretty(result))
    return free


def load_result(path: Path) -> Result:
    """A result from its file, or from the directory of its run; StoreError says what is wrong with it."""
    if path.is_dir():
        path = path / RESULT
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}; a result is written when its run is over") from error
    schema = _schema(path, content)
    if schema != SCHEMA_NAME:
        what = f"is of schema {schema!r}" if schema else "is no result of swelld: it names no schema"
        raise StoreError(f"{path} {what}; this version reads {SCHEMA_NAME!r}, the `{RESULT}` of a run")
    try:
        return msgspec.json.decode(content, type=Result)
    except msgspec.ValidationError as error:
        raise StoreError(f"{path} does not follow {SCHEMA_NAME}: {error}; was it edited by hand?") from error


class _Header(msgspec.Struct):
    schema: str | None = None


def _schema(path: Path, content: bytes) -> str | None:
    try:
        return msgspec.json.decode(content, type=_Header).schema
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError as error:
        if not content.strip():
            raise StoreError(f"{path} is empty: its run was killed while it was being written") from error
        if "truncated" in str(error):
            raise StoreError(f"{path} ends in the middle (truncated): copy it again, or run again") from error
        raise StoreError(f"{path} is no JSON: {error}") from error


def _pretty(value: Metadata | Result) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
