"""`swelld demo`: the whole thing on one machine, with a simulated server; nothing is left behind."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop
from rich.console import Console

from swelld.app.daemon import Daemon
from swelld.app.logs import configure_plain
from swelld.app.scenes import Request
from swelld.app.signals import stopping
from swelld.report.progress import LiveReport
from swelld.report.tables import ResultReport
from swelld.result import Result
from swelld.settings import Settings
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

SCENARIO: Final = "demo"
CANARY: Final = "canary"
TARGET: Final = "sim"
LISTEN: Final = ("127.0.0.1", 9464)

SERVER: Final = SimOptions(mode="realistic", model="sim-8b", max_num_seqs=16, step_base=0.008)

SCENARIOS: Final[dict[str, Any]] = {
    SCENARIO: {
        "prompts": {"kind": "synthetic", "input_tokens": 64, "output_tokens": 16},
        "load": {"rate": ["15/s", "30/s", "45/s"], "arrivals": "poisson"},
        "duration": "8s",
        "warmup": {"requests": 4},
        "objectives": {"ttft": "250ms", "tpot": "25ms", "share": 0.95},
    },
    CANARY: {
        "prompts": {"kind": "inline", "prompts": ["Say one word."]},
        "load": {"rate": "1/s"},
        "duration": "1d",
        "schedule": "manual",  # begun when the scenario is over: the server's own figures would hold its requests, too
        "objectives": {"ttft": "500ms"},
    },
}


def run(listen: str | None, *, stay: bool) -> int:
    """Until Ctrl-C, or with `stay` off until the result is there.

    Without `listen` on the usual port if it is free, else on another; ValueError if it is given and cannot be had.
    """
    configure_plain("warning")
    console = Console()
    place = _free(console) if listen is None else listen
    with tempfile.TemporaryDirectory(prefix="swelld-demo-") as folder, simulated(SERVER) as url:
        console.print(f"[bold]A simulated LLM server[/] listens on {url}")
        settings = Settings.model_validate(
            {
                "targets": {TARGET: {"url": url, "model": SERVER.model}},
                "scenarios": SCENARIOS,
                "store": {"dir": Path(folder) / "results"},
                "web": {"listen": place},
            }
        )
        try:
            uvloop.run(_show(settings, console, stay=stay))
        except ValueError as error:
            raise ValueError(str(error).replace("web.listen", "--listen")) from None
    return 0


def _free(console: Console) -> str:
    """The usual place, or any free port where somebody has it."""
    host, port = LISTEN
    with socket.socket() as usual:
        usual.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            usual.bind((host, port))
        except OSError:
            console.print(f"Port {port} is taken, so another one is used (--listen HOST:PORT chooses)", highlight=False)
            return f"{host}:0"
    return f"{host}:{port}"


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
            _tell(console, urls[0])
            if stay and results and daemon.ready and daemon.scenes.ask(CANARY, Request()) != "skipped":
                console.print("A canary goes on at 1 request a second. Ctrl-C ends everything.", style="dim")
        if not stay:
            daemon.stop()
        await serving


def _both(over: asyncio.Event, daemon: Daemon) -> Callable[[bool], None]:
    def stop(force: bool) -> None:
        over.set()
        daemon.stop(force=force)

    return stop


def _tell(console: Console, url: str) -> None:
    console.print()
    console.print(f"Metrics   {url}/metrics", highlight=False)
    console.print(f"API       {url}/api/v1/runs", highlight=False)
    console.print(f"Probe     {url}/probe?target={TARGET}", highlight=False)
    console.print(f"Overview  {url}/", highlight=False)
