"""A store and what is put into it, for tests of everything that reads runs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import sample_results
from swelld.distribution import Distribution, Floats
from swelld.result import Result
from swelld.store.base import RunRow, StageDistributions, TargetRow
from swelld.store.rows import unix
from swelld.store.runs import StoredRuns
from swelld.store.settings import Store
from swelld_exporters.prometheus.registry import Histogram, Registry


@asynccontextmanager
async def opened(folder: Path, url: str, registry: Registry | None = None, **more: Any) -> AsyncIterator[StoredRuns]:
    """A store that has been started; what waits is written when the block is left."""
    runs = StoredRuns(Store.model_validate({"dir": folder, "url": url, **more}), registry)
    try:
        await runs.start()
        yield runs
    finally:
        await runs.aclose()


def result(run_id: str, started: str = "2026-11-14T10:20:30+00:00", **run: Any) -> Result:
    """A completed run of two stages, one of them in trouble."""
    plain = sample_results.result([sample_results.stage(), sample_results.open_stage()])
    changed = msgspec.structs.replace(plain.run, id=run_id, started=started, finished=started, **run)
    return msgspec.structs.replace(plain, run=changed)


def row(run: Result, **more: Any) -> RunRow:
    """What was known of a run when it began."""
    return RunRow(
        id=run.run.id,
        scenario=run.run.scenario,
        started=unix(run.run.started),
        seed=run.run.seed,
        config=run.run.config,
        targets=(TargetRow("local", "tiny"),),
        **more,
    )


def distribution(values: Sequence[float] | Floats) -> Distribution:
    """Of these values."""
    found = Distribution()
    found.update(np.asarray(values, dtype=np.float64))
    return found


def spread(run: Result, *names: str, seed: int = 1) -> list[StageDistributions]:
    """Distributions of every stage of a result, 500 values each."""
    draw = np.random.default_rng(seed)
    return [
        StageDistributions(stage.stage, stage.target, {n: distribution(draw.lognormal(-2, 0.5, 500)) for n in names})
        for stage in run.stages
    ]


def value(registry: Registry, name: str, *labels: str) -> float | None:
    """The value of one counter or gauge; None if there is no such series."""
    for family in registry.families():
        series = family.series.get(labels)
        if family.metric.name == name and series is not None and not isinstance(series.value, Histogram):
            return series.value.value
    return None
