"""The units in which people quote numbers, and how a fact reads in each of them."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from swelld.insight.fact import Fact, Unit

Reading = Callable[[float], Iterable[float]]
"""The values that a fact has in a unit: a growth of 1.5 is 50 % more, or 150 %."""

ANY: Final = "any"
"""The unit of a number in a table that names none."""
BARE: Final = "bare"
"""The unit of a number in a sentence that names none: it is no time and no share."""


def _by(factor: float) -> Reading:
    return lambda value: (value * factor,)


def _grown(value: float) -> tuple[float, ...]:
    return (value * 100, (value - 1) * 100)


def _as_often(value: float) -> tuple[float, ...]:
    return (value, 1 / value) if value else (value,)


_SAME: Final = _by(1.0)
_PER: Final[Mapping[str, float]] = {"us": 1e6, "ms": 1e3, "s": 1.0, "min": 1 / 60, "h": 1 / 3600}
_BYTES: Final[Mapping[str, float]] = {
    "B": 1.0,
    **{f"{letter}B": 1000.0**-power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}iB": 1024.0**-power for power, letter in enumerate("KMGT", 1)},
}
_COUNTED: Final[Mapping[Unit, Reading]] = dict.fromkeys(
    ("count", "tokens", "requests/s", "tokens/s", "money", "tokens/J", "W", "J"), _SAME
)

FAMILIES: Final[Mapping[str, Mapping[Unit, Reading]]] = {
    **{name: {"s": _by(factor)} for name, factor in _PER.items()},
    **{name: {"bytes": _by(factor)} for name, factor in _BYTES.items()},
    "%": {"share": _by(100.0), "factor": _grown},
    "points": {},
    "x": {"factor": _as_often},
    "tokens/s": {"tokens/s": _SAME},
    "requests/s": {"requests/s": _SAME},
    "rate": {"tokens/s": _SAME, "requests/s": _SAME},
    "tokens": {"tokens": _SAME},
    "count": {"count": _SAME},
    "tokens/J": {"tokens/J": _SAME},
    "W": {"W": _SAME},
    "J": {"J": _SAME},
    "money": {"money": _SAME},
    BARE: {**_COUNTED, "factor": _as_often},
    ANY: {
        **_COUNTED,
        "factor": _as_often,
        "s": lambda v: (v, v * 1e3),
        "share": lambda v: (v, v * 100),
        "bytes": _SAME,
    },
}
"""How the facts of each unit read in a unit of prose; `points`, differences of shares, are never among the facts."""

_BASE: Final[Mapping[str, tuple[Unit, float]]] = {
    **{name: ("s", 1 / factor) for name, factor in _PER.items()},
    **{name: ("bytes", 1 / factor) for name, factor in _BYTES.items()},
    "%": ("share", 0.01),
    "x": ("factor", 1.0),
    **{name: (name, 1.0) for name in ("tokens/s", "requests/s", "tokens", "count", "tokens/J", "W", "J", "money")},
}

_PER_SECOND: Final = r"\s?(?:/|per|a)\s?(?:seconds?|sec|s|초)(?![A-Za-z])"
_COUNTABLE: Final = "requests?|users?|streams?|errors?|answers?|levels?|stages?|targets?"
_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("tokens/J", r"(?:tokens|tok)(?:/s)?\s?(?:/|per)\s?(?:J|joule|W|watt)"),
    ("tokens/s", rf"(?:(?:output|input|출력|입력)\s)?(?:tokens?|tok|toks|t|토큰){_PER_SECOND}|tps(?![A-Za-z])"),
    ("requests/s", rf"(?:requests?|reqs?|queries|요청|건|쿼리){_PER_SECOND}|(?:rps|qps)(?![A-Za-z])|/\s?s(?![A-Za-z])"),
    ("points", r"percentage points?|%p(?![A-Za-z])|퍼센트\s?포인트"),
    ("%", r"%|\uff05|percent(?![A-Za-z])|per cent|퍼센트"),
    ("us", r"(?:[µμ]s|us|usec|microseconds?)(?![A-Za-z])|마이크로초"),
    ("ms", r"(?:ms|msec|msecs|milliseconds?)(?![A-Za-z])|밀리초"),
    ("s", r"(?:seconds?|secs?|s)(?![A-Za-z])|초(?!과|당|기)"),
    ("min", r"(?:minutes?|mins?)(?![A-Za-z])|분(?![포위석산기의])"),
    ("h", r"(?:hours?|h)(?![A-Za-z])|시간"),
    ("x", r"(?:[x\u00d7]|times|-?fold)(?![A-Za-z])|배(?![치포분])"),
    *((name, rf"{name}(?![A-Za-z])") for name in reversed(tuple(_BYTES))),
    ("tokens", r"(?:(?:output|input|출력|입력)\s)?(?:tokens?(?![A-Za-z])|토큰)"),
    (
        "count",
        rf"(?:(?:concurrent|failed|good|dropped|ok|동시)\s)?(?:(?:{_COUNTABLE})(?![A-Za-z])|요청|사용자|건|명(?!확)|개|단계|회)",
    ),
    ("W", r"(?:W|watts?)(?![A-Za-z])|와트"),
    ("J", r"(?:J|joules?)(?![A-Za-z])|줄"),
)
_UNIT: Final = re.compile("|".join(f"(?P<u{n}>{pattern})" for n, (_, pattern) in enumerate(_WORDS)), re.IGNORECASE)
_NAMED: Final = re.compile(rf"(?:^|[\s(\[,])(?:{_UNIT.pattern})\s*[)\]]?\s*[*_`]*\s*$", re.IGNORECASE)


def unit_at(text: str, position: int) -> tuple[str, int] | None:
    """The unit that is written at a position of a text, and where it ends."""
    match = _UNIT.match(text, position)
    return None if match is None else (_name(match), match.end())


def unit_of_head(cell: str) -> str | None:
    """The unit that the head of a column or of a row names at its end: `TTFT p95 (ms)`."""
    match = _NAMED.search(cell)
    return None if match is None else _name(match)


def in_base(value: float, unit: str) -> Fact | None:
    """A number as it was quoted as a fact of its own; None for a unit that facts do not have."""
    if unit in (BARE, ANY):
        return Fact("shown", value, "count")
    base = _BASE.get(unit)
    return None if base is None else Fact("shown", value * base[1], base[0])


def _name(match: re.Match[str]) -> str:
    return next(name for n, (name, _) in enumerate(_WORDS) if match[f"u{n}"] is not None)
