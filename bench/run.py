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
from clients.ours import Aiohttp, Reader, Scraped, Swelld, Unheard
from clients.peers import PEERS
from install import install
from loads import Load, loads
from measure import Meter, Overtime, Unavailable, machine
from processes import raise_file_limit
from table import medians, section, write_between_marks

HERE: Final = Path(__file__).resolve().parent
PAGE: Final = HERE.parent / "docs" / "performance.md"
OURS: Final = ("swelld", "swelld-scraped", "swelld-unheard")
QUICK: Final = ("swelld", "c-reader", "aiohttp")

HOW: Final = (
    """
client and server share the machine; each run has a fresh server, and clients take turns; the table holds the median of
 the runs, of errors the median of their sizes
reported / true (error) in ms: what the client says, what the server did, the difference of these two. True TTFT is from
 the kernel's stamp of the request's arrival to the write of the first token, true ITL is between writes
server late: write - schedule at the server; it is part of what is true
CPU per token: of all processes of the client, less what the same command costs for one request of two tokens (its
 start-up, measured anew for each run), over the tokens that the server sent
memory: the largest sum of the proportional set sizes (PSS) of all processes of the client, looked at twice a second
streams: mean and peak of those open at the server; tokens/s: sent by the server, and its share of what a perfect client
 would have fetched
""".strip()
    .replace("\n ", " ")
    .splitlines()
)


def clients() -> dict[str, Client]:
    """Every client by name."""
    found: tuple[Client, ...] = (Swelld(), Scraped(), Unheard(), Reader(), Aiohttp(), *PEERS)
    return {client.name: client for client in found}


def main() -> None:
    """Arguments, then measure or write."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/run.py")
    parser.add_argument("--quick", action="store_true", help="swelld, C reader and aiohttp, 100 and 500 streams, 5 s")
    parser.add_argument("--only", help="these loads, comma-separated: " + ", ".join(loads(quick=False, seconds=1)))
    parser.add_argument("--clients", help="these clients, comma-separated: " + ", ".join(clients()))
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
    names = chosen(arguments.clients or (",".join(QUICK) if arguments.quick else None), list(everyone))
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
        row = meter.row(client, load, run)
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


def chosen(given: str | None, known: Sequence[str]) -> list[str]:
    """The names that were asked for, all if none were."""
    names = [name.strip() for name in (given or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench: {', '.join(unknown)}: not known; there are {', '.join(known)}")
    return [name for name in known if name in names] if names else list(known)


def report(document: dict[str, Any]) -> str:
    """The tables as Markdown, with everything that one needs to judge them."""
    everyone = clients()
    text = [f"Measured {document['measured']} by `{document['command'].strip()}`.", ""]
    text += [f"- {name}: {value}" for name, value in document["machine"].items()]
    text += [f"- {line}" for line in HOW]
    named = dict.fromkeys(row["client"] for row in document["rows"])
    text += [f"- {name}: {everyone[name].differs}" for name in named if name in everyone and everyone[name].differs]
    titles = loads(quick=False, seconds=document["seconds"]) | loads(quick=document["quick"], seconds=1)
    for name in dict.fromkeys([*(row["load"] for row in document["rows"]), *document["missing"]]):
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in document["rows"]:
            if row["load"] == name:
                groups.setdefault((row["client"], row["server"]), []).append(row)
        text += [
            "",
            section(titles[name], [medians(rows) for rows in groups.values()], document["missing"].get(name, {})),
        ]
    return "\n".join(text)


def merged(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several results as one: the first says where and when."""
    rows = [row for document in documents for row in document["rows"]]
    measured_pairs = {(row["load"], row["client"]) for row in rows}
    missing: dict[str, dict[str, str]] = {}
    for document in documents:
        for load, reasons in document["missing"].items():
            kept = {name: why for name, why in reasons.items() if (load, name) not in measured_pairs}
            missing.setdefault(load, {}).update(kept)
    commands = "`, `".join(document["command"].strip() for document in documents)
    return documents[0] | {"rows": rows, "missing": missing, "command": commands}


def save(document: dict[str, Any]) -> None:
    """Keep the rows below bench/results."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(document, indent=1))
    print(f"Rows in {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
