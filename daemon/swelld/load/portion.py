"""What one of several daemons carries of a load, so that all of them together carry the whole."""

import re
from typing import Any, NamedTuple

import msgspec

from swelld.config import shown
from swelld.load.arrivals import share
from swelld.load.stage import Among, ClosedStage, OpenStage, Stage


class Portion(NamedTuple):
    """Daemon `number`, from 0 on, of so many; written 1/4."""

    number: int
    of: int


def parse_portion(value: Any) -> Any:
    """A portion from `1/4`."""
    if isinstance(value, Portion):
        return value
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", str(value).strip())
    if not match or int(match[1]) >= int(match[2]):
        raise ValueError(f"{shown(value)} is no share: write K/N with K from 0 to N - 1: 0/4 is the first of four")
    return Portion(int(match[1]), int(match[2]))


def format_portion(portion: Portion) -> str:
    """As it is written."""
    return f"{portion.number}/{portion.of}"


def taken(stage: Stage, portion: Portion) -> Stage:
    """The same stage, under the same name, with its part of rate, users and requests; ValueError if that is nothing.

    All parts together have every request of the stage once: the same prompt, due at the same moment.
    """
    if portion.of == 1:
        return stage
    counts = {"requests": stage.requests, "warmup_requests": stage.warmup_requests}
    if isinstance(stage, ClosedStage):
        counts["users"] = stage.users
    part = stage
    if isinstance(stage, OpenStage):
        if stage.replay is not None:
            raise ValueError(f"the stage {stage.label} replays a trace, which daemons cannot share: set `share: 0/1`")
        counts["max_in_flight"] = stage.max_in_flight
        part = stage.scaled(1 / portion.of)
    for name, count in counts.items():
        if count and count < portion.of and name != "warmup_requests":
            few = f"the stage {stage.label} has too few {name} to be shared by {portion.of} daemons"
            raise ValueError(f"{few}: {count}")
    assert isinstance(stage, ClosedStage | OpenStage)
    among = Among(*portion, stage)
    own = {name: share(count, *portion) for name, count in counts.items() if count}
    if isinstance(stage, OpenStage) and stage.requests:  # the first of the window falls to whoever follows the warm-up
        own["requests"] = share(stage.requests, (portion.number - stage.warmup_requests) % portion.of, portion.of)
    return msgspec.structs.replace(part, among=among, **own)
