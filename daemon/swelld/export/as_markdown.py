"""A summary for a pull request: the verdict first, details folded."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from swelld.analysis import figures
from swelld.analysis.sweep import conclusions
from swelld.export.details import CONTENTION, SESSIONS, Table, details
from swelld.export.overview import (
    flat,
    folded,
    ordered,
    passed_everywhere,
    setting,
    short_columns,
    subject_name,
    tally,
    worst,
)
from swelld.export.rows import Row
from swelld.report.safety import markdown, one_line
from swelld.result import Result

MOST_STAGES: Final = 40
MOST_SETTINGS: Final = 200
"""What code hosts show of one comment ends at some 65,000 characters."""
_LONGEST: Final = 300

_OPEN: Final = (CONTENTION, SESSIONS)
"""Details that are not folded, if they are short."""
MOST_OPEN: Final = 20
_SIGNS: Final = {"FAIL": "❌ FAIL", "WARNING": "⚠️ WARNING", "PASS": "✅ PASS"}


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """GitHub-flavoured Markdown; requests are not part of it."""
    return ("\n".join(_lines(result)) + "\n").encode()


def _lines(result: Result) -> Iterator[str]:
    run = result.run
    yield f"## {_SIGNS[worst(result.verdict)]}: {markdown(run.scenario)}"
    yield ""
    took = figures.clock(run.duration_seconds)
    facts = f"Run {run.id} of {run.started}, {run.state} in {took}, seed {run.seed}, swelld {run.swelld_version}"
    yield f"{markdown(facts)}. Verdict: {tally(result.verdict) or 'no finding'}."
    yield from _findings(result)
    yield from _stages(result)
    found = conclusions(result)
    for target, lines in found:
        name = f"{markdown(target)}: " if len(found) > 1 else ""
        yield ""
        yield from (f"- {name}{markdown(line)}" for line in lines)
    tables = details(result)
    shown = [table for table in tables if table.title in _OPEN and len(table.rows) <= MOST_OPEN]
    for table in shown:
        yield from ("", f"**{table.title}**", *_detail(table))
    yield from _errors(result)
    for table in tables:
        if table not in shown:
            yield from ("", f"<details><summary>{table.title}</summary>", *_detail(table), "", "</details>")
    yield from _configuration(result)


def _detail(table: Table) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(table.heads) + " |"
    yield "| " + " | ".join("---" if n < table.left else "---:" for n in range(len(table.heads))) + " |"
    for row in table.texts()[:MOST_STAGES]:
        yield "| " + " | ".join(map(_cut, row)) + " |"
    if len(table.rows) > MOST_STAGES:
        yield from ("", f"{MOST_STAGES} of {len(table.rows)} rows are shown.")
    for note in table.notes[:MOST_STAGES]:
        yield from ("", _cut(note))


def _findings(result: Result) -> Iterator[str]:
    found = folded(result)
    grave = [one for one in found if one.level != "PASS"]
    passed = passed_everywhere(found)
    if grave:
        yield ""
        yield from _table(("", "what", "found"))
    for one in grave:
        text = "<br>".join(_cut(line) for line in one.lines)
        why = f"<br><sub>{'; '.join(_cut(reason) for reason in one.reasons)}</sub>" if one.reasons else ""
        yield f"| {_SIGNS[one.level]} | {markdown(subject_name(one.subject))} | {text}{why} |"
    if passed:
        yield ""
        yield f"Passed everywhere: {markdown(', '.join(passed))}."


def _stages(result: Result) -> Iterator[str]:
    columns, stages = short_columns(result), ordered(result)
    if not stages:
        return
    yield ""
    yield "| " + " | ".join(column.head for column in columns) + " |"
    yield "| " + " | ".join("---" if column.kind == "text" else "---:" for column in columns) + " |"
    for stage in stages[:MOST_STAGES]:
        yield "| " + " | ".join(markdown(column.text(stage)) for column in columns) + " |"
    if len(stages) > MOST_STAGES:
        yield ""
        yield f"{MOST_STAGES} of {len(stages)} stages are shown."


def _errors(result: Result) -> Iterator[str]:
    found = [(s, kind, error) for s in ordered(result) for kind, error in s.errors.items()]
    if not found:
        return
    yield from ("", "<details><summary>Errors</summary>", "")
    yield from _table(("stage", "target", "error", "count", "said"))
    for stage, kind, error in found[:MOST_STAGES]:
        said = _cut(error.sample) if error.sample else figures.MISSING
        yield f"| {markdown(stage.stage)} | {markdown(stage.target)} | {kind} | {figures.count(error.count)} | {said} |"
    yield from ("", "</details>")


def _configuration(result: Result) -> Iterator[str]:
    rows = list(flat(result.run.config))
    if not rows:
        return
    yield from ("", "<details><summary>Configuration</summary>", "")
    yield from _table(("key", "value"))
    for path, value in rows[:MOST_SETTINGS]:
        yield f"| {markdown(path)} | {_cut(setting(value))} |"
    if len(rows) > MOST_SETTINGS:
        yield ""
        yield f"{MOST_SETTINGS} of {len(rows)} settings are shown."
    yield from ("", "</details>")


def _table(heads: Sequence[str]) -> tuple[str, str]:
    return "| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"


def _cut(text: str) -> str:
    plain = one_line(text)
    return markdown(plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…")
