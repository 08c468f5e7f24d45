"""Which format a scraper gets for its Accept header."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class Format(StrEnum):
    """The formats of /metrics; of those a scraper likes alike, the first that it names, else the first of these."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"
    PROTOBUF = "protobuf"


class _Kind(NamedTuple):
    """A media type, and parameters that an Accept entry has to have or, where it names them, must not contradict."""

    type: str
    needed: Mapping[str, str]
    known: Mapping[str, str]


_KINDS: Final = {
    Format.TEXT: _Kind("text/plain", {}, {"version": "0.0.4", "charset": "utf-8"}),
    Format.OPENMETRICS: _Kind("application/openmetrics-text", {}, {"version": "1.0.0", "charset": "utf-8"}),
    Format.PROTOBUF: _Kind(
        "application/vnd.google.protobuf",
        {"proto": "io.prometheus.client.metricfamily", "encoding": "delimited"},
        {},
    ),
}


class _Wish(NamedTuple):
    """One entry of an Accept header."""

    type: str
    parameters: Mapping[str, str]
    quality: float
    place: int


@lru_cache(maxsize=64)
def negotiate(accept: str) -> Format:
    """The most wanted format; text, which everybody reads, if none of ours is. Unknown versions are none of ours."""
    wishes = [_wish(entry, place) for place, entry in enumerate(accept.lower().split(",")) if entry.strip()]
    found = {format_: wish for format_ in Format if (wish := _best(format_, wishes)) and wish.quality > 0}
    return min(found, key=lambda format_: (-found[format_].quality, found[format_].place), default=Format.TEXT)


def _wish(entry: str, place: int) -> _Wish:
    kind, *rest = (part.strip() for part in entry.split(";"))
    parameters = {name.strip(): value.strip(' "') for name, _, value in (part.partition("=") for part in rest)}
    return _Wish(kind, parameters, _quality(parameters.pop("q", "1")), place)


def _quality(text: str) -> float:
    """0 for what is no number: an entry that cannot be read asks for nothing."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _best(format_: Format, wishes: list[_Wish]) -> _Wish | None:
    """The entry that holds for a format: the one that names it most exactly, of several the most wanted."""
    ranked = [(_exactness(_KINDS[format_], wish), wish.quality, -wish.place, wish) for wish in wishes]
    exactness, *_, wish = max(ranked, key=lambda row: row[:3], default=(-1, 0, 0, None))
    return wish if exactness >= 0 else None


def _exactness(kind: _Kind, wish: _Wish) -> int:
    """2: the type itself, 1: any subtype, 0: anything, -1: not this format."""
    if wish.type == kind.type:
        fits = all(wish.parameters.get(name) == value for name, value in kind.needed.items()) and all(
            wish.parameters.get(name, value) == value for name, value in kind.known.items()
        )
        return 2 if fits else -1
    if wish.type == f"{kind.type.partition('/')[0]}/*":
        return 1
    return 0 if wish.type == "*/*" else -1
