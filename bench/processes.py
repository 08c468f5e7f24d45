"""Running a command and knowing what it and all its children cost."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LOOK_SECONDS: Final = 0.5
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """The memory of all processes of a command at one moment, in bytes."""

    at: float
    """Unix time."""
    pss: int
    """Proportional: shared pages count once."""
    rss: int


@dataclass
class Spent:
    """What a command cost until it and its children were gone."""

    started: float
    """Unix time, just before the start."""
    wall: float = 0.0
    cpu: float = 0.0
    status: int = 0
    looks: list[Look] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)
    """CPU seconds at the last look, by the module or program that a process runs."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def memory(self) -> int | None:
        """The largest proportional set size seen."""
        return max((look.pss for look in self.looks), default=None)


class Overtime(Exception):
    """The command did not end in the time it was given."""


def run(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    limit: float,
    looking: Callable[[int, Spent], None] = lambda _pid, _spent: None,
) -> Spent:
    """Run to the end; its output goes to `log`. `looking` is told its pid every half second, and may end it."""
    with log.open("wb") as output:
        spent = Spent(time.time())
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
    try:
        _watch(process, spent, limit, looking)
    finally:
        if process.returncode is None:
            _end(process)
    return spent


def _watch(process: subprocess.Popen[bytes], spent: Spent, limit: float, looking: Callable[[int, Spent], None]) -> None:
    cpu: dict[int, float] = {}
    names: dict[int, str] = {}
    family = {process.pid}
    pidfd = os.pidfd_open(process.pid)
    try:
        while not select.select([pidfd], [], [], LOOK_SECONDS)[0]:
            if time.time() - spent.started > limit:
                raise Overtime(f"not over after {limit:.0f} s")
            spent.looks.append(_look(family, cpu))
            names |= {pid: _name(pid) for pid in cpu if pid not in names}
            looking(process.pid, spent)
    finally:
        os.close(pidfd)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = spent.status = os.waitstatus_to_exitcode(status)
    spent.wall = time.time() - spent.started
    # Children that were never waited for are missing in the one, what was not seen any more in the other.
    spent.cpu = max(usage.ru_utime + usage.ru_stime, sum(cpu.values()))
    for pid, seconds in cpu.items():
        spent.parts[names[pid]] = spent.parts.get(names[pid], 0.0) + seconds
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _look(family: set[int], cpu: dict[int, float]) -> Look:
    """One look at every process that descends from the family or shares its session; both grow as they are found."""
    pss = rss = 0
    for pid, parent, session, seconds in _processes():
        if pid not in family and parent not in family and session not in family:
            continue
        family.add(pid)
        cpu[pid] = seconds
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
                elif line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
    return Look(time.time(), pss, rss)


def _name(pid: int) -> str:
    """The module that Python runs with -m, else the program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return "?"
    if "-m" in words[1:-1]:
        return words[words.index("-m") + 1]
    script = len(words) > 1 and Path(words[0]).name.startswith("python")
    return Path(words[1 if script else 0]).name


def _processes() -> list[tuple[int, int, int, float]]:
    """Pid, parent, session and CPU seconds of every process, parents before their children where pids tell."""
    found = []
    for name in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):  # noqa: PTH208 - in a loop
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            found.append((int(name), int(fields[1]), int(fields[3]), (int(fields[11]) + int(fields[12])) * _TICK))
    return found


def raise_file_limit() -> int:
    """As many open files as this user may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
