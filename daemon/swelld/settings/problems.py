"""What is wrong with a configuration, in words: the place, the path, the value and the remedy."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from swelld.config import FieldError, Secret, capped, shown, suggest
from swelld.settings.environment import variable
from swelld.settings.secrecy import without_secrets
from swelld.settings.shape import Spot, fields, flat, follow, literals
from swelld.settings.tree import Path
from swelld.settings.words import words

_OURS: Final = "value_error"
_STANDARD: Final = frozenset(get_args(ErrorType))


class ConfigError(Exception):
    """A configuration that cannot be used; one line for each thing that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


def show(value: Any, *, secret: bool = False) -> str:
    """A value for a message, without what looks like a secret."""
    if secret:
        return "the value"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)) and any(isinstance(part, (dict, list, tuple)) for part in value):
        return "a list"
    return shown(without_secrets(value)) if isinstance(value, str) else capped(json.dumps(value, default=str))


def explain(error: ValidationError, root: Any) -> dict[Path, str]:
    """What is wrong, by path."""
    found: dict[Path, str] = {}
    for details in error.errors(include_url=False):
        spot = follow(root, tuple(details["loc"]))
        if details["type"] == "default_factory_not_called":  # what it would be made from is wrong itself
            continue
        if details["type"] == "extra_forbidden":
            found[spot.path] = _unknown(details, follow(root, tuple(details["loc"][:-1])))
            continue
        cause = details.get("ctx", {}).get("error")
        for path, text in cause.found if isinstance(cause, FieldError) else [((), _text(details, spot))]:
            found.setdefault((*spot.path, *path), text)  # branches of a union that failed alike say it once
    return found


def line(path: Path, text: str, places: Mapping[Path, str], otherwise: str) -> str:
    """PLACE: path.to.key: text, with the place of the nearest thing that was written."""
    if path and isinstance(path[-1], int) and path not in places:  # a lone value, or a list in one text
        path = path[:-1]
    place = next((places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places), otherwise)
    return f"{place}: {'.'.join(map(str, path))}: {text}"


def _text(details: ErrorDetails, spot: Spot) -> str:
    kind = details["type"]
    if kind == _OURS:
        return _own_text(details, spot)
    if kind not in _STANDARD:  # the author of the model gave it words
        return details["msg"]
    if kind == "missing":
        return _missing(spot)
    if details["input"] is None:
        return "is empty; give it a value or leave the key out"
    value = show(details["input"], secret=spot.secret)
    if spot.tried:
        return f"{value} is not allowed; write {words(spot.annotation)}"
    return _SAY.get(kind, _plainly("{value} is not allowed here"))(value, details.get("ctx", {}), spot)


def _unknown(details: ErrorDetails, parent: Spot) -> str:
    text = f"is not known here; {suggest(str(details['loc'][-1]), fields(parent.annotation))}"
    return text if details["input"] is not None else f"{text} (inside braces a list needs brackets: [a, b])"


def _own_text(details: ErrorDetails, spot: Spot) -> str:
    text, value = str(details.get("ctx", {}).get("error", "")), details["input"]
    shown = show(value, secret=spot.secret)
    if isinstance(value, (dict, list)) or spot.secret or shown in text or str(value) in text:
        return text
    return f"{shown}: {text}"


def _missing(spot: Spot) -> str:
    if spot.path[-1:] == ("load",):
        return "is missing; give `concurrency`, `rate` or `iterations`"
    listed = any(isinstance(step, int) for step in spot.path)
    return "is missing" if listed else f"is missing; write it there or set {variable(spot.path)}"


def _one_of(value: str, context: Mapping[str, Any], spot: Spot) -> str:
    allowed = literals(spot.annotation)
    return f"{value} is not allowed; use one of {', '.join(allowed)}" if allowed else f"{value} is not allowed here"


def _keys(value: str, _context: Mapping[str, Any], spot: Spot) -> str:
    if flat(spot.annotation)[0] is Secret:
        return f"{value} is not a secret; write it as text, {{env: NAME}} or {{file: PATH}}"
    known = list(fields(spot.annotation))
    return f"{value} is not a mapping" + (f"; its keys are {', '.join(known)}" if known else "; write key: value")


def _plainly(text: str) -> Callable[[str, Mapping[str, Any], Spot], str]:
    return lambda value, context, _spot: text.format(value=value, **context)


_SAY: Final[dict[str, Callable[[str, Mapping[str, Any], Spot], str]]] = {
    "literal_error": _one_of,
    "enum": _one_of,
    "model_type": _keys,
    "model_attributes_type": _keys,
    "dict_type": _keys,
    "too_short": _plainly("is empty; give at least one"),
    **dict.fromkeys(("list_type", "tuple_type"), _plainly("{value} is not a list; write [a, b] or one line for each")),
    **dict.fromkeys(("string_type", "string_sub_type"), _plainly("{value} is not text; put it in quotes")),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
        _plainly("{value} is not a whole number"),
    ),
    **dict.fromkeys(("float_type", "float_parsing"), _plainly("{value} is not a number")),
    **dict.fromkeys(("bool_type", "bool_parsing"), _plainly("{value} is neither true nor false")),
    "finite_number": _plainly("{value} is not a finite number"),
    "path_type": _plainly("{value} is not a path; write it as text"),
    "greater_than": _plainly("{value} is too small; it must be above {gt:g}"),
    "greater_than_equal": _plainly("{value} is too small; it must be at least {ge:g}"),
    "less_than": _plainly("{value} is too large; it must be below {lt:g}"),
    "less_than_equal": _plainly("{value} is too large; it must be at most {le:g}"),
    "string_too_short": _plainly("{value} is too short; it needs at least {min_length} characters"),
    "too_long": _plainly("{value} has too many entries; {max_length} at most"),
}
