"""A fake libnvidia-ml.so.1, compiled from fake_nvml.c, and the environment in which nvidia-ml-py loads it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")


@dataclass(frozen=True)
class FakeNvml:
    """A compiled library and the file with its answers."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to see the fake GPUs."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self.folder), "FAKE_NVML_FILE": str(self.folder / "answers")}

    def answer(self, *lines: str) -> None:
        """From now on; lines are `GPU KEY VALUE`, GPU -1 is the driver, a value `!N` is the error N."""
        fresh = self.folder / "fresh"
        fresh.write_text("".join(f"{line}\n" for line in lines))
        fresh.rename(self.folder / "answers")  # never half a file


def build(folder: Path, *, old: bool = False) -> FakeNvml:
    """The library in a folder; `old`: without what drivers of some years ago lack."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None and os.environ.get("CI") == "true":
        pytest.fail("no C compiler: apt-get install gcc libc6-dev")
    if compiler is None:
        pytest.skip("no C compiler for the fake NVML (Debian: apt-get install gcc libc6-dev)")
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", *(["-DOLD"] if old else [])]
    library = folder / "libnvidia-ml.so.1"
    subprocess.run([*command, "-Wl,-soname,libnvidia-ml.so.1", "-o", str(library), str(SOURCE)], check=True, timeout=60)
    fake = FakeNvml(folder)
    fake.answer()
    return fake
