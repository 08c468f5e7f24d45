"""swelld as a user runs it, and two clients of our own: the C reader as the limit, aiohttp as the usual way."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

import aiohttp
from loads import Load
from native import Unavailable, program
from processes import Spent

import swelld
from clients.base import PROMPT_TOKENS, Ask, Command, Figures, Plain, picked

HERE: Final = Path(__file__).parent


def _document(load: Load, url: str) -> dict[str, Any]:
    """The load as a swelld configuration (JSON is YAML)."""
    scenario: dict[str, Any] = {
        "load": {"rate": load.rate} if load.rate else {"concurrency": load.streams, "ramp_up": load.ramp},
        "prompts": {"kind": "synthetic", "input_tokens": PROMPT_TOKENS, "output_tokens": load.tokens},
    }
    if load.seconds:
        scenario["duration"] = load.seconds
    if load.requests:
        scenario["requests"] = load.requests
    if load.warmup:
        scenario["warmup"] = {"duration": load.warmup}
    return {
        "target": {"url": url, "model": "sim"},
        "scenario": scenario,
        "exporters": {"files": {"enabled": False}},
    }


def _figures(result: dict[str, Any]) -> Figures:
    stage = result["stages"][0]
    requests, validity = stage["requests"], stage["validity"]
    return {
        **picked(stage["ttft"], "ttft"),
        **picked(stage["itl"], "itl"),
        "lag_p99": stage["lag"]["p99"],
        "scheduled": requests["scheduled"],
        "ok": requests["ok"],
        "failed": requests["failed"] + requests["dropped"],
        "valid": validity["valid"],
        "reasons": validity["reasons"],
        "loop_lag_p99": validity["event_loop_lag"]["p99"],
        "cpu_share": validity["cpu_share"],
    }


class Swelld(Plain):
    """`swelld run` with flags alone; with a file where there is no flag for it."""

    name = "swelld"

    def version(self) -> str:
        return swelld.__version__

    def command(self, ask: Ask) -> Command:
        load = ask.load
        words = [str(Path(sys.executable).parent / "swelld"), "run", "--no-save", "-o", str(ask.folder / "result.json")]
        if load.warmup:
            file = ask.folder / "swelld.yaml"
            file.write_text(json.dumps(_document(load, ask.server.url)))
            return Command([*words, "-c", str(file)])
        words += ["--server", ask.server.url, "--model", "sim"]
        words += ["--input-len", str(PROMPT_TOKENS), "--output-len", str(load.tokens)]
        words += ["--qps", str(load.rate)] if load.rate else ["--concurrency", str(load.streams)]
        if load.seconds:
            words += ["--duration", f"{load.seconds:g}s"]
        if load.requests:
            words += ["-n", str(load.requests)]
        return Command(words)

    def read(self, ask: Ask, log: Path) -> Figures:
        return _figures(json.loads((ask.folder / "result.json").read_text()))


class Scraped(Plain):
    """The same load from `swelld daemon`, while something reads /metrics every second."""

    name = "swelld-scraped"
    differs = "`swelld daemon` with one scenario; /metrics is read once a second"

    def __init__(self) -> None:
        self._url = ""
        self._scraped = 0.0
        self._over = False
        self._took: list[float] = []

    def version(self) -> str:
        return swelld.__version__

    def command(self, ask: Ask) -> Command:
        self._url, self._scraped, self._over, self._took = "", 0.0, False, []
        file = ask.folder / "swelld.yaml"
        document = _document(ask.load, ask.server.url) | {"web": {"listen": "127.0.0.1:0"}}
        document["scenario"]["schedule"] = "at_start"
        document["exporters"] |= self._exporters()
        file.write_text(json.dumps(document))
        return Command([str(Path(sys.executable).parent / "swelld"), "daemon", str(file)])

    def _exporters(self) -> dict[str, Any]:
        """What else it does with what it measures."""
        return {}

    def alongside(self, ask: Ask, pid: int, spent: Spent) -> None:
        if not self._url:
            found = re.search(r"http://127\.0\.0\.1:\d+", (ask.folder / "log").read_text(errors="replace"))
            self._url = found.group() if found else ""
            return
        if self._over or time.monotonic() - self._scraped < 0.9:
            return
        self._scraped = time.monotonic()
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=10) as answer:
            size = len(answer.read())
        self._took.append(time.monotonic() - self._scraped)
        spent.notes["metrics_bytes"] = size
        least = ask.load.warmup + (ask.load.seconds or 0)
        if time.time() - spent.started > least:
            self._finish(ask, pid)

    def _finish(self, ask: Ask, pid: int) -> None:
        """Once there is a result, keep it and end the daemon."""
        with urllib.request.urlopen(f"{self._url}/api/v1/runs", timeout=10) as answer:
            runs = json.load(answer)["runs"]
        if not runs:
            return
        with urllib.request.urlopen(f"{self._url}/api/v1/runs/{runs[0]['id']}", timeout=10) as answer:
            found = json.load(answer)
        if found["run"]["state"] != "completed" or not found["result"]:
            return
        (ask.folder / "result.json").write_text(json.dumps(found["result"]))
        self._over = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def read(self, ask: Ask, log: Path) -> Figures:
        scrapes = {"scrapes": len(self._took), "scrape_seconds_max": max(self._took, default=None)}
        return _figures(json.loads((ask.folder / "result.json").read_text())) | scrapes


class Unheard(Scraped):
    """The same, with traces, OTLP metrics and pushes for somebody who takes connections and never answers."""

    name = "swelld-unheard"
    differs = (
        "the same, and every exchange traced, OTLP metrics and a push each second, all to a receiver that takes the "
        "connection and never answers"
    )

    def __init__(self) -> None:
        super().__init__()
        self._dead = socket.create_server(("127.0.0.1", 0), backlog=1000)

    def _exporters(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._dead.getsockname()[1]}"
        return {
            "otlp": {
                "enabled": True,
                "endpoint": url,
                "sample_ratio": 1.0,
                "max_spans_per_second": 100_000,
                "metrics": {"enabled": True, "interval": 1.0},
            },
            "pushgateway": {"url": url, "on": "both", "interval": 1.0},
        }


class Reader(Plain):
    """The least a client can do, in C."""

    name = "c-reader"
    differs = "the limit: one thread of C, counts `data:` marks, parses nothing"

    def version(self) -> str:
        program("reader")
        return "-"

    def command(self, ask: Ask) -> Command:
        return Command([str(program("reader")), *_closed_arguments(ask)])

    def read(self, ask: Ask, log: Path) -> Figures:
        return _line(log)


class Aiohttp(Plain):
    """What most tools do: aiohttp, `iter_any`, JSON for each event, asyncio's own loop."""

    name = "aiohttp"
    differs = "a short script of ours: `iter_any`, `json.loads` for each event, asyncio's own loop"

    def version(self) -> str:
        return aiohttp.__version__

    def command(self, ask: Ask) -> Command:
        return Command([sys.executable, str(HERE / "aiohttp_client.py"), *_closed_arguments(ask)])

    def read(self, ask: Ask, log: Path) -> Figures:
        return _line(log)


def _closed_arguments(ask: Ask) -> list[str]:
    load = ask.load
    if load.rate:
        raise Unavailable("closed loop only")
    seconds = load.seconds or 3600.0
    return [ask.port, str(load.streams), str(seconds), str(load.requests or 0), str(ask.body())]


def _line(log: Path) -> Figures:
    """The JSON line that our own clients print last."""
    line = json.loads(log.read_text().strip().splitlines()[-1])
    return {**picked(line["ttft"], "ttft"), **picked(line["itl"], "itl"), "ok": line["requests"], "failed": 0}
