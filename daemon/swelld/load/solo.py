"""Each target alone before all of them together: what a target loses to the others is the difference."""

from collections.abc import Sequence
from typing import Final

import msgspec

from swelld.load.stage import ClosedStage, OpenStage, Solo, Stage

FIRST_PROMPT: Final = 2_000_000_011
"""A target alone is asked other prompts than with the others, lest its cache make light of what it loses to them."""


def solo_first(stages: Sequence[Stage], targets: Sequence[str], parts: Sequence[float]) -> list[Stage]:
    """Before each stage one for each target, with that part of the load; parts are 1 where each gets the whole.

    ValueError where a part of a load cannot be had.
    """
    found: list[Stage] = []
    for stage in stages:
        for number, (name, part) in enumerate(zip(targets, parts, strict=True)):
            found.append(_solo(stage, Solo(number, stage.label), name, part))
        found.append(stage)
    return found


def _solo(stage: Stage, solo: Solo, name: str, part: float) -> Stage:
    alone = msgspec.structs.replace(
        stage,
        label=f"{stage.label} solo={name}",
        solo=solo,
        first_prompt=stage.first_prompt + FIRST_PROMPT,
        requests=None if stage.requests is None else max(1, round(stage.requests * part)),
        warmup_requests=round(stage.warmup_requests * part),
    )
    if isinstance(alone, OpenStage):
        if alone.replay is not None and part != 1.0:
            raise ValueError(
                "`contention: solo_first` cannot give a target its part of a trace: set `mix: each`, or use a rate"
            )
        return alone.scaled(part)
    assert isinstance(alone, ClosedStage)
    return msgspec.structs.replace(alone, users=max(1, round(alone.users * part)))
