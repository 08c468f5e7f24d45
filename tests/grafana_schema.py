"""Holds dashboards against Grafana's own schema, as the models of its Foundation SDK have it.

`python grafana_schema.py FILE...` says what is wrong with each, for whichever version of the SDK can be imported.
"""

import copy
import enum
import json
import sys
import types
import typing
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def problems(dashboard: dict[str, Any]) -> list[str]:
    """Keys that the schema does not know, and values of another type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there is a newer schema
        from grafana_foundation_sdk.cog import plugins
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    model = Dashboard.from_json(copy.deepcopy(dashboard))
    back = json.loads(JSONEncoder().encode(model))
    return [*_lost(dashboard, back, "dashboard"), *_wrong(model, Dashboard, "dashboard")]


def _lost(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """What the schema's models drop or change."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from _lost(value, theirs[key], f"{path}.{key}")
            elif value not in (None, [], {}):
                yield f"{path}.{key} is not in the schema"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _lost(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path} becomes {theirs!r}"


def _wrong(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Values that are not of the type that the schema gives."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        found = [list(_wrong(value, each, path)) for each in arguments]
        if all(found):  # the alternative that went furthest says most
            yield max((each[0] for each in found), key=lambda text: text.index(" "))
    elif origin in (list, dict):
        yield from _wrong_items(value, origin, arguments[-1], path)
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path} is {value!r}, none of {arguments}"
    elif isinstance(hint, type):
        yield from _wrong_object(value, hint, path)


def _wrong_items(value: Any, kind: type[Any], hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{path} is no {kind.__name__}: {value!r}"
        return
    items: Iterable[tuple[Any, Any]] = value.items() if kind is dict else enumerate(value)
    for key, item in items:
        yield from _wrong(item, hint, f"{path}[{key}]")


def _wrong_object(value: Any, hint: type, path: str) -> Iterator[str]:
    if hasattr(value, "from_json"):
        for name, kind in typing.get_type_hints(type(value)).items():
            yield from _wrong(getattr(value, name), kind, f"{path}.{name}")
    elif issubclass(hint, enum.Enum):
        if value not in [each.value for each in hint]:
            yield f"{path} is {value!r}, none of {[each.value for each in hint]}"
    elif hint in (float, int):
        if isinstance(value, bool) or not isinstance(value, (int, hint)):
            yield f"{path} is no number: {value!r}"
    elif hint in (str, bool, type(None)) and not isinstance(value, hint):
        yield f"{path} is no {hint.__name__}: {value!r}"


def main() -> int:
    found = [f"{name}: {problem}" for name in sys.argv[1:] for problem in problems(json.loads(Path(name).read_text()))]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
