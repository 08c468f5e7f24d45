"""One YAML file into plain data with the line of every key; YAML 1.2 scalars, duplicate keys refused."""

import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from swelld.settings.tree import SHORT_FORMS, Path, Tree, canonical

# The scalars of YAML 1.2: `yes` and `12:30` stay text, as do dates, and 010 is ten.
SCALARS: Final = {
    "tag:yaml.org,2002:null": re.compile(r"~|null|Null|NULL|"),
    "tag:yaml.org,2002:bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "tag:yaml.org,2002:int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}
_MERGE: Final = "tag:yaml.org,2002:merge"
_TEXT: Final = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Composes nodes with the scalars above."""

    yaml_implicit_resolvers = {
        None: [*((tag, re.compile(f"(?:{pattern.pattern})\\Z")) for tag, pattern in SCALARS.items())],
        "<": [(_MERGE, re.compile(r"<<\Z"))],
    }


class Unreadable(Exception):
    """The file cannot be read at all; the message names it and says why."""


def read_file(path: FilePath) -> Tree:
    """What the file says; Unreadable if there is no such file or it is not YAML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror}; give the path of a YAML file") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Tree:
    """The same for a text; `name` stands for the file in messages."""
    node = _composed(text, name)
    reader = _Reader(name)
    data = reader.value(node, ()) if node is not None else None
    if node is not None and data is not None and not isinstance(data, dict):
        raise Unreadable(f"{name}:{node.start_mark.line + 1}: is no mapping; begin with `targets:`")
    return _written_out(reader.tree(data or {}))


def _composed(text: str, name: str) -> yaml.Node | None:
    try:
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(filter(None, (error.context, error.problem)))
        remedy = "; indent with spaces" if "'\\t'" in reason else ""
        raise Unreadable(f"{name}:{mark.line + 1 if mark else 1}: is not YAML: {reason}{remedy}") from None
    except yaml.YAMLError:
        raise Unreadable(f"{name}: is not YAML: it holds characters that are not allowed there") from None
    except RecursionError:
        raise Unreadable(f"{name}: is nested too deeply; no setting needs that") from None


class _Reader:
    """Turns composed nodes into plain data."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[Path, str] = {}
        self._problems: list[tuple[Path, str]] = []
        self._open: list[yaml.Node] = []  # to find an anchor that holds itself

    def tree(self, data: dict[str, Any]) -> Tree:
        return Tree(data, self._places, self._problems)

    def value(self, node: yaml.Node, path: Path) -> Any:
        if node in self._open:
            self._wrong(node, path, "holds itself; an anchor cannot be used inside its own value")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._item(child, (*path, number)) for number, child in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = self._merged(value_node, path) | merged
                continue
            line = key_node.start_mark.line + 1
            key = _text(key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self._wrong(key_node, path, "a key must be plain text")
                continue
            if key in lines:
                self._wrong(key_node, (*path, key), f"is given twice, first in line {lines[key]}; keep one")
                continue
            lines[key] = line
            self._places[(*path, key)] = f"{self._name}:{line}"
            data[key] = self.value(value_node, (*path, key))
        return merged | data

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(part, yaml.MappingNode):
                found = self.value(part, path) | found
            else:
                self._wrong(part, path, "`<<` takes a mapping, or a list of them")
        return found

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self._places[path] = f"{self._name}:{node.start_mark.line + 1}"
        return self.value(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.rpartition(":")[2]
        if node.tag != _TEXT and node.tag not in SCALARS:
            self._wrong(node, path, f"the tag {node.tag} is not understood; leave it out")
            return None
        if node.tag != _TEXT and not SCALARS[node.tag].fullmatch(node.value):
            self._wrong(node, path, f"is not what its tag !!{kind} says")
            return None
        text = _text(node.value)
        if text is None:
            self._wrong(node, path, "holds half a character (a lone surrogate); write it as \\U and eight digits")
            return None
        return _READ[kind](text)

    def _wrong(self, node: yaml.Node, path: Path, text: str) -> None:
        where = ".".join(map(str, path))
        self._problems.append((path, f"{self._name}:{node.start_mark.line + 1}: {where + ': ' if where else ''}{text}"))


def _text(value: str) -> str | None:
    """The text with the pairs of JSON escapes joined to characters; None if half of one is missing."""
    try:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


def _integer(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
    "str": str,
}


def _written_out(tree: Tree) -> Tree:
    """The tree with `target:` and `scenario:` as the entries they stand for."""
    data, problems = dict(tree.data), list(tree.problems)
    for short, (group, entry) in SHORT_FORMS.items():
        if short not in data:
            continue
        value = data.pop(short)
        entries = data.get(group) or {}
        if isinstance(entries, dict) and entry in entries:
            text = f"{short}: is the same as {group}.{entry}, which is given too; keep one of them"
            problems.append(((short,), f"{tree.places[(short,)]}: {text}"))
        elif isinstance(entries, dict):
            data[group] = entries | {entry: value}
    places = {canonical(path): place for path, place in tree.places.items()}
    return Tree(data, places, problems)
