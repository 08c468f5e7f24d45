"""`SWELLD_*` variables into plain data: nested with `__`, lists by comma, JSON where a value has parts."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_origin

from swelld.config import nearest
from swelld.settings.shape import child, fields, flat, members, walk
from swelld.settings.tree import SHORT_FORMS, Path, Tree, canonical

PREFIX: Final = "SWELLD_"
FILE_VARIABLE: Final = "SWELLD_CONFIG"

# Kubernetes sets these in every pod beside a Service whose name begins with `swelld`.
_SERVICE_LINK: Final = re.compile(
    r"SWELLD(_[A-Z0-9]+)*_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)"
)


def variable(path: Path) -> str:
    """The name of the variable for a path, in the short form where there is one."""
    for short, entry in SHORT_FORMS.items():
        if path[:2] == entry:
            path = (short, *path[2:])
    return PREFIX + "__".join(str(step).upper() for step in path)


def read_environment(environ: Mapping[str, str], root: Any, names: Mapping[str, Iterable[str]]) -> Tree:
    """What the environment says; an empty variable counts as not set.

    `names` are the entries that the file has by group: a variable that means one of them takes its spelling.
    """
    tree = Tree()
    for name, value in sorted(environ.items(), key=lambda item: item[0].count("__")):
        if not name.upper().startswith(PREFIX) or name.upper() == FILE_VARIABLE or not value.strip():
            continue
        path = _spelt(canonical(tuple(name[len(PREFIX) :].lower().split("__"))), names)
        annotation = _at(root, path)
        if annotation is None:
            if not _SERVICE_LINK.fullmatch(name):
                tree.problems.append(((name,), _unknown(name, root)))
            continue
        try:
            _put(tree.data, path, _decoded(value.strip(), annotation))
        except ValueError as error:
            tree.problems.append((path, f"{name}: {'.'.join(map(str, path))}: {error}"))
        tree.places[path] = name
    return tree


def _spelt(path: Path, names: Mapping[str, Iterable[str]]) -> Path:
    if len(path) < 2:
        return path
    for name in names.get(str(path[0]), ()):
        if re.sub(r"\W", "_", name.lower()) == path[1]:
            return (path[0], name, *path[2:])
    return path


def _at(root: Any, path: Path) -> Any | None:
    annotation = root
    for step in path:
        annotation = child(annotation, step) if step else None
        if annotation is None:
            return None
    return annotation


def _decoded(value: str, annotation: Any) -> Any:
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("is not UTF-8; set it anew in a UTF-8 terminal")
    bases = [flat(branch)[0] for branch in members(annotation).values()]
    if Any in bases:
        return _json(value, otherwise=value)
    takes_parts = any(fields(base) or get_origin(base) in (dict, list, tuple) for base in bases)
    if takes_parts and value[0] in "{[":
        return _json(value)
    if takes_parts and all(get_origin(base) in (list, tuple) for base in bases):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _json(value: str, otherwise: Any = None) -> Any:
    try:
        found = json.loads(value)
        json.dumps(found, ensure_ascii=False).encode()  # refuses what no text may hold
        return found
    except ValueError as error:
        if otherwise is not None:
            return otherwise
        raise ValueError(f"begins like JSON but is not: {error}") from None


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    *groups, last = map(str, path)
    for group in groups:
        data = data.setdefault(group, {})
        if not isinstance(data, dict):
            raise ValueError(f"{group} is given as a whole by another variable; keep one of the two")
    if last in data and isinstance(data[last], dict) and isinstance(value, dict):
        data[last] |= value
    else:
        data[last] = value


def _unknown(name: str, root: Any) -> str:
    steps = name[len(PREFIX) :].split("__")
    entry = steps[1].upper() if len(steps) > 2 else "MAIN"
    known = []
    for path, _ in walk(root):
        written = tuple(entry if step == "NAME" else step for step in path)
        known.append("__".join(map(str, written)).upper())
        known += [variable((*path[:1], "main", *path[2:])).removeprefix(PREFIX)] if "NAME" in path[1:2] else []
    near = nearest(name[len(PREFIX) :], known)
    begin = ", ".join(PREFIX + key.upper() for key in (*SHORT_FORMS, *fields(root)))
    return f"{name}: there is no such setting; " + (
        f"did you mean {PREFIX}{near}?" if near else f"settings begin with {begin}"
    )
