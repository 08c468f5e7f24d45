"""What the API sees of the daemon and asks of it, and the documents that go over the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import msgspec

from swelld.engine.target import Target
from swelld.result import Progress, Result
from swelld.scenario import Scenario
from swelld.store.base import Filter, Listing, RunSummary
from swelld.store.base import Page as RunPage

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
"""Scenarios, targets and runs."""

Text = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00]*$")]
LabelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$")]
LabelValue = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Labels = Annotated[dict[LabelName, LabelValue], msgspec.Meta(max_length=20)]
LabelChanges = Annotated[dict[LabelName, LabelValue | None], msgspec.Meta(max_length=20)]


class Failed(Exception):
    """Something that was asked cannot be done; the message says the remedy, `errors` what is wrong one by one."""

    def __init__(self, detail: str, errors: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class NotFound(Failed):
    """There is no such thing."""


class Conflict(Failed):
    """Not in the present state of things."""


class Refused(Failed):
    """Never, as it was asked: a ceiling, a wrong value, a bad configuration file."""


class Unavailable(Failed):
    """Not now: the daemon is stopping, or its store cannot be reached."""


class TargetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A server that can be loaded."""

    name: str
    config: dict[str, Any]
    """As configured, without secrets."""


class ScenarioInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario and what it is doing."""

    name: str
    state: str
    """That of its run under way, else `idle`, `paused` or `failed` if it could not be run."""
    paused: bool
    trouble: str | None = None
    """Why its latest run could not be carried out; null if it could."""
    run_id: str | None = None
    """Of its run under way."""
    next_run: float | None = None
    """When it runs next by its schedule, Unix seconds."""
    progress: Progress | None = None
    config: dict[str, Any]
    """As configured, without secrets."""


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run in full."""

    run: RunSummary
    progress: Progress | None = None
    """While it goes on."""
    result: Result | None = None
    """Once it is over, or of a run under way what its last checkpoint says; null if nothing is known yet."""


class Annotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written at a run; what is not given stays."""

    note: Text | None = None
    """Replaces the note; an empty one takes it away."""
    labels: LabelChanges | None = None
    """Sets these and leaves others alone; null takes one away."""


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another level for the present stage of a run: one of the three."""

    rate: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    """Requests per second, of an open loop."""
    concurrency: Annotated[int, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    """Requests at a time, of a closed loop."""
    scale: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    """Of an open loop: the rate that was planned, whatever shape it has, times this."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon is."""

    version: str
    instance: str
    """Which of several daemons."""
    started: float
    """Unix seconds."""
    ready: bool
    complaints: list[str]
    """Why it is not healthy; empty if it is."""
    runs_under_way: int
    config_hash: str
    reloaded: float | None = None
    """When the configuration was last read and taken over, Unix seconds."""
    reload_errors: list[str] = []
    """What was wrong with the file at the last try; empty if it was taken over."""


@dataclass(frozen=True, slots=True)
class Inline:
    """A scenario that came with a request. Its targets are configured ones or those given here."""

    scenario: Scenario
    targets: Mapping[str, Target] = field(default_factory=dict)
    """Not configured, allowed by address."""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each target in `targets`: the addresses that were checked, and the only ones to connect to."""


@dataclass(frozen=True, slots=True)
class Start:
    """A run that is asked for: of a configured scenario by its name, or of one that came along."""

    scenario: str | Inline
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    by: str = ""
    """Who asked for it."""


class Control(Protocol):
    """The daemon, for the API. What it hands out holds no secret; what it cannot do, it raises as a Failed."""

    def healthy(self) -> list[str]:
        """What is wrong with the daemon itself; empty if it is well."""

    def ready(self) -> bool:
        """Whether what the configuration asks for is armed."""

    def status(self) -> Status:
        """How it is."""

    def config(self) -> dict[str, Any]:
        """The effective configuration."""

    def targets(self) -> list[TargetInfo]:
        """Every target."""

    def scenarios(self) -> list[ScenarioInfo]:
        """Every configured scenario."""

    def progress(self, run_id: str) -> Progress | None:
        """Of a run under way; None if it is over or not known. Called often: it must cost nothing."""

    async def start(self, wanted: Start) -> RunSummary:
        """Begin a run; it may still be pending on return. NotFound, Conflict, Refused, Unavailable."""

    async def pause(self, scenario: str) -> ScenarioInfo:
        """No more runs by the schedule, and nothing new is sent by the one under way. NotFound."""

    async def resume(self, scenario: str) -> ScenarioInfo:
        """The opposite. NotFound."""

    async def change(self, run_id: str, change: Change) -> RunSummary:
        """Go on at another level. NotFound, Conflict if it is over, Refused beyond a ceiling."""

    async def cancel(self, run_id: str, *, force: bool) -> RunSummary:
        """End a run: drain it, or with `force` cut off what is under way. NotFound, Conflict if it is over."""

    async def runs(self, wanted: Filter, page: RunPage) -> Listing:
        """Runs under way and stored, the latest first. Refused for a page that cannot be."""

    async def run(self, run_id: str) -> RunDetail:
        """One run, whether under way or stored. NotFound."""

    async def annotate(self, run_id: str, annotation: Annotation) -> RunSummary:
        """Write at a run. NotFound."""

    async def delete(self, run_id: str) -> None:
        """Forget a run. NotFound, Conflict if it is under way."""

    async def reload(self) -> None:
        """Read the configuration again; Refused, with what is wrong with it, leaves everything as it was."""


class Page(Protocol):
    """A rendered page of metrics."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...


class Exposition(Protocol):
    """Renders /metrics for an Accept header, quickly: it is called in the hub's event loop."""

    def render(self, accept: str) -> Page: ...
