"""The two C programs of the benchmark, compiled when they are needed."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
BUILD: Final = HERE / ".build"


class Unavailable(Exception):
    """Something cannot be had here; the message says why."""


@cache
def program(name: str) -> Path:
    """The path of the compiled program; raises Unavailable without a compiler."""
    source, target = HERE / f"{name}.c", BUILD / name
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Unavailable(f"no C compiler for {source.name}: install gcc")
    newest = max(path.stat().st_mtime for path in (source, HERE / "tally.h"))
    if not target.exists() or target.stat().st_mtime < newest:
        BUILD.mkdir(exist_ok=True)
        made = subprocess.run(
            [compiler, "-O2", "-Wall", "-o", str(target), str(source), "-lm"],
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Unavailable(f"{source.name} does not compile here: {made.stderr.strip().splitlines()[0]}")
    return target
