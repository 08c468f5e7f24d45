"""Secrets that a configuration names, and that are not where it says."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from swelld.config import Secret
from swelld.settings.model import Settings
from swelld.settings.tree import Path

_OF_A_RUN: Final = frozenset({"targets", "discovery", "exporters"})
_REMEDY: Final = "put it there, or name another place: {env: NAME} or {file: PATH}"


def absent_secrets(settings: Settings, targets: Collection[str] | None = None) -> list[str]:
    """`targets.chat.api_key: ...` for each of them; with `targets`, only those that runs against these need."""
    found = []
    for path, secret in _secrets(settings, ()):
        if targets is not None and (path[0] not in _OF_A_RUN or (path[0] == "targets" and path[1] not in targets)):
            continue
        try:
            secret.reveal()
        except ValueError as error:
            found.append(f"{'.'.join(map(str, path))}: {error}; {_REMEDY}")
    return found


def _secrets(value: Any, path: Path) -> Iterator[tuple[Path, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _secrets(part, (*path, key))
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from _secrets(part, (*path, number))
