"""In what two runs are not alike, and what is doubtful about their figures: said beside a comparison, never refused."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from swelld.analysis import figures
from swelld.analysis.measures import error_rate, independent
from swelld.config import capped
from swelld.result import Result, StageResult

MANY_ERRORS: Final = 0.01
"""Share of failed requests from which on it matters that they are in no latency."""

_OF_SCENARIO: Final = (
    "prompts", "load", "mix", "requests", "duration", "warmup", "window", "objectives", "max_in_flight", "timeout",
    "contention",
)  # fmt: skip
"""Settings of a scenario that make other figures."""
_OF_TARGET: Final = ("api", "stream", "max_tokens", "temperature", "extra_body", "connections")

Level = Literal["WARNING", "NOTE"]


class Remark(msgspec.Struct, frozen=True):
    """Something to know about a comparison."""

    level: Level
    """`WARNING`: the figures may differ for that alone."""
    series: str
    """Which one it is about; empty for all."""
    text: str


def unlike(base: Result, other: Result, name: str, *, models: bool) -> Iterator[Remark]:
    """How `other`, called `name`, was made otherwise; `models`: whether another model is worth a word."""
    before, after = _scenario(base), _scenario(other)
    for key in _OF_SCENARIO:
        for place, theirs, mine in _differing(key, before.get(key), after.get(key)):
            yield Remark("WARNING", name, f"other {place}: {_told(mine)} beside {_told(theirs)}")
    yield from _other_targets(base, other, name)
    if models and (found := _models(base, other)):
        yield Remark("WARNING", name, f"other model: {found[1]} beside {found[0]}")
    if base.run.seed != other.run.seed:
        text = f"other seed, so other prompts and arrivals: {other.run.seed} beside {base.run.seed}"
        yield Remark("WARNING", name, text)
    if base.run.swelld_version != other.run.swelld_version:
        text = f"measured by swelld {other.run.swelld_version}, the base by {base.run.swelld_version}"
        yield Remark("NOTE", name, text)
    for result, called in ((base, "the base"), (other, "it")):
        if result.run.state != "completed":
            yield Remark("WARNING", name, f"{called} is {result.run.state}, not completed")


def _other_targets(base: Result, other: Result, name: str) -> Iterator[Remark]:
    first, second = _targets(base), _targets(other)
    for target in sorted(first.keys() & second.keys()):
        for key in (*_OF_TARGET, "url"):
            level: Level = "NOTE" if key == "url" else "WARNING"
            for place, theirs, mine in _differing(key, first[target].get(key), second[target].get(key)):
                yield Remark(level, name, f"target {target}, other {place}: {_told(mine)} beside {_told(theirs)}")


def of_stages(name: str, stages: Sequence[StageResult]) -> Iterator[Remark]:
    """What is doubtful about the stages of one series."""
    for stage in stages:
        where = f"{stage.stage} of {stage.target}"
        if not stage.validity.valid:
            reasons = "; ".join(stage.validity.reasons)
            yield Remark("WARNING", name, f"{where}: the load generator was the bottleneck: {reasons}")
        errors = error_rate(stage)
        if errors is not None and errors > MANY_ERRORS:
            text = f"{where}: {figures.percent(errors)} failed, and are in no latency"
            yield Remark("NOTE", name, text)
        if stage.changes or stage.withheld:
            yield Remark("WARNING", name, f"{where}: its load was changed or held back while it went on")
    unknown = [stage.stage for stage in stages if independent(stage)]
    if unknown:
        text = (
            "too short, or measured by a version too old, to tell how precise its figures are: requests are taken to "
            f"be independent, so more may look sure than is ({', '.join(dict.fromkeys(unknown))})"
        )
        yield Remark("WARNING", name, text)


def _scenario(result: Result) -> Mapping[str, Any]:
    found = result.run.config.get("scenario")
    return found if isinstance(found, Mapping) else {}


def _targets(result: Result) -> Mapping[str, Mapping[str, Any]]:
    found = result.run.config.get("targets")
    return found if isinstance(found, Mapping) else {}


def _models(base: Result, other: Result) -> tuple[str, str] | None:
    """Of both, where they are not the same."""
    one, two = (", ".join(sorted({stage.model for stage in result.stages})) for result in (base, other))
    return None if one == two else (one or figures.MISSING, two or figures.MISSING)


def _differing(place: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """(place, before, after) of what is not the same: key by key, unless it is another kind of thing altogether."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get("kind") == after.get("kind"):
        for key in dict.fromkeys([*before, *after]):
            yield from _differing(f"{place}.{key}", before.get(key), after.get(key))
    else:
        yield place, before, after


def _told(value: Any) -> str:
    """As people write it in a configuration."""
    if value is None:
        return "none"
    return capped(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_inner(part)}" for key, part in value.items() if part is not None)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inner, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inner(value: Any) -> str:
    return f"{{{_plain(value)}}}" if isinstance(value, Mapping) else _plain(value)
