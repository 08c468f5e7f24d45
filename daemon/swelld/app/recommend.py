"""`swelld recommend`: measures what one replica carries, and says how many a peak needs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from swelld.analysis.question import Question
from swelld.analysis.recommendation import Recommendation, Wish, recommend
from swelld.app.flags import SCENARIO, FlagError, Flags, as_tree
from swelld.settings import Settings, load_settings
from swelld.settings.tree import Path as Keys
from swelld.store.files import claim, replace
from swelld.store.results import check_output

UNSUPPORTED: Final = 3
"""Exit code where the measurement does not support an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks besides the server, in its units: milliseconds, percent, and text for other times."""

    peak: int
    ttft: float | None = None
    tpot: float | None = None
    e2e: float | None = None
    goodput: float = 95.0
    headroom: float = 20.0
    steps: str | None = None
    num_requests: int = 100
    precision: float = 5.0
    at_most: str | None = None
    gpus_per_replica: int | None = None
    gpu_price: float | None = None


def run(flags: Flags, asked: Asked, output: Path | None, *, save: bool = True) -> int:
    """Measure, print the recommendation, write it; 3 if the measurement does not support an answer."""
    import uvloop
    from rich.console import Console

    from swelld.app.commands import tell_where, warn_of_proxies
    from swelld.app.logs import configure_plain
    from swelld.app.once import run_scenarios
    from swelld.report.progress import LiveReport
    from swelld.report.recommendation import RecommendationReport

    if output is not None:
        check_output(output)
    question = question_of(asked)
    wish = wish_of(question)
    settings = settings_of(flags, asked, question, save=save)
    configure_plain("warning" if settings.log.level == "info" else settings.log.level)
    warn_of_proxies()
    with LiveReport() as live:
        (finished,) = uvloop.run(run_scenarios(settings, [SCENARIO], live.update, sys.argv))
    made = recommend(finished.result, wish)
    console = Console()
    console.print(RecommendationReport(made))
    tell_where(console, finished)
    if output is not None:
        print(f"Recommendation in {write(output, made)}")
    return 0 if made.answered else UNSUPPORTED


def question_of(asked: Asked) -> Question:
    """In seconds and shares; FlagError names what cannot be asked."""
    for flag, percent, most in (("goodput-target", asked.goodput, 100.0), ("headroom", asked.headroom, 1000.0)):
        if not 0 <= percent <= most or (flag == "goodput-target" and not percent):
            raise FlagError(f"--{flag} {percent:g}: write percent, up to {most:g}")
    if asked.peak < 1:
        raise FlagError(f"--peak-concurrency {asked.peak}: write the number of users at a time, at least 1")
    if asked.gpu_price is not None and asked.gpu_price < 0:
        raise FlagError(f"--gpu-price {asked.gpu_price:g}: write the price of a GPU and hour, e.g. 2.5")
    question = Question(
        peak_concurrency=asked.peak,
        headroom=asked.headroom / 100,
        ttft_target=_seconds(asked.ttft),
        tpot_target=_seconds(asked.tpot),
        e2e_target=_seconds(asked.e2e),
        goodput_target=asked.goodput / 100,
        num_requests=asked.num_requests,
        precision=asked.precision / 100,
        gpus_per_replica=asked.gpus_per_replica,
        gpu_price=asked.gpu_price,
    )
    if not question.thresholds():
        raise FlagError("no target: give --ttft-target, --tpot-target or --e2e-target in ms")
    return question


def wish_of(question: Question) -> Wish:
    """What is to be served; the GPUs of this machine are taken for those of a replica if nothing else is said."""
    wish = question.wish(_gpus() if question.gpus_per_replica is None else ())
    if wish.gpus_per_replica is None and wish.gpu_price is not None:
        raise FlagError(
            "--gpu-price: there is no GPU to be seen here; say how many a replica has: --gpus-per-replica N"
        )
    return wish


def settings_of(flags: Flags, asked: Asked, question: Question, *, save: bool) -> Settings:
    """Those of the scenario that the question takes."""
    tree = as_tree(flags, alone=True)
    scenario = tree.data["scenarios"][SCENARIO]
    scenario |= question.scenario()
    search = scenario["load"]["search"]
    of = ("scenarios", SCENARIO)
    at = (*of, "load", "search")
    if asked.steps is not None:
        search["levels"] = asked.steps
    if asked.at_most is not None:
        search["at_most"]["duration"] = asked.at_most
    flag_of: dict[Keys, str] = {
        (*of, "requests"): "--num-requests",
        (*at, "levels"): "--concurrency-steps",
        (*at, "precision"): "--precision",
        (*at, "at_most", "duration"): "--at-most",
    }
    tree.places.update(flag_of)
    tree.places.update({(*of, "objectives", name): f"--{name}-target" for name in question.thresholds()})
    if not save:
        tree.data.setdefault("exporters", {})["files"] = {"enabled": False}
    return load_settings(None, os.environ, tree)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def write(path: Path, made: Recommendation) -> Path:
    """As JSON, to this file, or beside it if someone has taken the name since."""
    free = claim(path)
    replace(free, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return free


def _gpus() -> list[str]:
    """Names of the GPUs of this machine."""
    from swelld_exporters.nvml.session import Session

    session = Session()
    reading = session.read()
    session.close()
    return [gpu.name for gpu in reading.gpus]
