"""A daemon for tests of the API: it remembers what it was asked to do, and loads nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

import sample_results
from swelld.api.control import (
    Annotation,
    Change,
    Conflict,
    NotFound,
    Refused,
    RunDetail,
    ScenarioInfo,
    Start,
    Status,
    TargetInfo,
)
from swelld.result import Progress, Result
from swelld.store.base import OVER, Filter, Listing, Page, RunSummary, TargetRow, decode_cursor, encode_cursor

DONE = "20261114-102030-3fa9"
OLDER = "20261113-102030-11aa"
LIVE = "20261115-080000-77cc"


def summary(run_id: str, scenario: str, state: Any, started: float, **more: Any) -> RunSummary:
    """A run in a list."""
    plain = RunSummary(
        id=run_id,
        scenario=scenario,
        state=state,
        started=started,
        finished=None,
        duration=None,
        instance="here",
        seed=7,
        version="0.1.0",
        config_hash="ab12",
        note="",
        labels={},
        targets=(TargetRow("a", "tiny"),),
        verdict=None,
        stages=1,
        requests=100,
        ok=100,
        failed=0,
        dropped=0,
        request_rate=12.5,
        output_token_rate=None,
        ttft_p95=0.07,
        e2e_p95=None,
        goodput_ratio=None,
        valid=True,
    )
    return msgspec.structs.replace(plain, **more)


def progress(run_id: str = LIVE, **more: Any) -> Progress:
    """A run under way."""
    plain = Progress(
        run_id=run_id,
        scenario="canary",
        state="running",
        stage="rate=10",
        stage_number=1,
        stage_count=1,
        elapsed=1.5,
        fraction=None,
        remaining=None,
        in_flight=3,
        done=12,
        total=None,
        failed=0,
        request_rate=10.0,
        output_token_rate=640.0,
        e2e_p90=1.3,
        ttft_p50=None,
    )
    return msgspec.structs.replace(plain, **more)


def result(run_id: str, request_rate: float = 12.5) -> Result:
    """A run that is over."""
    whole = sample_results.result([sample_results.stage(request_rate=request_rate)])
    return msgspec.structs.replace(whole, run=msgspec.structs.replace(whole.run, id=run_id))


class FakePage(NamedTuple):
    """A page of metrics."""

    body: bytes
    content_type: str


class FakeExposition:
    """Metrics that can be counted."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.lines = 2000

    def render(self, accept: str) -> FakePage:
        self.accepted.append(accept)
        return FakePage(b"swelld_target_up 1\n" * self.lines, "text/plain; version=0.0.4; charset=utf-8")


