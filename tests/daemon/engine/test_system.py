"""What the operating system says of the limits that hold for us."""

import resource
from pathlib import Path

import pytest

from swelld.engine import system


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 81000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 2500000\n", 2.5),
        ("usage_usec 81000\nuser_usec 5\n", 0.0),  # no quota
        ("", 0.0),
        (None, 0.0),  # no control groups of version 2
    ],
)
def test_the_time_that_a_quota_has_stopped_us(
    text: str | None, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.stat"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(system, "CPU_STATISTICS", file)
    assert system.throttled_seconds() == seconds


@pytest.mark.parametrize(
    ("limits", "allowed", "result", "asked"),
    [
        ((1024, 4096), True, 4096, [(4096, 4096)]),
        ((1024, 4096), False, 1024, [(4096, 4096)]),
        ((4096, 4096), True, 4096, []),
        ((1024, resource.RLIM_INFINITY), True, 1_048_576, [(1_048_576, resource.RLIM_INFINITY)]),
        ((2_000_000, resource.RLIM_INFINITY), True, 2_000_000, []),
    ],
)
def test_as_many_files_may_be_open_as_the_hard_limit_lets(
    limits: tuple[int, int],
    allowed: bool,
    result: int,
    asked: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[tuple[int, int]] = []

    def change(_which: int, wanted: tuple[int, int]) -> None:
        found.append(wanted)
        if not allowed:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", change)
    assert system.allow_open_files() == result
    assert found == asked
