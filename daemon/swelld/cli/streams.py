"""The streams that the command was given: closed ones, and those that take nothing more."""

import io
import os
import sys
from typing import Any


class Output(io.FileIO):
    """Standard output, which remembers why it took something not."""

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def open_streams() -> None:
    """What is closed becomes /dev/null, for the event loop dies of it; what a stream cannot write becomes `?`."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    out, err = sys.stdout, sys.stderr
    if isinstance(err, io.TextIOWrapper):
        err.reconfigure(errors="replace")
    if isinstance(out, io.TextIOWrapper):
        raw = io.BufferedWriter(Output(1, "w", closefd=False))
        lines, at_once = out.line_buffering, out.write_through
        sys.stdout = io.TextIOWrapper(raw, out.encoding, "replace", line_buffering=lines, write_through=at_once)


def lost_output() -> OSError | None:
    """Why standard output did not take what was written to it; None if it did."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.error if isinstance(raw, Output) else None


def told_of_output(error: OSError) -> str:
    """What to say of it."""
    return f"cannot write to standard output: {error.strerror}; send it elsewhere"


def end_output() -> None:
    """Write what is left; SystemExit where standard output takes it no more, of which a reader that left is no news."""
    if sys.stdout is None:  # it was closed from the beginning
        return
    told = lost_output() is not None
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more
        if told:
            return
        if not isinstance(error, BrokenPipeError):
            print(f"swelld: {told_of_output(error)}", file=sys.stderr)
        raise SystemExit(1) from None
