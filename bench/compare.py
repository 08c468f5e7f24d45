"""Shows what `swelld compare` finds at its usual thresholds: a TTFT made 10 % longer, and runs of the same thing.

`make proof-compare`, or `python bench/compare.py --pairs 3 --only scripted`. Every run has a simulator of its own.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from swelld.analysis.compare import Comparison, compare
from swelld.app.once import run_scenarios
from swelld.result import Result
from swelld.settings import Settings
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

PAIRS: Final = 20
TRIES: Final = 4


@dataclass(frozen=True)
class Case:
    """A server, the same server with a TTFT about 10 % longer, and a load."""

    server: Callable[[int], SimOptions]
    slower: Callable[[int], SimOptions]
    load: dict[str, Any]


def scripted(ttft: float) -> Callable[[int], SimOptions]:
    """TTFT as given, plus up to 20 ms."""
    return lambda seed: SimOptions(ttft=ttft, itl=0.005, jitter=0.02, seed=seed)


def realistic(step_per_prefill_token: float) -> Callable[[int], SimOptions]:
    """Continuous batching, where a TTFT is mostly the reading of a prompt."""
    return lambda seed: SimOptions(
        mode="realistic", step_per_prefill_token=step_per_prefill_token, prefix_caching=False, seed=seed
    )


SHORT: Final = {"kind": "synthetic", "input_tokens": 64, "output_tokens": 16}
LONG: Final = {"kind": "synthetic", "input_tokens": 1024, "output_tokens": 8}

CASES: Final = {
    "scripted": Case(
        scripted(0.05),
        scripted(0.056),  # 10 % of the median, 60 ms
        {"load": {"rate": "40/s", "arrivals": "poisson"}, "duration": "8s", "prompts": SHORT},
    ),
    "closed": Case(scripted(0.05), scripted(0.056), {"load": {"concurrency": 5}, "duration": "8s", "prompts": SHORT}),
    "realistic": Case(
        realistic(0.00004),
        realistic(0.0000449),  # about 10 % of the median, 49 ms
        {"load": {"rate": "4/s", "arrivals": "poisson"}, "duration": "30s", "prompts": LONG},
    ),
}


@dataclass
class Tally:
    """What came of the comparisons of one case."""

    found: int = 0
    alarms: int = 0
    changes: list[float] = field(default_factory=list)
    figures: int = 0
    sure: int = 0
    told: list[str] = field(default_factory=list)

    def slower(self, comparison: Comparison) -> None:
        """A comparison with the slower server."""
        ttft = [check for check in comparison.checks if check.outcome == "FAIL" and check.threshold.startswith("ttft")]
        self.found += bool(ttft)
        (row,) = comparison.rows
        self.changes += [one.change for one in row.changes if one.figure == "ttft.p50" and one.change is not None]
        if not ttft:
            self.told += [f"missed: {check.text}" for check in comparison.checks if check.threshold.startswith("ttft")]
            self.told += [f"missed: {remark.text}" for remark in comparison.remarks if remark.level == "WARNING"]

    def same(self, comparison: Comparison) -> None:
        """A comparison with the same server."""
        self.alarms += comparison.outcome == "FAIL"
        self.told += [f"alarm: {check.text}" for check in comparison.checks if check.outcome == "FAIL"]
        known = [one for one in comparison.rows[0].changes if one.direction is not None]
        self.figures += len(known)
        self.sure += sum(one.direction in ("better", "worse") for one in known)


def run(options: SimOptions, load: dict[str, Any], seed: int) -> Result:
    """One run; once more where swelld itself says that the machine was too busy to measure."""
    for _ in range(TRIES):
        result = once(options, load, seed)
        if all(stage.validity.valid for stage in result.stages):
            break
        print("x", end="", flush=True, file=sys.stderr)
    return result


def once(options: SimOptions, load: dict[str, Any], seed: int) -> Result:
    """One run, its load in this process."""
    with simulated(options) as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "targets": {"sim": {"url": url, "model": "sim", "metrics": "off"}},
                "scenarios": {"proof": {**load, "warmup": {"duration": "1s"}, "seed": seed}},
                "store": {"dir": Path(folder)},
                "exporters": {"files": {"enabled": False}},
                "shards": "inline",
            }
        )
        (finished,) = uvloop.run(run_scenarios(settings, ["proof"], lambda _: None, sys.argv))
        return finished.result


def proof(case: Case, first: int, pairs: int) -> Tally:
    """Three runs for each pair: a base, one of the same, one of the slower server."""
    tally = Tally()
    for number in range(first, first + pairs):
        base = run(case.server(3 * number), case.load, number)
        tally.same(compare([base, run(case.server(3 * number + 1), case.load, number)]))
        tally.slower(compare([base, run(case.slower(3 * number + 2), case.load, number)]))
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return tally


def lines(name: str, tally: Tally, pairs: int) -> Sequence[str]:
    """What is printed of a case."""
    mean = sum(tally.changes) / len(tally.changes) if tally.changes else 0.0
    share = tally.sure / max(1, tally.figures)
    return [
        f"{name}: a TTFT longer by {mean:.1%} was found in {tally.found} of {pairs} comparisons",
        f"  of {pairs} comparisons with the same server {tally.alarms} were called a regression",
        f"  of its {tally.figures} figures {tally.sure} changed for sure at 95% confidence ({share:.1%})",
        *(f"  {one}" for one in tally.told),
    ]


def main() -> int:
    """1 unless everything was found and nothing else."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/compare.py")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--first", type=int, default=0, help="number of the first pair, which is its seed")
    parser.add_argument("--only", choices=CASES, action="append", help="repeatable")
    given = parser.parse_args()
    right = True
    for name in given.only or CASES:
        tally = proof(CASES[name], given.first, given.pairs)
        print(*lines(name, tally, given.pairs), sep="\n", flush=True)
        right = right and tally.found == given.pairs and tally.alarms == 0
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
