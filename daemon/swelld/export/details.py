"""What only some runs have, as tables that every document shows: levels of a search, contention, sessions, GPUs."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from swelld.analysis.measures import MEASURES
from swelld.analysis.turns import cached_share, turn_name
from swelld.export.overview import Kind, ordered, written
from swelld.report.compare import figure_name
from swelld.report.course import level
from swelld.report.gpu import gpu_efficiency
from swelld.report.search import level_notes
from swelld.report.server import server_notes
from swelld.report.sessions import sessions_line
from swelld.result import Result, SearchLevel, ServerLevel, StageResult

Cell = tuple[Kind, Any]
"""How a value is written, and the value."""


class Table(NamedTuple):
    """A table with a title of its own; figures are plain numbers, seconds and shares."""

    title: str
    heads: tuple[str, ...]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()
    """Sentences that belong to it."""

    @property
    def left(self) -> int:
        """How many columns of text come before the figures."""
        kinds = [kind for kind, _ in self.rows[0]]
        return next((place for place, kind in enumerate(kinds) if kind != "text"), len(kinds))

    def texts(self) -> list[list[str]]:
        """The rows as people read them."""
        return [[written(kind, value) for kind, value in row] for row in self.rows]


def details(result: Result) -> list[Table]:
    """Those that have a row."""
    found = (
        _search(result), _contention(result), _sessions(result), _course(result), _withheld(result), _phases(result),
        _checks(result), _costs(result), _servers(result), _crosscheck(result), _gpus(result),
    )  # fmt: skip
    return [table for table in found if table.rows]


LOSS: Final = (
    "The loss is how much worse a target was beside the others: a part of the time or of the throughput that it had "
    "alone, and of shares the difference. Below 0 it was better."
)
SEARCH: Final = "Levels of the search"
CONTENTION: Final = "Contention"
SESSIONS: Final = "Sessions"


def _search(result: Result) -> Table:
    """Every level that was tried, by rising load: again under its own name where it was measured again."""
    found = result.search
    if found is None:
        return Table(SEARCH, (), [])
    heads = ("stage", "objective", "remark", "users" if found.kind == "concurrency" else "requests/s", "good", "of",
             "share", "at least", "at most", "decided after")  # fmt: skip
    rows: list[list[Cell]] = [
        [("text", one.stage), ("text", decided(one)), ("text", _remark(one)), ("whole", one.level),
         ("count", one.good), ("count", one.total), ("share", one.good / one.total if one.total else None),
         ("share", one.low), ("share", one.high), ("seconds", one.seconds)]
        for one in sorted(found.levels, key=lambda level: level.level)
    ]  # fmt: skip
    share, confidence = f"{100 * found.share:g}%", f"{100 * found.confidence:g}%"
    notes = (
        f"Asked for: {share} good requests. With {confidence} confidence their share is at least and at most so much.",
        "Taken over: measured by an earlier run of this search. Cut short: it was clear before the end.",
    )
    return Table(SEARCH, heads, rows, notes)


def decided(level: SearchLevel) -> str:
    """Whether it met the objective; `in doubt` where nothing can be said."""
    if level.accepted is None:
        return "in doubt"
    return ("met" if level.accepted else "missed") + ("" if level.sure else ", not for sure")


def _remark(level: SearchLevel) -> str | None:
    notes = level_notes(level)
    if level.accepted and level.doubted:
        notes.append("the load generator was the bottleneck")
    return "; ".join(notes) or None


def _contention(result: Result) -> Table:
    heads = ("stage", "target", "figure", "alone", "together", "loss", "at least", "at most", "load generator kept up")
    rows: list[list[Cell]] = []
    for one in result.contention or ():
        for name, figure in one.figures.items():
            kind = MEASURES[name].kind
            loss: Kind = "points" if kind == "share" else "change"
            rows.append([
                ("text", one.stage), ("text", one.target), ("text", figure_name(name)),
                (kind, figure.alone), (kind, figure.together),
                (loss, figure.loss), (loss, figure.low), (loss, figure.high), ("yes", one.valid),
            ])  # fmt: skip
    return Table(CONTENTION, heads, rows, (LOSS, "With 95% confidence it is at least and at most so much."))


def _sessions(result: Result) -> Table:
    heads = ("stage", "target", "turn", "requests", "ok", "TTFT p50", "TTFT p95", "E2E p50", "E2E p95",
             "input tokens", "cached")  # fmt: skip
    rows: list[list[Cell]] = []
    notes = []
    for stage in ordered(result):
        if stage.sessions is None:
            continue
        notes.append(f"{stage.stage} {stage.target}: {sessions_line(stage.sessions)}")
        rows += [
            [
                *_place(stage), ("text", turn_name(turn)), ("count", turn.requests), ("count", turn.ok),
                ("seconds", turn.ttft.p50), ("seconds", turn.ttft.p95),
                ("seconds", turn.e2e.p50), ("seconds", turn.e2e.p95),
                ("tokens", turn.input_tokens.mean), ("share", cached_share(turn)),
            ]
            for turn in stage.sessions.turns
        ]  # fmt: skip
    return Table(SESSIONS, heads, rows, tuple(notes))


def _course(result: Result) -> Table:
    rows: list[list[Cell]] = [
        [*_place(stage), ("text", level(change)), ("seconds", change.at)]
        for stage in ordered(result)
        for change in stage.changes
    ]
    return Table("Changes of the load while it went on", ("stage", "target", "to", "after"), rows)


def _withheld(result: Result) -> Table:
    rows: list[list[Cell]] = [
        [*_place(stage), ("text", reason), ("count", count)]
        for stage in ordered(result)
        for reason, count in stage.withheld.items()
    ]
    return Table("Arrivals that were not sent", ("stage", "target", "why", "arrivals"), rows)


def _phases(result: Result) -> Table:
    """Of those that were asked for their steady part."""
    rows: list[list[Cell]] = [
        [*_place(stage), ("text", phases.used), ("text", phases.note), ("seconds", phases.ramp_seconds),
         ("seconds", phases.steady_seconds), ("seconds", phases.drain_seconds)]
        for stage in ordered(result)
        if (phases := stage.phases).asked == "steady"
    ]  # fmt: skip
    return Table("Phases", ("stage", "target", "figures are of", "remark", "ramp", "steady", "drain"), rows)


def _checks(result: Result) -> Table:
    rows: list[list[Cell]] = [
        [*_place(stage), ("text", name), ("count", count), ("count", checks.checked),
         ("share", count / checks.checked if checks.checked else None)]
        for stage in ordered(result)
        if (checks := stage.checks) is not None
        for name, count in checks.failures.items()
    ]  # fmt: skip
    return Table("Checks of the answers", ("stage", "target", "check", "failed", "of answers", "share"), rows)


def _costs(result: Result) -> Table:
    rows: list[list[Cell]] = [
        [*_place(stage), ("text", cost.currency), ("money", cost.amount), ("money", cost.per_1000_requests),
         ("money", cost.per_million_output_tokens)]
        for stage in ordered(result)
        if (cost := stage.cost) is not None
    ]  # fmt: skip
    heads = ("stage", "target", "currency", "cost", "of 1,000 requests", "of 1M output tokens")
    return Table("Cost", heads, rows)


def _servers(result: Result) -> Table:
    heads = ("target", "engine", "waiting, mean", "max", "running, mean", "max", "KV cache, max", "prefix hits",
             "preempted", "looks")  # fmt: skip
    servers = result.server or []
    rows: list[list[Cell]] = [
        [("text", one.target), ("text", one.engine or "unknown"),
         ("rate", _of(one.requests_waiting, _mean)), ("count", _of(one.requests_waiting, _max)),
         ("rate", _of(one.requests_running, _mean)), ("count", _of(one.requests_running, _max)),
         ("share", _of(one.kv_cache_usage, _max)), ("share", one.prefix_cache_hit_ratio),
         ("count", one.preemptions), ("count", one.looks)]
        for one in servers
    ]  # fmt: skip
    return Table("The servers during the run", heads, rows, tuple(note.plain for note in server_notes(servers)))


def _of(found: ServerLevel | None, figure: Callable[[ServerLevel], float]) -> float | None:
    return None if found is None else figure(found)


def _mean(found: ServerLevel) -> float:
    return found.mean


def _max(found: ServerLevel) -> float:
    return found.max


def _crosscheck(result: Result) -> Table:
    rows: list[list[Cell]] = [
        [("text", server.target), ("text", check.figure), ("whole", check.client), ("whole", check.server),
         ("yes", check.agrees)]
        for server in result.server or ()
        for check in server.checks
    ]  # fmt: skip
    heads = ("target", "figure", "by swelld", "by the server", "agree")
    return Table("The servers' own figures", heads, rows)


def _gpus(result: Result) -> Table:
    use = result.gpu
    rows: list[list[Cell]] = [
        [("text", gpu.gpu), ("text", gpu.name), ("rate", gpu.mean_power_watts), ("share", gpu.mean_utilization),
         ("rate", None if gpu.max_memory_bytes is None else gpu.max_memory_bytes / 2**30),
         ("count", gpu.energy_joules)]
        for gpu in (use.gpus if use else ())
    ]  # fmt: skip
    heads = ("GPU", "name", "mean W", "busy", "memory at most (GiB)", "J")
    line = gpu_efficiency(use) if use else None
    return Table("GPUs of the machine that swelld ran on", heads, rows, (line,) if line else ())


def _place(stage: StageResult) -> list[Cell]:
    return [("text", stage.stage), ("text", stage.target)]
