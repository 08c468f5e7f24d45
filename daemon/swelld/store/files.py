"""Writing files that are either whole or not there, and that replace nothing of anybody else's."""

import contextlib
import os
from pathlib import Path


class StoreError(Exception):
    """A result could not be written or read; the message names the place and the remedy."""


def replace(path: Path, content: bytes) -> None:
    """Write a file of ours so that a reader sees the old content or the new, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # a disk that is read-only does not even look whether it is there
            temporary.unlink()
        raise StoreError(f"cannot write {path}: {error.strerror}; free some space or choose another place") from error


def keep(path: Path, content: bytes) -> None:
    """Like `replace`, in a directory that is made if it is not there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create {path.parent}: {error.strerror}; choose another place") from error
    replace(path, content)


def claim(path: Path) -> Path:
    """Create a new empty file at the path, or with `-2`, `-3`, ... before its suffix where the name is taken."""
    number = 1
    while True:
        name = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            name.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise StoreError(f"cannot write {name}: {error.strerror}; choose another place") from error
        else:
            return name


def claim_directory(path: Path) -> Path:
    """Create a new directory, parents included, or one with `-2`, `-3`, ... behind its name where that is taken."""
    number = 1
    while True:
        name = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            name.mkdir()
        except FileExistsError as error:
            if not path.parent.is_dir():
                raise StoreError(f"cannot create {name}: {path.parent} is no directory") from error
            number += 1
        except OSError as error:
            raise StoreError(f"cannot create {name}: {error.strerror}; choose another place for results") from error
        else:
            return name
