"""What may stand below a key: the models seen through their annotations."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from swelld.config import Secret
from swelld.settings.tree import Path


def flat(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The annotation without `Annotated` and without `| None`, and the metadata that it carried."""
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata = (*more, *metadata)
        elif is_union(annotation) and len(parts := [a for a in get_args(annotation) if a is not type(None)]) == 1:
            annotation = parts[0]
        else:
            return annotation, metadata


def is_union(annotation: Any) -> bool:
    """Whether it is one of several."""
    return get_origin(annotation) in (Union, types.UnionType)


def is_model(annotation: Any) -> bool:
    """Whether it is a model with keys of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def members(annotation: Any) -> dict[str, Any]:
    """The branches of a union by the tag that chooses between them (a number if none does), or the one there is."""
    base, _ = flat(annotation)
    if not is_union(base):
        return {"": annotation}
    branches = [branch for branch in get_args(base) if branch is not type(None)]
    return {_tag(branch) or str(number): branch for number, branch in enumerate(branches)}


def _tag(branch: Any) -> str | None:
    base, metadata = flat(branch)
    named = [item.tag for item in metadata if isinstance(item, Tag)]
    if named:
        return str(named[0])
    if is_model(base) and "kind" in base.model_fields:
        return str(get_args(flat(base.model_fields["kind"].annotation)[0])[0])
    return None


def full(field: FieldInfo) -> Any:
    """A field's annotation with its metadata back on."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def fields(annotation: Any) -> dict[str, FieldInfo]:
    """The fields by the key that users write, of every branch."""
    found: dict[str, FieldInfo] = {}
    for branch in members(annotation).values():
        base, _ = flat(branch)
        if is_model(base):
            found |= {field.alias or name: field for name, field in base.model_fields.items()}
    return found


def child(annotation: Any, key: str | int) -> Any | None:
    """What may stand at a key, or None if nothing can."""
    base, _ = flat(annotation)
    if base is Any:
        return Any
    if is_union(base):
        found = [child(branch, key) for branch in members(annotation).values()]
        return next((one for one in found if one is not None), None)
    if is_model(base):
        field = fields(base).get(str(key))
        return full(field) if field else None
    origin, arguments = get_origin(base), get_args(base)
    if origin is dict:
        return arguments[1]
    if origin in (list, tuple) and isinstance(key, int):
        return arguments[0]
    return None


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the configuration: its path as users write it, what may stand there, whether it is a secret,
    and whether one branch of a union was tried there without anything having chosen it."""

    path: Path
    annotation: Any
    secret: bool = False
    tried: bool = False


def follow(root: Any, loc: Path) -> Spot:
    """Goes down a location as pydantic reports it, which also names the branches of unions that it took."""
    spot = Spot((), root)
    for step in loc:
        if step == "[key]":  # it is the key before it that is wrong
            continue
        branches = members(spot.annotation)
        if len(branches) > 1 and not spot.tried:
            chosen = branches.get(str(step))
            spot = Spot(spot.path, chosen or spot.annotation, spot.secret, tried=chosen is None)
            continue
        below = child(spot.annotation, step)
        base, _ = flat(below)
        secret = spot.secret or base is Secret or step == "headers"
        spot = Spot((*spot.path, step), below, secret)
    return spot


def misplaced_bools(annotation: Any, data: Any, path: Path = ()) -> Iterator[Path]:
    """Where true or false stands for something else: pydantic would read them as 1 and 0."""
    if isinstance(data, bool):
        bases = [flat(branch)[0] for branch in members(annotation).values()]
        if bool not in bases and Any not in bases:
            yield path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in parts:
        below = child(annotation, key)
        if below is not None:
            yield from misplaced_bools(below, value, (*path, key))


def literals(annotation: Any) -> list[str]:
    """The values that are allowed, where they are a closed set."""
    base, _ = flat(annotation)
    return [str(value) for value in get_args(base)] if get_origin(base) is Literal else []


def walk(root: Any, path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every field below a model with its path; `NAME` stands for the names that users choose."""
    for key, field in fields(root).items():
        yield (*path, key), field
        base, _ = flat(field.annotation)
        if get_origin(base) is dict and is_model(flat(get_args(base)[1])[0]):
            yield from walk(get_args(base)[1], (*path, key, "NAME"))
        elif fields(base):
            yield from walk(base, (*path, key))
