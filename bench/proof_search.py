"""Holds the capacity search and the recommendation against simulators of known capacity. `make proof-search`.

The truth is found without swelld's engine and hub: the simulator's batch is driven on a virtual clock, over hundreds of
seconds for every level, until the highest level that meets the objective is known within 0.3 %.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import uvloop

import virtual_server
from swelld.analysis.recommendation import Wish, recommend
from swelld.app.once import run_scenarios
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.result import Progress, Result
from swelld.settings import Settings
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

TOLERANCE: Final = 0.05
TRUE_SECONDS: Final = 300.0
PEAK: Final = 100


class Case(NamedTuple):
    """One server, and what is asked of it."""

    name: str
    server: SimOptions
    search: Mapping[str, Any]
    objectives: Mapping[str, float]
    share: float
    lengths: tuple[int, int]
    seconds: float
    """Of a level."""


def _server(**options: Any) -> SimOptions:
    return SimOptions(mode="realistic", prefix_caching=False, **options)


CASES: Final = (
    Case(
        "rate, even arrivals, small batch",
        _server(max_num_seqs=16, step_base=0.008),
        {"kind": "rate", "from": 4},
        {"ttft": 0.3},
        0.95,
        (64, 32),
        15.0,
    ),
    Case(
        "rate, random arrivals",
        _server(max_num_seqs=16, step_base=0.012),
        {"kind": "rate", "from": 4, "arrivals": "poisson"},
        {"ttft": 0.4},
        0.95,
        (64, 32),
        30.0,
    ),
    Case(
        "rate, long prompts: prefill binds",
        _server(max_num_seqs=64, step_base=0.004, step_per_prefill_token=0.00005),
        {"kind": "rate", "from": 2},
        {"ttft": 1.0, "tpot": 0.08},
        0.95,
        (1024, 16),
        15.0,
    ),
    Case(
        "users, TPOT binds",
        _server(max_num_seqs=128, step_base=0.010, step_per_sequence=0.0005),
        {"kind": "concurrency"},
        {"tpot": 0.030},
        0.95,
        (32, 32),
        12.0,
    ),
    Case(
        "users, TTFT binds: the batch is full",
        _server(max_num_seqs=24, step_base=0.008),
        {"kind": "concurrency"},
        {"ttft": 0.2},
        0.95,
        (64, 32),
        12.0,
    ),
)


class Row(NamedTuple):
    """What came of a case."""

    case: Case
    truth: float
    result: Result
    seconds: float

    @property
    def found(self) -> float:
        """The capacity."""
        search = self.result.search
        return search.capacity if search is not None and search.capacity is not None else math.nan

    @property
    def error(self) -> float:
        """Relative to the truth."""
        return self.found / self.truth - 1

    @property
    def right(self) -> bool:
        """Within 5 %, or one user where that is more."""
        slack = 1.0 if self.case.search["kind"] == "concurrency" else 0.0
        return abs(self.found - self.truth) <= max(slack, TOLERANCE * self.truth)

    def cut_short(self) -> bool:
        """Whether the level furthest beyond the capacity ended before its time."""
        assert self.result.search is not None
        missed = [level for level in self.result.search.levels if level.accepted is False]
        beyond = max(missed, key=lambda level: level.level, default=None)
        return beyond is not None and beyond.cut_short and beyond.seconds < self.case.seconds

    def replicas(self) -> tuple[int, int] | None:
        """Recommended and true; None for rates."""
        if self.case.search["kind"] != "concurrency":
            return None
        wish = Wish(peak=PEAK, headroom=0.2)
        made = recommend(self.result, wish)
        true = math.ceil(PEAK * 1.2 / self.truth)
        return (int(made.replicas.value) if made.replicas is not None else 0), true


class Watching:
    """Says which level is under way."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._stage = progress.stage
            print(f"    {progress.elapsed:4.0f} s  {progress.stage}", flush=True)


