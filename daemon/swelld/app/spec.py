"""From settings to what a run is to do."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from swelld.app.search import course_of
from swelld.components import ADAPTERS
from swelld.engine.plan import Lane, Plan
from swelld.engine.target import Target, Timeouts
from swelld.engine.tracing import Tracing
from swelld.hub.spec import Spec
from swelld.load.portion import Portion, taken
from swelld.load.solo import solo_first
from swelld.load.stage import Stage
from swelld.scenario import Scenario
from swelld.settings import Settings, redacted
from swelld.store.metadata import config_hash


def specify(settings: Settings, name: str, percentiles: Sequence[float] = ()) -> Spec:
    """The run of one scenario, under a new id; `percentiles` are percents wanted besides the usual ones."""
    scenario = settings.scenarios[name]
    shares = settings.shares(scenario)
    targets = [_within(scenario.timeout, settings.targets[target]) for target in shares]
    if scenario.mix == "weighted":
        lanes = [Lane(tuple(range(len(targets))), tuple(shares.values()))]
    else:
        lanes = [Lane((number,), (1.0,)) for number in range(len(targets))]
    everything = redacted(settings)
    config = {
        "targets": {target: everything["targets"][target] for target in shares},
        "scenario": everything["scenarios"][name],
    }
    key = config_hash({**config, "seed": settings.seed_of(scenario)})
    course = course_of(scenario, name, key, _kept_in(settings), len(lanes))
    if course is not None and settings.share.of > 1:
        raise ValueError(f"scenario {name}: daemons that share a load cannot look for its levels: set `share: 0/1`")
    return Spec(
        id=new_id(),
        scenario=name,
        plan=Plan(
            names=tuple(shares),
            targets=tuple(targets),
            adapters=tuple(ADAPTERS[target.api] for target in targets),
            lanes=tuple(lanes),
            prompts=scenario.prompts,
            seed=settings.seed_of(scenario),
            tracing=_tracing(settings),
            checks=scenario.checks,
        ),
        stages=_part_of(settings.share, _stages(name, scenario, shares)),
        thresholds=scenario.objectives.thresholds(),
        share=scenario.objectives.share,
        config=config,
        percentiles=tuple(percentiles),
        window=scenario.window,
        course=course,
    )


def _stages(name: str, scenario: Scenario, shares: Mapping[str, float]) -> Callable[[int | None], Sequence[Stage]]:
    if scenario.contention == "off":
        return scenario.stages
    if len(shares) == 1:
        only = next(iter(shares))
        raise ValueError(f"scenario {name}: `contention: solo_first` needs two targets at least, and {only} is alone")
    return lambda prompts: solo_first(scenario.stages(prompts), list(shares), list(shares.values()))


def _part_of(
    portion: Portion, stages: Callable[[int | None], Sequence[Stage]]
) -> Callable[[int | None], Sequence[Stage]]:
    if portion.of == 1:
        return stages
    return lambda prompts: [taken(stage, portion) for stage in stages(prompts)]


def _within(limit: float | None, target: Target) -> Target:
    """The target with no deadline beyond the scenario's own."""
    if limit is None:
        return target
    deadlines = {part: min(limit, seconds) for part, seconds in target.timeouts}
    return target.model_copy(update={"timeouts": Timeouts(**deadlines)})


def _kept_in(settings: Settings) -> Path | None:
    return None if settings.exporters.files.enabled is False else settings.store.dir


def _tracing(settings: Settings) -> Tracing | None:
    otlp = settings.exporters.otlp
    ratio = otlp.head_sampling()
    return None if ratio is None else Tracing(ratio, otlp.max_spans_per_second)


def new_id() -> str:
    """Unique, and in the order of time: `20261114-102030-3fa9`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