class FakeControl:
    """One scenario runs, one is idle; two runs are over."""

    def __init__(self) -> None:
        self.is_ready = True
        self.complaints: list[str] = []
        self.started: list[Start] = []
        self.asked: list[tuple[Any, ...]] = []
        self.slow = 0.0
        """How long a start takes."""
        self.bad_file: list[str] = []
        self.paused: set[str] = set()
        self.live: dict[str, Progress] = {LIVE: progress()}
        self.results: dict[str, Result] = {DONE: result(DONE), OLDER: result(OLDER, 10.0)}
        runs = [
            summary(LIVE, "canary", "running", 1763193600.0),
            summary(DONE, "nightly", "completed", 1763115630.0, finished=1763115692.0, verdict="PASS"),
            summary(OLDER, "nightly", "completed", 1763029230.0, finished=1763029292.0, labels={"branch": "main"}),
        ]
        self.known: dict[str, RunSummary] = {run.id: run for run in runs}

    def healthy(self) -> list[str]:
        return self.complaints

    def ready(self) -> bool:
        return self.is_ready

    def status(self) -> Status:
        return Status(
            version="0.1.0",
            instance="here",
            started=1763190000.0,
            ready=self.is_ready,
            complaints=self.complaints,
            runs_under_way=len(self.live),
            config_hash="ab12",
        )

    def config(self) -> dict[str, Any]:
        return {"targets": {"a": {"api_key": "***"}}}

    def targets(self) -> list[TargetInfo]:
        return [TargetInfo(name="a", config={"url": "http://127.0.0.1:1"})]

    def scenarios(self) -> list[ScenarioInfo]:
        under_way = LIVE if LIVE in self.live else None
        return [
            self._scenario("canary", "running" if under_way else "idle", under_way),
            self._scenario("nightly", "idle", None),
        ]

    def progress(self, run_id: str) -> Progress | None:
        if run_id == "broken":
            raise RuntimeError("secret inside")
        return self.live.get(run_id)

    async def start(self, wanted: Start) -> RunSummary:
        await asyncio.sleep(self.slow)
        if wanted.note == "ceiling":
            raise Refused("50 requests per second are beyond the ceiling of target a (10/s)")
        self.started.append(wanted)
        number = len(self.started)
        name = wanted.scenario if isinstance(wanted.scenario, str) else "inline"
        run = summary(f"20261116-000000-{number:04x}", name, "pending", 1763251200.0 + number, note=wanted.note)
        self.known[run.id] = msgspec.structs.replace(run, labels=dict(wanted.labels))
        return self.known[run.id]

    async def pause(self, scenario: str) -> ScenarioInfo:
        self._named(scenario)
        self.paused.add(scenario)
        return self._named(scenario)

    async def resume(self, scenario: str) -> ScenarioInfo:
        self._named(scenario)
        self.paused.discard(scenario)
        return self._named(scenario)

    async def change(self, run_id: str, change: Change) -> RunSummary:
        run = self._under_way(run_id)
        if change.rate is not None and change.rate > 1000:
            raise Refused("1001 requests per second are beyond the ceiling of target a (1000/s)")
        self.asked.append(("change", run_id, change))
        return run

    async def cancel(self, run_id: str, *, force: bool) -> RunSummary:
        run = self._under_way(run_id)
        self.asked.append(("cancel", run_id, force))
        return run

    async def runs(self, wanted: Filter, page: Page) -> Listing:
        found = sorted(self.known.values(), key=lambda run: (-run.started, run.id))
        if wanted.scenario is not None:
            found = [run for run in found if run.scenario == wanted.scenario]
        if wanted.states:
            found = [run for run in found if run.state in wanted.states]
        found = [run for run in found if _has(run.labels, wanted.labels)]
        found = [run for run in found if wanted.since is None or run.started >= wanted.since]
        count = len(found)
        if page.after is not None:
            try:
                before = decode_cursor(page.after)[0]
            except ValueError as error:
                raise Refused(f"after {error}") from None
            found = [run for run in found if run.started < before]
        rest, found = found[page.size :], found[: page.size]
        return Listing(tuple(found), count, encode_cursor(found[-1].started, found[-1].id) if rest else None)

    async def run(self, run_id: str) -> RunDetail:
        return RunDetail(run=self._run(run_id), progress=self.progress(run_id), result=self.results.get(run_id))

    async def annotate(self, run_id: str, annotation: Annotation) -> RunSummary:
        run = self._run(run_id)
        labels = {**run.labels, **(annotation.labels or {})}
        note = run.note if annotation.note is None else annotation.note
        kept = {name: value for name, value in labels.items() if value is not None}
        self.known[run_id] = msgspec.structs.replace(run, note=note, labels=kept)
        return self.known[run_id]

    async def delete(self, run_id: str) -> None:
        if self._run(run_id).state not in OVER:
            raise Conflict(f"run {run_id} is under way; cancel it first")
        del self.known[run_id]

    async def reload(self) -> None:
        if self.bad_file:
            raise Refused("the configuration was not taken over", self.bad_file)
        self.asked.append(("reload",))

    def _scenario(self, name: str, state: str, run_id: str | None) -> ScenarioInfo:
        return ScenarioInfo(
            name=name,
            state="paused" if name in self.paused else state,
            paused=name in self.paused,
            run_id=run_id,
            progress=self.progress(run_id) if run_id else None,
            config={"load": {"rate": "10/s"}},
        )

    def _named(self, name: str) -> ScenarioInfo:
        found = [scenario for scenario in self.scenarios() if scenario.name == name]
        if not found:
            raise NotFound(f"there is no scenario {name!r}")
        return found[0]

    def _run(self, run_id: str) -> RunSummary:
        if run_id not in self.known:
            raise NotFound(f"there is no run {run_id}; GET /api/v1/runs lists them")
        return self.known[run_id]

    def _under_way(self, run_id: str) -> RunSummary:
        run = self._run(run_id)
        if run.state in OVER:
            raise Conflict(f"run {run_id} is over; start another one")
        return run


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(name in labels and value in ("", labels[name]) for name, value in wanted.items())
