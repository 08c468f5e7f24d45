"""The reference of the configuration, made from the models: their docstrings are its text."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from swelld.components import ADAPTERS
from swelld.settings.environment import PREFIX
from swelld.settings.model import Settings
from swelld.settings.shape import fields, flat, full, literals, members
from swelld.settings.words import either, is_section, words

MARK: Final = "<!-- From here on the page is made from the code by `make gen`. -->"

_ALLOWED: Final = {("targets.NAME", "api"): ADAPTERS}
"""Values that are checked against a table instead of by the type."""


def configuration_reference() -> str:
    """Every section of the configuration with its keys, as Markdown."""
    return "\n".join(_Page().section("", Settings)).rstrip() + "\n"


def with_reference(page: str) -> str:
    """The page with everything after its mark made anew; ValueError if there is no mark."""
    head, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page lacks the line {MARK!r}")
    return f"{head}{MARK}\n\n{configuration_reference()}"


class _Page:
    """Goes down the models, each of which gets one section."""

    def __init__(self) -> None:
        self._told: set[Any] = set()

    def section(self, path: str, annotation: Any, choice: str = "", *, listed: bool = False) -> Iterator[str]:
        model, _ = flat(annotation)
        if model in self._told:
            return
        self._told.add(model)
        title = f"`{path}`{choice}" if path else "The top level"
        yield from (f"{'##' if path.count('.') < 2 and not choice else '###'} {title}", "")
        yield from (inspect.cleandoc(model.__doc__ or ""), "")
        if path and not listed:
            yield from (f"Environment: `{PREFIX}{path.upper().replace('.', '__')}__KEY`", "")
        yield from ("| key | value | default | meaning |", "|---|---|---|---|")
        rows = sorted(fields(annotation).items(), key=lambda row: row[0] != "kind")
        yield from (_row(path, key, field, texts(model)[key]) for key, field in rows)
        yield ""
        for key, field in fields(annotation).items():
            yield from self._below(f"{path}.{key}" if path else key, full(field))

    def _below(self, path: str, annotation: Any, *, listed: bool = False) -> Iterator[str]:
        """The sections of the models that may stand at a key."""
        base, _ = flat(annotation)
        if get_origin(base) is dict:
            yield from self._below(f"{path}.NAME", get_args(base)[1])
        elif get_origin(base) in (list, tuple):
            yield from self._below(path, get_args(base)[0], listed=True)
        else:
            branches = members(annotation)
            for tag, branch in branches.items():
                if is_section(branch):
                    yield from self.section(path, branch, f" ({tag})" if len(branches) > 1 else "", listed=listed)


@cache
def texts(model: type[BaseModel]) -> dict[str, str]:
    """The string below each field in the source of a model and of those it inherits from.

    Pydantic can read them too, but does so whenever a model is made: that costs every start 0.2 s.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base is BaseModel or not base.__module__.startswith("swelld"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, below in pairwise(body.body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                match below:
                    case ast.Expr(ast.Constant(str(text))):
                        found[statement.target.id.rstrip("_")] = text
    return found | {f.alias: found[name] for name, f in model.model_fields.items() if f.alias and name in found}


def _row(path: str, key: str, field: FieldInfo, text: str) -> str:
    allowed = _ALLOWED.get((path, key))
    value = either(allowed) if allowed else words(full(field))
    text = " ".join(text.split())
    return f"| `{key}` | {value} | {_default(field)} | {text} |"


def _default(field: FieldInfo) -> str:
    if field.is_required() or literals(field.annotation) == [field.default]:  # the word that chooses between sections
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or (isinstance(value, BaseModel) and field.default_factory is None):
        return ""
    written = TypeAdapter(full(field)).dump_python(value, mode="json", exclude_defaults=isinstance(value, BaseModel))
    if isinstance(value, BaseModel) and hasattr(value, "kind"):
        written = {"kind": value.kind, **written}
    text = written if isinstance(written, str) else json.dumps(written)
    return f"`{text}`" if text else ""
