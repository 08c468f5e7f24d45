"""`swelld recommend`: measures what one replica carries, and says how many a peak needs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from swelld.analysis.recommendation import Recommendation, Wish, needed_users, recommend
from swelld.app.flags import SCENARIO, FlagError, Flags, as_tree
from swelld.settings import Settings, load_settings
from swelld.store.files import claim, replace
from swelld.store.results import check_output

UNSUPPORTED: Final = 3
"""Exit code where the measurement does not support an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked besides the server: times in milliseconds, shares in percent, as on the command line."""

    peak: int
    ttft: float | None = None
    tpot: float | None = None
    e2e: float | None = None
    goodput: float = 95.0
    headroom: float = 20.0
    steps: str | None = None
    precision: float = 5.0
    at_most: str | None = None
    gpus_per_replica: int | None = None
    gpu_price: float | None = None


def run(flags: Flags, question: Question, output: Path | None, *, save: bool = True) -> int:
    """Measure, print the recommendation, write it; 3 if the measurement does not support an answer."""
    import uvloop
    from rich.console import Console

    from swelld.app.commands import warn_of_proxies
    from swelld.app.logs import configure_plain
    from swelld.app.once import run_scenarios
    from swelld.report.progress import LiveReport
    from swelld.report.recommendation import RecommendationReport

    if output is not None:
        check_output(output)
    wish = wish_of(question)
    settings = settings_of(flags, question, wish, save=save)
    configure_plain("warning" if settings.log.level == "info" else settings.log.level)
    warn_of_proxies()
    with LiveReport() as live:
        (finished,) = uvloop.run(run_scenarios(settings, [SCENARIO], live.update, sys.argv))
    made = recommend(finished.result, wish)
    console = Console()
    console.print(RecommendationReport(made))
    if finished.path is not None:
        console.print(f"\nKept in {finished.path}", style="dim", highlight=False)
    if output is not None:
        print(f"Recommendation in {write(output, made)}")
    return 0 if made.answered else UNSUPPORTED


def wish_of(question: Question) -> Wish:
    """What is to be served; the GPUs of this machine are taken for those of a replica if nothing else is said."""
    for flag, percent, most in (("goodput-target", question.goodput, 100.0), ("headroom", question.headroom, 1000.0)):
        if not 0 <= percent <= most or (flag == "goodput-target" and not percent):
            raise FlagError(f"--{flag} {percent:g}: write percent, up to {most:g}")
    if question.peak < 1:
        raise FlagError(f"--peak-concurrency {question.peak}: write the number of users at a time, at least 1")
    if question.gpu_price is not None and question.gpu_price < 0:
        raise FlagError(f"--gpu-price {question.gpu_price:g}: write the price of a GPU and hour, e.g. 2.5")
    name, count = _gpus() if question.gpus_per_replica is None else (None, question.gpus_per_replica)
    if count is None and question.gpu_price is not None:
        raise FlagError(
            "--gpu-price: there is no GPU to be seen here; say how many a replica has: --gpus-per-replica N"
        )
    return Wish(
        peak=question.peak,
        headroom=question.headroom / 100,
        gpus_per_replica=count,
        gpu_name=name,
        gpu_price=question.gpu_price,
    )


def settings_of(flags: Flags, question: Question, wish: Wish, *, save: bool) -> Settings:
    """A scenario that searches for the concurrency of one replica, no higher than is needed in all."""
    if question.ttft is None and question.tpot is None and question.e2e is None:
        raise FlagError("no target: give --ttft-target, --tpot-target or --e2e-target in ms")
    tree = as_tree(flags, alone=True)
    scenario = tree.data["scenarios"][SCENARIO]
    search: dict[str, Any] = {
        "kind": "concurrency",
        "max": needed_users(wish),
        "precision": question.precision / 100,
    }
    if question.steps is not None:
        search["levels"] = question.steps
        tree.places["scenarios", SCENARIO, "load", "search", "levels"] = "--concurrency-steps"
    if question.at_most is not None:
        search["at_most"] = {"duration": question.at_most}
        tree.places["scenarios", SCENARIO, "load", "search", "at_most", "duration"] = "--at-most"
    scenario["load"] = {"search": search}
    targets = {"ttft": question.ttft, "tpot": question.tpot, "e2e": question.e2e}
    scenario["objectives"] = {name: f"{value:g}ms" for name, value in targets.items() if value is not None}
    scenario["objectives"]["share"] = question.goodput / 100
    if not save:
        tree.data.setdefault("exporters", {})["files"] = {"enabled": False}
    return load_settings(None, os.environ, tree)


def write(path: Path, made: Recommendation) -> Path:
    """As JSON, to this file, or beside it if someone has taken the name since."""
    free = claim(path)
    replace(free, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return free


def _gpus() -> tuple[str | None, int | None]:
    """(name, number) of the GPUs of this machine; (None, None) without any."""
    from swelld_exporters.nvml.session import Session

    session = Session()
    reading = session.read()
    session.close()
    if not reading.gpus:
        return None, None
    return ", ".join(dict.fromkeys(gpu.name for gpu in reading.gpus)), len(reading.gpus)
