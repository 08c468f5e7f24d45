"""Carries out the build stage of the Dockerfile in a bare Debian, where there is no container engine.

    sudo python3 compose/tools/rehearse_image.py NEW_DIRECTORY

A debootstrap of Debian 13 stands in for both images: its Python 3.13 is the one of the image that runs. The steps are
read from the Dockerfile, so they cannot drift from it. What a stand-in cannot show: the layers, the user, the health.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "compose/Dockerfile"
BUILDER = "/opt/builder"
"""Where the stand-in has the `python3` with pip that the build image has on its path."""


def steps(text: str) -> Iterator[tuple[int, str, str]]:
    """Stage number, instruction and the rest of every line, comments left out, continued lines joined."""
    stage = -1
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n", " ", plain).splitlines():
        if found := re.match(r"([A-Z]+)\s+(.*)", line):
            stage += found[1] == "FROM"
            yield stage, found[1], " ".join(found[2].split())


def inside(root: Path, command: str, environment: dict[str, str], where: str) -> None:
    """Run a shell line in the root, in a mount and process namespace of its own."""
    start = f"mount -t proc proc {root}/proc && exec chroot {root} /bin/sh -ec"
    line = f"{start} 'cd {where} && exec /bin/sh -ec \"$LINE\"'"
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    path = f"{BUILDER}/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    (root / "tmp").mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603 - the lines are those of our own Dockerfile
        ["/usr/bin/unshare", "--mount", "--pid", "--fork", "/bin/sh", "-ec", line],
        env={**passed, **environment, "PATH": path, "LINE": command, "HOME": "/root"},
        check=True,
    )


def copy(root: Path, sources: list[str], target: Path) -> None:
    """What COPY does from the context, without the patterns of .dockerignore that concern caches."""
    for source in sources:
        origin = ROOT / source
        leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if origin.is_dir():
            shutil.copytree(origin, root / str(target).lstrip("/"), ignore=leave, dirs_exist_ok=True)
        else:
            (root / str(target).lstrip("/")).mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, root / str(target).lstrip("/"))


def build(root: Path) -> None:
    """The first stage."""
    environment: dict[str, str] = {}
    where = "/"
    for stage, instruction, rest in steps(DOCKERFILE.read_text()):
        if stage != 0:
            continue
        print(f"{instruction} {rest[:100]}", flush=True)
        if instruction == "ENV":
            environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif instruction == "WORKDIR":
            where = rest
            (root / where.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            *sources, target = rest.split()
            copy(root, sources, Path(where) / target)
        elif instruction == "RUN":
            inside(root, rest, environment, where)


def assemble(root: Path) -> int:
    """The COPY lines of the second stage, into the same root; the bytes that they add."""
    added = 0
    for stage, instruction, rest in steps(DOCKERFILE.read_text()):
        if stage == 1 and instruction == "COPY":
            source, target = [word for word in rest.split() if not word.startswith("--")]
            made = root / source.lstrip("/")
            added += sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
            shutil.copytree(made, root / target.lstrip("/"), dirs_exist_ok=True)
    return added


def entrypoint() -> str:
    """The command of the image."""
    found = [rest for _, instruction, rest in steps(DOCKERFILE.read_text()) if instruction == "ENTRYPOINT"]
    return " ".join(json.loads(found[0]))


def main() -> int:
    """Into a directory that is not there yet, or that holds a debootstrap of Debian 13."""
    root = Path(sys.argv[1]).absolute()
    if not root.exists():
        wanted = "--include=python3-venv,ca-certificates,binutils"
        command = ["/usr/sbin/debootstrap", "--variant=minbase", wanted, "trixie", str(root)]
        subprocess.run(command, check=True)  # noqa: S603 - a directory that root names
    for file in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):  # the network as it is set up here
        shutil.copy(f"/{file}", root / file)
    inside(root, f"python3 -m venv {BUILDER}", {}, "/")
    build(root)
    added = assemble(root)
    inside(root, f"{entrypoint()} info", {}, "/")
    print(f"The image's own layers are {added / 1e6:.0f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
