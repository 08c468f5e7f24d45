"""What the operating system lets a shard do."""

import resource
from pathlib import Path
from typing import Final

CPU_STATISTICS: Final = Path("/sys/fs/cgroup/cpu.stat")


def throttled_seconds() -> float:
    """How long the CPU quota of our control group has stopped us so far; 0 where there is none (cgroup v2 only)."""
    try:
        lines = CPU_STATISTICS.read_text().splitlines()
    except OSError:
        return 0.0
    values = dict(line.split() for line in lines)
    return int(values.get("throttled_usec", 0)) / 1e6


def allow_open_files() -> int:
    """Raise the soft limit of open files to the hard one; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 1_048_576)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            return soft
    return max(soft, wanted)
