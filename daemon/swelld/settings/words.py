"""What may be written at a key, in words."""

from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Any, Final, get_args, get_origin

from pydantic import BeforeValidator

from swelld.config import Secret, parse_duration, parse_rate, parse_size
from swelld.load.open import Ramp
from swelld.settings.model import parse_shards
from swelld.settings.shape import flat, is_model, is_union, members
from swelld.settings.web import parse_address
from swelld.spending import parse_limits

_WRITTEN: Final[dict[Callable[..., Any], str]] = {
    parse_duration: "duration",
    parse_rate: "rate",
    parse_size: "size",
    parse_limits: "amount/h, amount/day or list of both",
    parse_address: "HOST:PORT",
    parse_shards: "`auto`, `inline` or whole number",
}
PLAIN: Final[dict[Any, str]] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    FilePath: "path",
    Secret: "secret",
    Ramp: "ramp",
    Any: "anything",
}


def words(annotation: Any) -> str:
    """`duration > 0`, `list of text`, ``a` or `b``: whatever the models allow."""
    base, metadata = flat(annotation)
    for item in metadata:
        if isinstance(item, BeforeValidator) and item.func in _WRITTEN:
            return _WRITTEN[item.func] + _limits(metadata)
    if base in PLAIN:
        return PLAIN[base] + _limits(metadata)
    if is_union(base):
        return _branches(annotation)
    if is_model(base):
        return "section below"
    arguments = get_args(base)
    if get_origin(base) is dict:
        return "sections by name" if is_section(arguments[1]) else f"mapping to {words(arguments[1])}"
    if get_origin(base) in (list, tuple):
        return "list, section below" if is_section(arguments[0]) else f"list of {words(arguments[0])}"
    return either(map(str, arguments))


def either(values: Iterable[str]) -> str:
    """The values of a closed set."""
    return " or ".join(f"`{value}`" for value in values)


def _branches(annotation: Any) -> str:
    branches = members(annotation)
    sections = [tag for tag, branch in branches.items() if is_section(branch)]
    plain = [words(branch) for branch in branches.values() if not is_section(branch)]
    return " or ".join([*plain, *([f"section below ({either(sections)})"] if sections else [])])


def is_section(annotation: Any) -> bool:
    """Whether it has keys of its own to speak of."""
    base, _ = flat(annotation)
    return is_model(base) and base not in PLAIN


def _limits(metadata: tuple[Any, ...]) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = []
    for item in metadata:
        for part in getattr(item, "metadata", (item,)):
            found += [f" {sign} {getattr(part, name)}" for name, sign in signs.items() if hasattr(part, name)]
    return " and".join(dict.fromkeys(found))
