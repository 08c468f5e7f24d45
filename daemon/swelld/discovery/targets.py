"""From what was found to targets with names: pure."""

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple

from pydantic import ValidationError

from swelld.components import ADAPTERS
from swelld.config import shown
from swelld.discovery.groups import Labels
from swelld.discovery.settings import Kind, Template, filled
from swelld.engine.target import Target

Found = dict[str, Target]
"""Targets by name."""

Reason = Literal["invalid", "name_taken", "overflow"]
MOST_TARGETS: Final = 1000
"""Found targets that are used."""

_LONGEST: Final = 63
_DIGEST: Final = 8
_URL: Final = re.compile(r"[\x21-\x7e]+")


class Lot(NamedTuple):
    """What one entry of the configuration has found."""

    kind: Kind
    template: Template
    labels: list[Labels]


class Ignored(NamedTuple):
    """Something that was found and is not used."""

    kind: Kind
    reason: Reason
    text: str
    """What, why, and the remedy."""


class Merged(NamedTuple):
    """Everything that was found."""

    found: Found
    kinds: dict[str, Kind]
    """Of each target by name."""
    ignored: list[Ignored]


def merged(lots: Iterable[Lot], reserved: Collection[str] = (), most: int = MOST_TARGETS) -> Merged:
    """All targets in the order in which they were found: of two with one name, the first one counts.

    `reserved` are names of configured targets. One target that is found twice is one.
    """
    result = Merged({}, {}, [])
    for kind, template, labels in lots:
        for one in labels:
            _add(result, kind, template, one, reserved, most)
    return result


def _add(result: Merged, kind: Kind, template: Template, labels: Labels, reserved: Collection[str], most: int) -> None:
    address = labels["__address__"]
    try:
        name, target = built(labels, template)
    except ValueError as error:
        result.ignored.append(Ignored(kind, "invalid", f"{shown(address)} {error}"))
        return
    if name in reserved or result.found.get(name, target) != target:
        text = f"{shown(address)} would be named {name}, which is taken; give it another one with a label `name`"
        result.ignored.append(Ignored(kind, "name_taken", text))
    elif name not in result.found and len(result.found) >= most:
        text = f"{shown(address)} is one too many: {most} are used; look in fewer places"
        result.ignored.append(Ignored(kind, "overflow", text))
    else:
        result.found[name] = target
        result.kinds.setdefault(name, kind)


def built(labels: Labels, template: Template) -> tuple[str, Target]:
    """A target and its name; ValueError says what is wrong with the labels."""
    labels = {"__scheme__": "http", **labels}
    fields = {key: getattr(template, key) for key in Target.model_fields}
    fields["url"] = filled(template.url, labels)
    fields["model"] = labels["model"] if "model" in labels else filled(template.model, labels)
    fields["api"] = labels.get("api", template.api)
    if fields["api"] not in ADAPTERS:
        raise ValueError(f"has the label api={shown(fields['api'])}, which is no wire format")
    if not _URL.fullmatch(fields["url"]) or not _has_port(labels["__address__"]):
        raise ValueError("is no address; write HOST:PORT")
    try:
        target = Target(**fields)
    except ValidationError as error:
        raise ValueError(f"makes no target: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    return safe_name(labels.get("name") or labels["__address__"]), target


def safe_name(text: str) -> str:
    """A text as a target's name: `10.0.0.1:8000` becomes `10.0.0.1-8000`; ValueError if nothing of it can stay."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")
    if not name:
        raise ValueError("leaves no name; give it one with a label `name`")
    if len(name) > _LONGEST:
        digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
        name = f"{name[: _LONGEST - _DIGEST - 1]}-{digest}"
    return name


def _has_port(address: str) -> bool:
    """Whether what may be a port is one."""
    port = re.search(r":(\d*)$", address)
    return port is None or 0 < int(port[1] or 0) < 65536
