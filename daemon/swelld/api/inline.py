"""A scenario that came with a request: checked like one in the file, and more strictly in what it may reach.

Whoever may start load may not thereby read files or environment variables of the daemon, nor aim at what only it can
reach.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from swelld.api.addresses import NotAllowed, Policy, Resolver, pinned
from swelld.api.control import Control, Inline
from swelld.api.problems import Problem
from swelld.config import Secret
from swelld.engine.target import ServerMetrics, Target
from swelld.scenario import Scenario
from swelld.settings.model import Name, contradictions, unknown_api
from swelld.settings.problems import explain
from swelld.settings.secrecy import without_secrets

M = TypeVar("M", bound=BaseModel)

_MOST_TARGETS: Final = 16
_SAFE_PROMPTS: Final = ("synthetic", "suite", "inline")
_RESERVED: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "content-type", "upgrade", "te", "trailer", "expect"}
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
_URL: Final = re.compile(r"[\x21-\x7e]+")
_TOKENIZER: Final = re.compile(r"[A-Za-z0-9_]+")


class Inlines:
    """Reads what comes with requests to one daemon."""

    def __init__(self, control: Control, policy: Policy, resolver: Resolver) -> None:
        self._control = control
        self._policy = policy
        self._resolver = resolver

    async def read(self, raw: Mapping[str, Any]) -> Inline:
        """What is asked for, with the addresses of its own targets looked up once and for all; else a Problem."""
        configured = [target.name for target in self._control.targets()]
        return await _read(raw, configured, self._policy, self._resolver)


async def _read(raw: Mapping[str, Any], configured: Collection[str], policy: Policy, resolver: Resolver) -> Inline:
    wrong: list[str] = []
    given = raw.get("targets")
    own = given if isinstance(given, dict) else {}
    if not given:
        wrong.append("targets: is missing; name configured targets, or give new ones as a mapping by name")
    if len(own) > _MOST_TARGETS:
        wrong.append(f"targets: are too many; {_MOST_TARGETS} at most")
        own = {}
    targets = {name: target for name, one in own.items() if (target := _target(name, one, configured, wrong))}
    scenario = _scenario({**raw, "targets": list(own)} if own else raw, wrong)
    if scenario is not None and not own:
        known = [share.target for share in scenario.targets or ()]
        wrong += [
            f"targets: there is no target {name!r}; GET /api/v1/targets" for name in known if name not in configured
        ]
    if scenario is not None and not wrong:
        wrong += [_line(path, text) for path, text in contradictions(targets, {"": scenario}) if own]
    if wrong or scenario is None:
        raise Problem(422, "the scenario cannot be run as it is", errors=wrong)
    addresses = {name: await _addresses(name, target, policy, resolver) for name, target in targets.items()}
    return Inline(scenario, targets, addresses)


def _target(name: str, raw: Any, configured: Collection[str], wrong: list[str]) -> Target | None:
    place = f"targets.{name}"
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        wrong.append(f"{place}: is no name; use up to 63 letters, digits, `_`, `.` and `-`")
        return None
    if name in configured:
        wrong.append(f"{place}: is a configured target; take another name, or give just the name")
    target = _validated(Target, raw, place, wrong)
    if target is None:
        return None
    found = [f"{place}.{text}" for text in (*_unsafe_target(target), *_reaching(target))]
    wrong += found
    return None if found else target.model_copy(update={"metrics": ServerMetrics(url="off")})


def _scenario(raw: Mapping[str, Any], wrong: list[str]) -> Scenario | None:
    prompts = raw.get("prompts", "synthetic")
    kind = prompts.get("kind") if isinstance(prompts, dict) else prompts
    if kind not in _SAFE_PROMPTS:  # before anything opens a file
        wrong.append(
            f"prompts.kind: {', '.join(_SAFE_PROMPTS)} may come with a request; others only in the configuration"
        )
        return None
    if "schedule" in raw or "canary" in raw:
        wrong.append("schedule: a run that was asked for has none; leave out `schedule` and `canary`")
        return None
    scenario = _validated(Scenario, raw, "", wrong)
    if scenario is not None:
        wrong += _reaching(scenario)
    return scenario


def _unsafe_target(target: Target) -> Iterator[str]:
    parts = urlsplit(target.url)
    if text := unknown_api(target.api):
        yield f"api: {text}"
    if parts.scheme not in ("http", "https") or not _URL.fullmatch(target.url):
        yield "url: must be http:// or https:// in plain ASCII; sockets can only be configured"
    elif not _has_port(target.url):
        yield "url: has no such port; write a number from 1 to 65535"
    for name, value in target.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            yield f"headers: {ascii(name)[:60]} is no header: a name and one line of plain ASCII"
        elif name.lower() in _RESERVED:
            yield f"headers: {name} is written by swelld itself; leave it out"
    if target.metrics.url not in ("auto", "off"):
        yield "metrics: only `off` may come with a request"


def _reaching(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Whatever would make the daemon read something of its own machine."""
    place = ".".join(path)
    if isinstance(value, Secret):
        if value.value is None:
            yield f"{place}: must be given plainly; the daemon's environment and files are not for requests"
    elif isinstance(value, Path) or (path[-1:] == ("tokenizer",) and value and not _TOKENIZER.fullmatch(str(value))):
        yield f"{place}: files can only be used by configured scenarios and targets"
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _reaching(getattr(value, name), (*path, name))
    elif isinstance(value, (tuple, list)):
        for number, one in enumerate(value):
            yield from _reaching(one, (*path, str(number)))


async def _addresses(name: str, target: Target, policy: Policy, resolver: Resolver) -> tuple[str, ...]:
    parts = urlsplit(target.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        return await pinned(parts.hostname or "", port, policy, resolver)
    except NotAllowed as refused:
        raise Problem(403, "the run may not be aimed there", errors=[f"targets.{name}.url: {refused}"]) from None


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _validated(model: type[M], raw: Any, place: str, wrong: list[str]) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        prefix = tuple(filter(None, place.split(".")))
        wrong += [_line((*prefix, *path), text) for path, text in explain(error, model).items()]
    except RecursionError:
        wrong.append(f"{place or 'scenario'}: is nested too deeply")
    return None


def _line(path: tuple[Any, ...], text: str) -> str:
    return without_secrets(
        f"{'.'.join(str(step) for step in path if step not in ('scenarios', '')) or 'scenario'}: {text}"
    )
