"""One YAML file with `SWELLD_*` variables over it into checked settings, or every reason why not."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from swelld.config import parse_list
from swelld.engine.target import Target
from swelld.scenario import Scenario
from swelld.settings.environment import FILE_VARIABLE, read_environment
from swelld.settings.file import Unreadable, read_file
from swelld.settings.model import NO_TARGET, Settings, contradictions, unknown_api, unknown_target
from swelld.settings.problems import ConfigError, explain, line
from swelld.settings.shape import follow, misplaced_bools
from swelld.settings.tree import Path, Tree, merge, visit
from swelld.settings.words import is_section, words

M = TypeVar("M", bound=BaseModel)


class TreeSource(PydanticBaseSettingsSource):
    """Hands pydantic-settings what was read."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(Settings)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._tree.data.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._tree.data


def file_of(path: FilePath | None, environ: Mapping[str, str]) -> FilePath | None:
    """The file: the one that is named, or that of SWELLD_CONFIG; None if there is none."""
    return path or (FilePath(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)


def load_settings(path: FilePath | None, environ: Mapping[str, str], flags: Tree | None = None) -> Settings:
    """The settings of a file (None: of SWELLD_CONFIG, or none), the environment over it, and flags over both.

    ConfigError lists everything that is wrong.
    """
    flags = flags or Tree()
    path = file_of(path, environ)
    try:
        file = read_file(path) if path else Tree()
    except Unreadable as error:
        raise ConfigError([str(error)]) from None
    names = {group: [*_entries(file.data, group), *_entries(flags.data, group)] for group in ("targets", "scenarios")}
    environment = read_environment(environ, Settings, names)
    data = merge(merge(file.data, environment.data), flags.data)
    written = [*file.problems, *_unexplained(environment, data)]
    problems = [text for _, text in written]
    found = {at: f"true and false do not belong here; {_instead(at)}" for at in misplaced_bools(Settings, data)}
    try:
        settings = Settings(_build_sources=((TreeSource(flags), TreeSource(environment), TreeSource(file)), {}))
    except ValidationError as error:
        found = dict(_beyond(data)) | explain(error, Settings) | found
    places = file.places | environment.places | flags.places
    otherwise = f"{path}:1" if path else "flags" if flags.data else "environment"
    told = {path for path, _ in written}
    problems += [line(*one, places, otherwise) for one in found.items() if one[0] not in told]
    if problems:
        raise ConfigError(sorted(dict.fromkeys(problems), key=lambda problem: _line_number(problem, path)))
    return settings


def _instead(path: Path) -> str:
    annotation = follow(Settings, path).annotation
    return "write a mapping, key: value" if is_section(annotation) else f"write {words(annotation)}"


def _unexplained(environment: Tree, data: dict[str, Any]) -> list[tuple[Path, str]]:
    """The problems of the environment, without variables that a secret names as its place."""
    named: set[str] = set()
    visit(data, lambda mapping: named.add(str(mapping.get("env"))))
    return [problem for problem in environment.problems if problem[0][0] not in named]


def _line_number(problem: str, path: FilePath | None) -> float:
    number = problem.removeprefix(f"{path}:").partition(":")[0]
    return float(number) if number.isdigit() else math.inf


def _beyond(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What validation does not get to see while anything else is wrong, so that everything is told at once."""
    targets, scenarios, discovers = _entries(data, "targets"), _entries(data, "scenarios"), bool(data.get("discovery"))
    if not targets and not discovers:
        yield ("targets",), NO_TARGET
    for name, raw in targets.items():
        api = raw.get("api") if isinstance(raw, dict) else None
        if isinstance(api, str) and (text := unknown_api(api)):
            yield ("targets", name, "api"), text
    for name, raw in scenarios.items():
        shares = parse_list(raw.get("targets") or []) if isinstance(raw, dict) else []
        for number, share in enumerate(shares):
            target = share.get("target") if isinstance(share, dict) else share
            if isinstance(target, str) and (text := unknown_target(target, targets, discovers=discovers)):
                yield ("scenarios", name, "targets", number), text
    yield from contradictions(_sound(Target, targets), _sound(Scenario, scenarios), discovers=discovers)


def _entries(data: Mapping[str, Any], group: str) -> dict[str, Any]:
    entries = data.get(group)
    return entries if isinstance(entries, dict) else {}


def _sound(model: type[M], entries: Mapping[str, Any]) -> dict[str, M]:
    found: dict[str, M] = {}
    for name, raw in entries.items():
        with suppress(ValidationError):
            found[name] = model.model_validate(raw)
    return found
