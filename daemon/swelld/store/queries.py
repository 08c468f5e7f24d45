"""What is asked of a store: lists, single runs, their distributions."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, Select, exists, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from swelld.distribution import Distribution
from swelld.result import Result, RunInfo
from swelld.store.base import (
    LARGEST_PAGE,
    OVER,
    Filter,
    Listing,
    Page,
    RunSummary,
    StageDistributions,
    TargetRow,
    decode_cursor,
    encode_cursor,
)
from swelld.store.blobs import unpack, unpack_result
from swelld.store.tables import RUN_DISTRIBUTIONS, RUN_DOCUMENTS, RUN_LABELS, RUN_STAGES, RUN_TARGETS, RUNS

_SHOWN: Final = [RUNS.c[name] for name in RunSummary.__struct_fields__ if name not in ("labels", "targets")]


async def listing(connection: AsyncConnection, wanted: Filter, page: Page) -> Listing:
    """A page of the runs that match; ValueError for a page that cannot be."""
    if not 1 <= page.size <= LARGEST_PAGE:
        raise ValueError(f"a page holds 1 to {LARGEST_PAGE} runs")
    conditions = list(_conditions(wanted))
    count = (await connection.execute(select(func.count()).select_from(RUNS).where(*conditions))).scalar_one()
    if page.after is not None:
        conditions.append(tuple_(RUNS.c.started, RUNS.c.id) < tuple_(*decode_cursor(page.after)))
    newest = select(*_SHOWN).where(*conditions).order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
    rows = (await connection.execute(newest.limit(page.size + 1))).all()
    runs = await _summaries(connection, rows[: page.size])
    more = len(rows) > page.size
    return Listing(runs, count, encode_cursor(runs[-1].started, runs[-1].id) if more else None)


async def summary(connection: AsyncConnection, run_id: str) -> RunSummary | None:
    """One run; None if there is none."""
    found = await _summaries(connection, (await connection.execute(select(*_SHOWN).where(RUNS.c.id == run_id))).all())
    return found[0] if found else None


async def result(connection: AsyncConnection, run_id: str) -> Result | None:
    """The result as it was last written; one without figures of a run that never came to have any."""
    joined = RUNS.outerjoin(RUN_DOCUMENTS, RUN_DOCUMENTS.c.run_id == RUNS.c.id)
    statement: Select[Any] = select(RUNS, RUN_DOCUMENTS.c.data).select_from(joined).where(RUNS.c.id == run_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    if row.data is None:
        return Result(run=_info(row), stages=[], verdict=[])
    found = unpack_result(row.data)
    if row.state not in OVER or row.state == found.run.state:
        return found
    return msgspec.structs.replace(found, run=msgspec.structs.replace(found.run, state=row.state, reason=row.reason))


async def distributions(connection: AsyncConnection, run_id: str) -> tuple[StageDistributions, ...]:
    """Those of every stage and target, in order."""
    parts, stages = RUN_DISTRIBUTIONS.c, RUN_STAGES.c
    joined = RUN_DISTRIBUTIONS.join(RUN_STAGES, (parts.run_id == stages.run_id) & (parts.position == stages.position))
    statement = select(stages.position, stages.stage, stages.target, parts.metric, parts.data).select_from(joined)
    found: dict[tuple[int, str, str], dict[str, Distribution]] = defaultdict(dict)
    for row in await connection.execute(statement.where(parts.run_id == run_id).order_by(parts.position)):
        found[row.position, row.stage, row.target][row.metric] = unpack(row.data)
    return tuple(StageDistributions(stage, target, by_name) for (_, stage, target), by_name in found.items())


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.scenario is not None:
        found.append(RUNS.c.scenario == wanted.scenario)
    if wanted.instance is not None:
        found.append(RUNS.c.instance == wanted.instance)
    if wanted.states:
        found.append(RUNS.c.state.in_(wanted.states))
    if wanted.since is not None:
        found.append(RUNS.c.started >= wanted.since)
    if wanted.until is not None:
        found.append(RUNS.c.started < wanted.until)
    if wanted.target is not None:
        found.append(_has(RUN_TARGETS.c.run_id, RUN_TARGETS.c.name == wanted.target))
    if wanted.model is not None:
        found.append(_has(RUN_TARGETS.c.run_id, RUN_TARGETS.c.model == wanted.model))
    for name, value in wanted.labels.items():
        of_name = RUN_LABELS.c.name == name
        found.append(_has(RUN_LABELS.c.run_id, of_name & (RUN_LABELS.c.value == value) if value else of_name))
    if wanted.text:
        found.append(_says(wanted.text))
    return found


def _has(run_id: ColumnElement[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(run_id == RUNS.c.id, condition)


def _says(text: str) -> ColumnElement[bool]:
    if "\0" in text:
        return false()
    columns = (RUNS.c.id, RUNS.c.scenario, RUNS.c.note)
    labels = or_(*(column.icontains(text, autoescape=True) for column in (RUN_LABELS.c.name, RUN_LABELS.c.value)))
    here = [column.icontains(text, autoescape=True) for column in columns]
    return or_(*here, _has(RUN_LABELS.c.run_id, labels))


async def _summaries(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> tuple[RunSummary, ...]:
    ids = [row.id for row in rows]
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    targets: dict[str, list[TargetRow]] = defaultdict(list)
    if ids:
        for row in await connection.execute(select(RUN_LABELS).where(RUN_LABELS.c.run_id.in_(ids))):
            labels[row.run_id][row.name] = row.value
        for row in await connection.execute(select(RUN_TARGETS).where(RUN_TARGETS.c.run_id.in_(ids))):
            targets[row.run_id].append(TargetRow(row.name, row.model))
    return tuple(_summary(row, labels[row.id], targets[row.id]) for row in rows)


def _summary(row: Row[Any], labels: dict[str, str], targets: list[TargetRow]) -> RunSummary:
    plain = {**row._asdict(), "seed": int(row.seed)}
    ordered = dict(sorted(labels.items()))
    return RunSummary(**plain, labels=ordered, targets=tuple(sorted(targets, key=lambda one: one.name)))


def _info(row: Row[Any]) -> RunInfo:
    return RunInfo(
        id=row.id,
        scenario=row.scenario,
        state=row.state if row.state in OVER else "interrupted",
        started=_iso(row.started),
        finished=_iso(row.finished if row.finished is not None else row.heartbeat),
        duration_seconds=row.duration or 0.0,
        swelld_version=row.version,
        seed=int(row.seed),
        config=msgspec.json.decode(row.config),
        reason=row.reason,
    )


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
