"""From rows to one table: medians, Markdown, the verdict on what must be reached."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from loads import MUST, Load

Row = Mapping[str, Any]
BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"

COLUMNS: Final = (
    "client",
    "version",
    "TTFT p50 ms",
    "TTFT p99 ms",
    "ITL p50 ms",
    "ITL p99 ms",
    "CPU us/token",
    "memory MB",
    "streams",
    "tokens/s",
    "server late p99 ms",
)


def medians(rows: Sequence[Row]) -> dict[str, Any]:
    """One row for several runs: the median of every figure; what is no number is taken from the last run.

    Truth values are the exception: a run is valid only if every run was.
    """
    merged: dict[str, Any] = dict(rows[-1])
    for name in {name for row in rows for name in row}:
        values = [row[name] for row in rows if row.get(name) is not None]
        if values and all(isinstance(value, bool) for value in values):
            merged[name] = all(values)
        elif values and all(isinstance(value, int | float) for value in values):
            merged[name] = statistics.median(values)
    for name in ("ttft_p50", "ttft_p99", "itl_p50", "itl_p99"):
        errors = [abs(row[f"{name}_error"]) for row in rows if row.get(f"{name}_error") is not None]
        if errors:
            merged[f"{name}_error"] = statistics.median(errors)
    merged["runs"] = len(rows)
    return merged


def _time(row: Row, name: str) -> str:
    """Reported / true (error), in milliseconds."""
    reported, true, error = (row.get(key) for key in (name, f"true_{name}", f"{name}_error"))
    said = "-" if reported is None else f"{reported * 1e3:.4g}"
    was = "-" if true is None else f"{true * 1e3:.4g}"
    return f"{said} / {was}" + ("" if error is None else f" ({error * 1e3:.2g})")


def _number(row: Row, name: str, scale: float, digits: str = ".1f") -> str:
    value = row.get(name)
    return "-" if value is None else f"{value * scale:{digits}}"


def cells(row: Row) -> list[str]:
    """One line of the table."""
    offered = row["offered_requests"]
    rate = row.get("request_rate")
    share = "" if rate is None or not offered or offered > 1e6 else f" ({rate / offered:.0%})"
    streams = "-"
    if row.get("streams_peak") is not None:
        streams = f"{row['streams_mean']:.0f}, peak {row['streams_peak']:.0f}"
    return [
        *(str(row["client"]), str(row["version"])),
        *(_time(row, name) for name in ("ttft_p50", "ttft_p99", "itl_p50", "itl_p99")),
        _number(row, "cpu_per_token", 1e6),
        _number(row, "memory", 1e-6, ".0f"),
        streams,
        _number(row, "token_rate", 1, ",.0f") + share,
        _number(row, "true_lateness_p99", 1e3, ".2f"),
    ]


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose columns line up in a terminal, too."""
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
    rows = [header, ["-" * width for width in widths], *lines]
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def section(load: Load, rows: Sequence[Row], missing: Mapping[str, str]) -> str:
    """One load: its table, what could not run, and what must be reached."""
    lines = [cells(row) for row in rows]
    text = [f"### {load.title}", ""]
    if lines:
        text += [markdown(COLUMNS, lines), ""]
    for row in rows:
        text += [f"- {fact}" for fact in _facts(row)]
    text += [f"- {name}: not available: {reason}" for name, reason in missing.items()]
    for row in rows:
        if row["client"].startswith("swelld"):
            text += [f"- {row['client']}: {line}" for line in judged(load.name, row)]
    return "\n".join(text) + "\n"


def judged(load: str, row: Row) -> list[str]:
    """Each thing that must be reached, with met or NOT met."""
    found = []
    for must in MUST.get(load, ()):
        sentence, met = must.judge(row)
        found.append(f"{sentence}: " + {True: "met", False: "**NOT met**", None: "unknown"}[met])
    return found


def _facts(row: Row) -> list[str]:
    name, found = row["client"], []
    if row["load"] in ("open", "million"):
        found.append(
            f"{name}: {row['requests']:,.0f} requests, {row['cpu_per_request'] * 1e6:.0f} us of CPU each, "
            f"{row.get('request_rate') or 0:,.0f} a second"
        )
    if row["load"] == "bill":
        found.append(
            f"{name}: {row['cpu_seconds']:.2f} CPU seconds with start-up and report, {row['wall']:.1f} s, first "
            f"request after {_number(row, 'first_request_after', 1, '.2f')} s, {row['tokens']:,.0f} tokens"
        )
    if row["load"] == "10000" and row.get("memory"):
        found.append(f"{name}: {row['memory'] / row['streams'] / 1024:.1f} KiB a stream, interpreters and all")
    if name.startswith("swelld") and (parts := row.get("cpu_parts")):
        whole = sum(parts.values())
        shares = ", ".join(f"{part} {seconds / whole:.0%}" for part, seconds in parts.items())
        found.append(f"{name}: its CPU, start-up included: {shares}")
    if row.get("aborted"):
        found.append(f"{name}: broke off {row['aborted']:,.0f} answers")
    if row.get("failed"):
        found.append(f"{name}: {row['failed']:,.0f} requests failed by its own count")
    if row.get("valid") is False:
        found.append(f"{name}: says itself that it cannot be trusted here: {'; '.join(row.get('reasons') or [])}")
    if row.get("scrape_seconds_max") is not None:
        found.append(f"{name}: {row['scrapes']:.0f} scrapes, the slowest took {row['scrape_seconds_max'] * 1e3:.0f} ms")
    return found


def write_between_marks(page: Path, text: str) -> None:
    """Replace the generated part of a page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} ... {END}: put both into it")
    page.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", encoding="utf-8")
