"""Which process a run belongs to, and whether that process is still there."""

import os
from pathlib import Path
from typing import Final

SILENCE: Final = 30.0
"""Seconds without a sign of life after which a run of our own name, begun by a process that cannot be looked at, is
taken for lost."""
ABANDONED: Final = 3600.0
"""The same for a run of another name: its daemon is gone for good, or will say otherwise at its next checkpoint."""


def this_life() -> str:
    """A name for this process that no other one ever has: machine boot / process namespace / process / start."""
    started = _start_of(os.getpid())
    if started is None:
        return f"unknown/{os.getpid()}/{os.urandom(6).hex()}"
    return f"{_place()}/{os.getpid()}/{started}"


def is_gone(life: str) -> bool | None:
    """Whether that process is certainly gone; None if it cannot be known from here."""
    place, _, process = life.partition("/")
    pid, _, started = process.partition("/")
    if place != _place() or not pid.isdigit():
        return None
    return _start_of(int(pid)) != started


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return "nowhere"


def _start_of(pid: int) -> str | None:
    """The moment at which a process began, in ticks since boot; None if there is none, or no way to know."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
