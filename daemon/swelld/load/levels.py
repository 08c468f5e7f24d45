"""Levels of a load as people write them: a list, `1..100 step 10`, `1..256 x2`."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from swelld.config import parse_list, shown

MOST: Final = 1000
"""Levels that a range may come to: a stage each."""

_NUMBER: Final = r"\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER})\s*(?:/(\w+))?\s*\.\.\s*({_NUMBER})\s*(?:/(\w+))?\s*(step|x)\s*({_NUMBER})")
_UNFINISHED: Final = re.compile(r"\.\.[^,]*(?:step|x)|step")


def parse_levels(value: Any) -> Any:
    """A list with every range written out, and the rest left as it is; ValueError says what is wrong with a range."""
    return [level for part in parse_list(value) for level in _expanded(part)]


def _expanded(part: Any) -> list[Any]:
    if not isinstance(part, str):
        return [part]
    match = _RANGE.fullmatch(part.strip().lower())
    if match is None:
        if _UNFINISHED.search(part.lower()):
            raise ValueError(f"{shown(part)} is no range of levels: write `1..100 step 10` or `1..256 x2`")
        return [part]
    first, unit, last, unit_of_last, way, by = match.groups()
    start, end, stride = float(first), float(last), float(by)
    if start > end or start <= 0 or (stride <= 0 if way == "step" else stride <= 1):
        raise ValueError(
            f"{shown(part)} goes nowhere: it starts above 0, ends above its start, and each level is larger"
        )
    grow: Callable[[float], float] = (lambda level: level + stride) if way == "step" else (lambda level: level * stride)
    suffix = f"/{unit or unit_of_last}" if unit or unit_of_last else ""
    return [f"{level:.12g}{suffix}" for level in _range(part, start, end, grow)]


def _range(part: str, level: float, end: float, grow: Callable[[float], float]) -> Iterator[float]:
    number = 0
    while level <= end * (1 + 1e-9):
        number += 1
        if number > MOST:
            raise ValueError(f"{shown(part)} comes to more than {MOST} levels, a stage each: take larger steps")
        yield level
        level = grow(level)
