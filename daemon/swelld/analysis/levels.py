"""Which stages of a run are levels of its load: told by their names, which loads give them."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from swelld.result import Kind, StageResult

_LABEL: Final = re.compile(r"(concurrency|rate)=(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: again=\d+)?")


class Level(NamedTuple):
    """Users or requests per second."""

    kind: Kind
    value: float


def level_of(stage: StageResult) -> Level | None:
    """None for what is no level: a rate that varies, another load, one that was changed, a target alone."""
    match = None if stage.changes or stage.solo_of is not None else _LABEL.fullmatch(stage.stage)
    return None if match is None else Level("rate" if match[1] == "rate" else "concurrency", float(match[2]))


def levels_of(stages: Iterable[StageResult], kind: Kind) -> dict[float, StageResult]:
    """By rising level of one kind the stage that counts, of one target: of several at the same level the last in which
    the load generator was not the bottleneck, if there is any, for a level is measured again where one was in doubt."""
    found: dict[float, StageResult] = {}
    for stage in stages:
        level = level_of(stage)
        if level is None or level.kind != kind:
            continue
        if stage.validity.valid or level.value not in found or not found[level.value].validity.valid:
            found[level.value] = stage
    return dict(sorted(found.items()))


def probes(stages: Sequence[StageResult]) -> list[StageResult]:
    """The stages from which a sweep of rates took its levels: of every target one user alone, then many at a time."""
    levels = [stage for stage in stages if stage.solo_of is None]
    targets = dict.fromkeys(stage.target for stage in levels)
    return [one for target in targets for one in _probes([stage for stage in levels if stage.target == target])]


def _probes(stages: Sequence[StageResult]) -> Sequence[StageResult]:
    levels = [level_of(stage) for stage in stages]
    kinds = [None if level is None else level.kind for level in levels]
    first = levels[0] if levels else None
    if first != ("concurrency", 1.0) or kinds[:2] != ["concurrency"] * 2 or set(kinds[2:]) != {"rate"}:
        return ()
    return stages[:2]
