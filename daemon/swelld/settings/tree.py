"""Raw settings from one source, and where each of them was written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

SHORT_FORMS = {"target": ("targets", "main"), "scenario": ("scenarios", "main")}
"""A lone target or scenario at the top level is the entry named `main`."""


def canonical(path: Path) -> Path:
    """The path with a short form written out."""
    return SHORT_FORMS.get(str(path[0]), path[:1]) + path[1:] if path else path


@dataclass(frozen=True, slots=True)
class Tree:
    """What one source says: plain data, the place of every path, and what is wrong with the writing itself, by path."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(default_factory=list)


def merge(below: Any, above: Any) -> Any:
    """Mappings are merged key by key; anything else from above replaces what is below."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: merge(below[key], value) if key in below else value for key, value in above.items()}


def visit(data: Any, see: Callable[[dict[str, Any]], None]) -> None:
    """Shows every mapping inside data."""
    if isinstance(data, dict):
        see(data)
        for value in data.values():
            visit(value, see)
    elif isinstance(data, list):
        for value in data:
            visit(value, see)