def measure(case: Case) -> Row:
    """Search, then find the truth for prompts of the length that the server has seen."""
    objectives = {name: f"{threshold * 1e3:g}ms" for name, threshold in case.objectives.items()}
    scenario = {
        "load": {"search": dict(case.search)},
        "prompts": {"kind": "synthetic", "input_tokens": case.lengths[0], "output_tokens": case.lengths[1]},
        "objectives": {**objectives, "share": case.share},
        "duration": case.seconds,
        "drain": "10s",
    }
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, simulated(case.server) as url:
        settings = Settings.model_validate(
            {
                "targets": {"sim": {"url": url, "model": "sim", "metrics": "off"}},
                "scenarios": {"search": scenario},
                "store": {"dir": Path(folder)},
                "exporters": {"files": {"enabled": False}, "nvml": {"enabled": False}},
                "shards": 1,
            }
        )
        (finished,) = uvloop.run(run_scenarios(settings, ["search"], Watching(), sys.argv))
    seconds = time.monotonic() - begun
    seen = finished.result.stages[0].input_tokens.p50
    assert seen is not None
    return Row(case, truth(case, (round(seen), case.lengths[1])), finished.result, seconds)


def truth(case: Case, lengths: tuple[int, int]) -> float:
    """The highest level that meets the objective in a long run on the virtual clock."""

    def meets(level: float) -> bool:
        stage = _stage(case, level)
        return virtual_server.good_share(stage, case.server, lengths, case.objectives) >= case.share

    if case.search["kind"] == "concurrency":
        return float(_highest(range(1, 400), lambda users: meets(float(users))))
    low, high = 1.0, 400.0
    while high / low > 1.003:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low


def _stage(case: Case, level: float) -> Stage:
    if case.search["kind"] == "concurrency":
        return ClosedStage(
            label="truth", users=round(level), ramp_up=2.0, warmup_seconds=10.0, duration=TRUE_SECONDS / 5
        )
    process = case.search.get("arrivals", "constant")
    return OpenStage(label="truth", rate=level, process=process, warmup_seconds=5.0, duration=TRUE_SECONDS)


def _highest(levels: Sequence[int], meets: Callable[[int], bool]) -> int:
    low, high = 0, len(levels)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if meets(levels[middle]) else (low, middle)
    return levels[low]


def judged(row: Row) -> bool:
    """Whether all is as it should be."""
    replicas = row.replicas()
    return row.right and row.cut_short() and (replicas is None or abs(replicas[0] - replicas[1]) <= 1)


def told(number: int, row: Row) -> None:
    """What was measured, level by level, and how it ended."""
    search = row.result.search
    assert search is not None
    for level in search.levels:
        verdict = {True: "met", False: "missed", None: "in doubt"}[level.accepted]
        doubts = " (load generator in doubt)" if level.doubted and level.accepted else ""
        print(f"    {level.stage:<28} {verdict:<8} {'' if level.sure else '?'}{doubts} {level.reason}")
    print(f"    {number}: ended {search.ended} after {row.seconds:.0f} s", flush=True)


def table(rows: Sequence[Row]) -> None:
    """All cases, and what is wrong with any."""
    head = f"{'case':<38} {'truth':>7} {'found':>7} {'error':>7} {'levels':>6} {'time':>6}  beyond   replicas (true)"
    print(f"\n{head}")
    for row in rows:
        assert row.result.search is not None
        replicas = row.replicas()
        words = "" if replicas is None else f"{replicas[0]} ({replicas[1]})"
        print(
            f"{row.case.name:<38} {row.truth:7.4g} {row.found:7.4g} {row.error:+7.1%} "
            f"{len(row.result.search.levels):6} {row.seconds:5.0f}s  {'cut' if row.cut_short() else 'NOT CUT':<8} "
            f"{words}{'' if judged(row) else '  WRONG'}"
        )
    wrong = sum(not judged(row) for row in rows)
    print(f"{len(rows) - wrong} of {len(rows)} within {TOLERANCE:.0%} (or one user)", flush=True)


def main() -> int:
    """1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, choices=range(len(CASES)), help="number of one case, from 0")
    only = parser.parse_args().only
    rows = []
    for number in range(len(CASES)) if only is None else [only]:
        print(f"case {number}: {CASES[number].name} ...", flush=True)
        rows.append(measure(CASES[number]))
        told(number, rows[-1])
    table(rows)
    return 0 if all(map(judged, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
