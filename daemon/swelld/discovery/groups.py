"""Groups of targets as Prometheus writes them, in JSON and YAML."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

Labels = dict[str, str]
"""Of one target; `__address__` is what was found."""

LARGEST: Final = 16 * 2**20
"""Bytes of a list."""


class Trouble(Exception):
    """A place could not be looked at; what was known of it still holds. The message says why."""


class Gone(Trouble):
    """There is no such place (any more), nor are there its targets."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets with common labels."""

    targets: list[str] | None = None
    labels: dict[str, str] | None = None


def from_json(data: bytes) -> list[Labels]:
    """The targets of a list in JSON; Trouble says what is wrong with it."""
    try:
        return _flat(msgspec.json.decode(data, type=list[Group]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble(f"is no list of groups of targets: {error}") from None


def from_yaml(data: bytes) -> list[Labels]:
    """The same for YAML, where every scalar is the text that was written."""
    import yaml

    try:
        found: Any = yaml.load(data, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - text only
        return _flat(msgspec.convert(_without_empty(found), type=list[Group]))
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise Trouble(f"is no list of groups of targets: {text}") from None


def _without_empty(found: Any) -> Any:
    """A key with nothing behind it is one that is not there."""
    if not found:
        return []
    if not isinstance(found, list):
        return found
    return [{k: v for k, v in group.items() if v != ""} if isinstance(group, dict) else group for group in found]


def _flat(groups: Iterable[Group]) -> list[Labels]:
    return [{**(group.labels or {}), "__address__": address} for group in groups for address in group.targets or ()]
