"""`swelld demo`: the whole thing on one machine, with a simulated server; nothing is left behind."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop
from rich.console import Console

from swelld.app.daemon import Daemon
from swelld.app.logs import configure_plain
from swelld.app.signals import stopping
from swelld.report.progress import LiveReport
from swelld.report.tables import ResultReport
from swelld.result import Result
from swelld.settings import Settings
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

SCENARIO: Final = "demo"

SERVER: Final = SimOptions(mode="realistic", model="sim-8b", max_num_seqs=16, step_base=0.008)

SCENARIOS: Final[dict[str, Any]] = {
    SCENARIO: {
        "prompts": {"kind": "synthetic", "input_tokens": 256, "output_tokens": 64},
        "load": {"rate": ["4/s", "10/s", "20/s"], "arrivals": "poisson"},
        "duration": "8s",
        "warmup": {"requests": 4},
        "objectives": {"ttft": "250ms", "tpot": "25ms", "share": 0.95},
    },
    "canary": {
        "prompts": {"kind": "inline", "prompts": ["Say one word."]},
        "load": {"rate": "1/s"},
        "schedule": "continuous",
        "objectives": {"ttft": "500ms"},
    },
}


def run(listen: str, *, stay: bool) -> int:
    """Until Ctrl-C, or with `stay` off until the result is there."""
    configure_plain("warning")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="swelld-demo-") as folder, simulated(SERVER) as url:
        console.print(f"[bold]A simulated LLM server[/] listens on {url}")
        settings = Settings.model_validate(
            {
                "targets": {"sim": {"url": url, "model": SERVER.model}},
                "scenarios": SCENARIOS,
                "store": {"dir": Path(folder) / "results"},
                "web": {"listen": listen},
            }
        )
        uvloop.run(_show(settings, console, stay=stay))
    return 0


async def _show(settings: Settings, console: Console, *, stay: bool) -> None:
    over = asyncio.Event()
    results: list[Result] = []

    def finished(result: Result) -> None:
        if result.run.scenario == SCENARIO:
            results.append(result)
            over.set()

    daemon = Daemon(settings, sys.argv, finished)
    urls: list[str] = []
    with stopping(_both(over, daemon)):
        serving = asyncio.create_task(daemon.serve(urls.append))
        with LiveReport() as live:
            while not over.is_set() and not serving.done() and daemon.trouble(SCENARIO) is None:
                progress = daemon.progress(SCENARIO)
                if progress is not None and progress.state != "pending":
                    live.update(progress)
                await asyncio.sleep(0.2)
        if results:
            console.print(ResultReport(results[0]))
        if urls:
            _tell(console, urls[0], stay=stay)
        if not stay:
            daemon.stop()
        await serving


def _both(over: asyncio.Event, daemon: Daemon) -> Callable[[bool], None]:
    def stop(force: bool) -> None:
        over.set()
        daemon.stop(force=force)

    return stop


def _tell(console: Console, url: str, *, stay: bool) -> None:
    console.print()
    console.print(f"Metrics   {url}/metrics", highlight=False)
    console.print(f"API       {url}/api/v1/runs", highlight=False)
    console.print(f"Overview  {url}/", highlight=False)
    if stay:
        console.print("A canary goes on at 1 request a second. Ctrl-C ends everything.", style="dim")
