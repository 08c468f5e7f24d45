"""One client under one load against a fresh server: what it said, what was true, what it cost."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from clients.base import Ask, Client, Figures
from loads import Load
from native import Unavailable
from processes import Look, Overtime, Spent, run
from servers import Server, serving

EARLY: Final = 50_000
"""Requests after which the memory of the million is compared with that at its end."""
GRACE: Final = 120.0
"""Seconds for start-up, ramp and report before a client is ended."""


class Meter:
    """Measures clients; what their start-up costs is measured once for each run and subtracted."""

    def __init__(self, server: str, keep: Path | None = None) -> None:
        self._server = server
        self._keep = keep
        self._startup: dict[tuple[str, int], float] = {}

    def row(self, client: Client, load: Load, number: int = 0) -> dict[str, Any]:
        """Everything about one run, in seconds and bytes; raises Unavailable or Overtime."""
        startup = self._startup_cpu(client, load, number) if load.subtract_startup else 0.0
        truth, figures, spent, extra = self._run(client, load)
        tokens = truth["tokens"] + spent.notes.get("tokens_warmup", 0)
        requests = truth["requests"] + spent.notes.get("requests_warmup", 0)
        work = spent.cpu - startup
        row: dict[str, Any] = {
            "client": client.name,
            "version": client.version(),
            "load": load.name,
            "server": self._server,
            "streams": load.streams,
            "wall": spent.wall,
            "cpu_seconds": spent.cpu,
            "startup_cpu": startup,
            "cpu_parts": spent.parts,
            "cpu_per_token": work / tokens if tokens else None,
            "cpu_per_request": work / requests if requests else None,
            "memory": spent.memory,
            "offered_requests": load.offered_requests,
            **_true(truth, spent),
            **figures,
            **spent.notes,
            **extra,
        }
        return row | _errors(row)

    def _startup_cpu(self, client: Client, load: Load, number: int) -> float:
        key = (client.name, number)
        if key not in self._startup:
            single = replace(load, streams=1, rate=None, seconds=None, requests=1, tokens=2, ramp=0.0, warmup=0.0)
            self._startup[key] = self._run(client, single)[2].cpu
        return self._startup[key]

    def _run(self, client: Client, load: Load) -> tuple[dict[str, Any], Figures, Spent, dict[str, Any]]:
        folder = Path(tempfile.mkdtemp(prefix="swelld-bench-"))
        try:
            with serving(self._server, load) as server:
                ask = Ask(server, load, folder)
                watch = _Watch(client, ask)
                spent = _started(client, ask, watch)
                truth = server.truth()
                return truth, _read(client, ask, spent), spent, watch.extra(spent)
        finally:
            if self._keep:
                self._keep.mkdir(parents=True, exist_ok=True)
                shutil.copytree(folder, self._keep / f"{client.name}-{load.name}-{folder.name[-6:]}")
            shutil.rmtree(folder, ignore_errors=True)


class _Watch:
    """What is looked at while a client runs."""

    def __init__(self, client: Client, ask: Ask) -> None:
        self._client = client
        self._ask = ask
        self._early: Look | None = None
        self._reset = not ask.load.warmup
        self._peak = 0

    def __call__(self, pid: int, spent: Spent) -> None:
        self._client.alongside(self._ask, pid, spent)
        load = self._ask.load
        if (load.requests or 0) > EARLY and self._early is None:
            if self._ask.server.truth()["completed"] >= EARLY:
                self._early = spent.looks[-1]
        elif not self._reset:
            self._drop_warmup(self._ask.server, spent)

    def _drop_warmup(self, server: Server, spent: Spent) -> None:
        truth = server.truth()
        if truth.get("first_request") and spent.looks[-1].at - truth["first_request"] >= self._ask.load.warmup:
            server.reset()
            spent.notes |= {
                "first_request_after": truth["first_request"] - spent.started,
                "tokens_warmup": truth["tokens"],
                "requests_warmup": truth["requests"],
            }
            self._reset = True

    def extra(self, spent: Spent) -> dict[str, Any]:
        """Figures that only some loads have."""
        if not self._early or not spent.looks:
            return {}
        end = spent.looks[-2 if len(spent.looks) > 1 else -1]  # the very last may see processes that are ending
        return {
            "resident_early": self._early.rss,
            "resident_end": end.rss,
            "memory_growth": end.rss / self._early.rss,
        }


def _started(client: Client, ask: Ask, watch: _Watch) -> Spent:
    load = ask.load
    command = client.command(ask)
    limit = GRACE + 3 * (load.warmup + (load.seconds or load.expected_requests / min(load.offered_requests, 1000.0)))
    spent = run(
        command.words,
        ask.folder / "log",
        environment=command.environment,
        folder=ask.folder,
        limit=limit,
        looking=watch,
    )
    if spent.status and spent.status not in getattr(client, "good_statuses", ()):
        raise Unavailable(f"{client.name} ended with status {spent.status}: {_last_line(ask.folder / 'log')}")
    return spent


def _read(client: Client, ask: Ask, spent: Spent) -> Figures:
    try:
        return client.read(ask, ask.folder / "log")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise Unavailable(f"{client.name} left no report that can be read ({error!r})") from error


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"


def _true(truth: dict[str, Any], spent: Spent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tokens": truth["tokens"],
        "requests": truth["requests"],
        "completed": truth["completed"],
        "aborted": truth["aborted"],
    }
    for name in ("ttft", "itl", "lateness"):
        for quantile in ("p50", "p99"):
            found[f"true_{name}_{quantile}"] = truth[name].get(quantile)
    if "streams_peak" in truth:
        lasted = max(truth["last_done"] - truth["first_request"], 1e-9)
        found |= {
            "streams_peak": truth["streams_peak"],
            "streams_mean": truth["stream_seconds"] / lasted,
            "token_rate": truth["tokens"] / lasted,
            "request_rate": truth["completed"] / lasted,
            "first_request_after": truth["first_request"] - spent.started,
            "server_cpu_per_token": truth["cpu_seconds"] / max(truth["tokens"], 1),
        }
    return found


def _errors(row: dict[str, Any]) -> dict[str, float]:
    names = [f"{kind}_{quantile}" for kind in ("ttft", "itl") for quantile in ("p50", "p99")]
    return {
        f"{name}_error": row[name] - row[f"true_{name}"]
        for name in names
        if row.get(name) is not None and row.get(f"true_{name}") is not None
    }


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    import platform

    model = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB",
        "kernel": f"Linux {platform.release()}",
        "python": platform.python_version(),
        "load average at the start": f"{os.getloadavg()[0]:.1f}",
    }


__all__ = ["Meter", "Overtime", "Unavailable", "machine"]
