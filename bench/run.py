"""Measures swelld and other clients against servers that know the truth. `make bench`, `make bench-quick`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also when run as a module

from clients.base import Client
from clients.ours import Aiohttp, Reader, Scraped, Swelld
from clients.peers import PEERS
from install import install
from loads import Load, loads
from measure import Meter, Overtime, Unavailable, machine
from processes import raise_file_limit
from table import medians, section, write_between_marks

HERE: Final = Path(__file__).resolve().parent
PAGE: Final = HERE.parent / "docs" / "performance.md"
OURS: Final = ("swelld", "swelld, scraped")
LIMITS: Final = ("C reader", "aiohttp")


def clients() -> dict[str, Client]:
    """Every client by name."""
    return {client.name: client for client in (Swelld(), Scraped(), Reader(), Aiohttp(), *PEERS)}


def main() -> None:
    """Arguments, then measure or write."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/run.py")
    parser.add_argument("--quick", action="store_true", help="swelld, C reader and aiohttp, 100 and 500 streams, 5 s")
    parser.add_argument("--only", help="these loads, comma-separated: " + ", ".join(loads(quick=False, seconds=1)))
    parser.add_argument("--clients", help="these clients, comma-separated: " + "; ".join(clients()).replace(", ", "+"))
    parser.add_argument("--runs", type=int, help="of each; the median counts (default 3, with --quick 1)")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the closed loops (default 15)")
    parser.add_argument("--server", choices=("c", "sim"), default="c", help="C server (default) or `swelld sim`")
    parser.add_argument("--install", metavar="NAMES", help="install other clients, comma-separated or `all`, and stop")
    parser.add_argument("--keep", type=Path, help="keep what the clients wrote in this folder")
    parser.add_argument("--page", action="store_true", help=f"write the tables into {PAGE.name}")
    parser.add_argument("--from", dest="results", nargs="+", type=Path, help="measure nothing: tables of these results")
    arguments = parser.parse_args()
    if arguments.install:
        install(arguments.install)
        return
    if arguments.results:
        document = merged([json.loads(path.read_text()) for path in arguments.results])
    else:
        document = measured(arguments)
        save(document)
    text = report(document)
    print("\n" + text)
    if arguments.page:
        write_between_marks(PAGE, text)


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for."""
    files = raise_file_limit()
    all_loads = loads(quick=arguments.quick, seconds=arguments.seconds)
    wanted = [all_loads[name] for name in chosen(arguments.only, list(all_loads))]
    everyone = clients()
    names = chosen((arguments.clients or "").replace("+", ", "), list(everyone), separator=";" if ";" in (arguments.clients or "") else ",")
    if arguments.quick and not arguments.clients:
        names = ["swelld", *LIMITS]
    meter = Meter(arguments.server, arguments.keep)
    document: dict[str, Any] = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": "bench/run.py " + " ".join(sys.argv[1:]),
        "machine": machine() | {"open files": str(files)},
        "seconds": arguments.seconds,
        "quick": arguments.quick,
        "rows": [],
        "missing": {},
    }
    runs = arguments.runs or (1 if arguments.quick else 3)
    for load in wanted:
        for run in range(min(runs, load.most_runs)):  # in turns, so that a slow minute strikes all alike
            for name in names:
                if load.everyone or name in OURS:
                    attempt(meter, everyone[name], load, run, document)
    return document


def attempt(meter: Meter, client: Client, load: Load, run: int, document: dict[str, Any]) -> None:
    """One run of one client; why it could not be goes into the document."""
    missing = document["missing"].setdefault(load.name, {})
    if client.name in missing:
        return
    begun = time.monotonic()
    try:
        row = meter.row(client, load)
    except (Unavailable, Overtime, OSError) as error:
        missing[client.name] = str(error)
        print(f"{load.name:>7}  {client.name:<16} not available: {error}", flush=True)
        return
    document["rows"].append(row | {"run": run})
    brief = " ".join(
        f"{name}={row[name] * scale:.4g}"
        for name, scale in (("ttft_p50", 1e3), ("ttft_p50_error", 1e3), ("ttft_p99_error", 1e3), ("cpu_per_token", 1e6))
        if row.get(name) is not None
    )
    print(f"{load.name:>7}  {client.name:<16} {brief}  ({time.monotonic() - begun:.0f} s)", flush=True)


def chosen(given: str | None, known: Sequence[str], separator: str = ",") -> list[str]:
    """The names that were asked for, all if none were."""
    names = [name.strip() for name in (given or "").split(separator) if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench: {', '.join(unknown)}: not known; there are {', '.join(known)}")
    return [name for name in known if name in names] if names else list(known)
