"""What can be read through the API."""

import asyncio
import platform
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from swelld import __version__
from swelld.analysis.compare import By, Comparison
from swelld.api.audit import Audit, Entry, Kind
from swelld.api.comparison import compare
from swelld.api.control import (
    NAME_PATTERN,
    Control,
    NotFound,
    RunDetail,
    ScenarioInfo,
    Status,
    TargetInfo,
)
from swelld.api.problems import Problem
from swelld.api.results import result_of
from swelld.api.route import Call, Route
from swelld.config import suggest
from swelld.export.forms import CHARSETS, MEDIA_TYPES, SUFFIXES, Form, export
from swelld.result import Result
from swelld.store.base import LARGEST_PAGE, Filter, Listing, Page, State

T = TypeVar("T")
_EXPORTS: Final = {
    "text/csv": "One row for each target and stage",
    "text/plain": "The report for people",
    "text/markdown": "The same for a pull request",
    "text/html": "A report in one file",
    MEDIA_TYPES["xlsx"]: "A workbook with charts",
}
Id = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Short = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]


class BuildInfo(msgspec.Struct, frozen=True):
    """What is running."""

    version: str
    python: str


class Targets(msgspec.Struct, frozen=True):
    """Every target."""

    targets: list[TargetInfo]


class Scenarios(msgspec.Struct, frozen=True):
    """Every configured scenario."""

    scenarios: list[ScenarioInfo]


class AuditLog(msgspec.Struct, frozen=True):
    """The last requests of one kind, the latest first."""

    entries: list[Entry]


class RunQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs, and which page of them; whatever is given must hold."""

    scenario: Short | None = None
    state: list[State] = []
    """Any of these; may be repeated."""
    target: Short | None = None
    model: Short | None = None
    label: list[Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^\x00=]+(=[^\x00]*)?$")]] = []
    """NAME or NAME=VALUE; may be repeated, and all must hold."""
    instance: Short | None = None
    since: Short | None = None
    """Begun at this moment or later: ISO 8601 with an offset, or Unix seconds."""
    until: Short | None = None
    """Begun before this moment."""
    text: Short | None = None
    """In the id, the scenario, the note or a label."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_PAGE)] = 50
    after: Short | None = None
    """The `next` of the page before."""


class CompareQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to compare with."""

    base: Id
    """The id of the run that the others are judged by."""
    also: Annotated[list[Id], msgspec.Meta(max_length=18)] = []
    """Ids of more runs to judge; may be repeated."""
    by: By = "stage"
    """What is held against each other: stages of the same name, or all `target`s or `model`s of all these runs."""
    fail_if: list[Annotated[str, msgspec.Meta(max_length=100)]] = []
    """What is a regression: `ttft.p95 > +10%`, `goodput < -2%`; may be repeated, the usual thresholds if not given."""


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which shape."""

    format: Form = "json"
    """`json` is the result file, `csv` one row for each target and stage, `text` the report for people."""


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries."""

    kind: Kind = "acted"
    """What was done, or what was `refused`."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Reading:
    """One method for each path."""

    def __init__(self, control: Control, audit: Audit) -> None:
        self._control = control
        self._audit = audit

    def routes(self) -> list[Route]:
        """The table."""
        return [*self._of_daemon(), *self._of_runs()]

    def _of_daemon(self) -> list[Route]:
        status, scenarios = "/api/v1/status", "/api/v1/scenarios"
        everything = "The effective configuration, without secrets"
        return [
            Route("GET", status, self.status, "How the daemon is", Status),
            Route("GET", f"{status}/buildinfo", self.build_info, "What is running", BuildInfo),
            Route("GET", f"{status}/config", self.config, everything, dict[str, Any]),
            Route("GET", "/api/v1/targets", self.targets, "Every target", Targets),
            Route("GET", "/api/v1/targets/{name}", self.target, "One target", TargetInfo),
            Route("GET", scenarios, self.scenarios, "Every configured scenario, and what it is doing", Scenarios),
            Route("GET", f"{scenarios}/{{name}}", self.scenario, "One scenario", ScenarioInfo),
            Route(
                "GET", "/api/v1/audit", self.audit, "Who changed what, or was refused", AuditLog, AuditQuery,
                role="admin", errors=(422,),
            ),
        ]  # fmt: skip

    def _of_runs(self) -> list[Route]:
        run, compare = "/api/v1/runs/{id}", "A run, and others, beside a former one"
        return [
            Route("GET", "/api/v1/runs", self.runs, "Runs, the latest first", Listing, RunQuery, errors=(422,)),
            Route("GET", run, self.run, "One run: its progress, or its result", RunDetail),
            Route("GET", f"{run}/compare", self.compare, compare, Comparison, CompareQuery, errors=(409, 422)),
            Route(
                "GET", f"{run}/export", self.export, "The result as a file", Result, ExportQuery,
                media=_EXPORTS, errors=(409, 422),
            ),
        ]  # fmt: skip

    async def status(self, call: Call) -> Status:
        return self._control.status()

    async def build_info(self, call: Call) -> BuildInfo:
        return BuildInfo(__version__, platform.python_version())

    async def config(self, call: Call) -> dict[str, Any]:
        return self._control.config()

    async def targets(self, call: Call) -> Targets:
        return Targets(self._control.targets())

    async def target(self, call: Call) -> TargetInfo:
        found = {target.name: target for target in self._control.targets()}
        return _known("target", call.path["name"], found)

    async def scenarios(self, call: Call) -> Scenarios:
        return Scenarios(self._control.scenarios())

    async def scenario(self, call: Call) -> ScenarioInfo:
        return scenario_named(self._control, call.path["name"])

    async def runs(self, call: Call) -> Listing:
        query: RunQuery = call.query
        wanted = Filter(
            scenario=query.scenario,
            states=tuple(query.state),
            target=query.target,
            model=query.model,
            labels=dict(label.partition("=")[::2] for label in query.label),
            instance=query.instance,
            since=_moment("since", query.since),
            until=_moment("until", query.until),
            text=query.text,
        )
        return await self._control.runs(wanted, Page(query.limit, query.after))

    async def run(self, call: Call) -> RunDetail:
        return await self._control.run(call.path["id"])

    async def compare(self, call: Call) -> Comparison:
        query: CompareQuery = call.query
        ids = [query.base, call.path["id"], *query.also]
        results = [await result_of(self._control, run_id) for run_id in ids]
        return await asyncio.to_thread(compare, results, query.fail_if, query.by)

    async def export(self, call: Call) -> web.Response:
        query: ExportQuery = call.query
        run_id = call.path["id"]
        try:
            body = await asyncio.to_thread(export, await result_of(self._control, run_id), query.format)
        except ValueError as error:  # a library that only this format needs
            raise Problem(422, str(error)) from None
        headers = {"Content-Disposition": f'attachment; filename="{run_id}.{SUFFIXES[query.format]}"'}
        kind, charset = MEDIA_TYPES[query.format], CHARSETS[query.format]
        return web.Response(body=body, content_type=kind, charset=charset, headers=headers)

    async def audit(self, call: Call) -> AuditLog:
        query: AuditQuery = call.query
        return AuditLog(self._audit.latest(query.kind, query.limit))


def scenario_named(control: Control, name: str) -> ScenarioInfo:
    """One of the configured scenarios; NotFound names what there is."""
    return _known("scenario", name, {scenario.name: scenario for scenario in control.scenarios()})


def _known(kind: str, name: str, found: dict[str, T]) -> T:
    if name not in found:
        raise NotFound(f"there is no {kind} {name!r}; {suggest(name, found)}")
    return found[name]


def _moment(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(422, f"{name}: is no moment; write 2026-11-14T10:20:30Z or Unix seconds")
    return moment.timestamp()
