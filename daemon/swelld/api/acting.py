"""What can be done through the API."""

from typing import Annotated, Any

import msgspec

from swelld.api.control import (
    NAME_PATTERN,
    Annotation,
    Change,
    Control,
    Inline,
    Labels,
    ScenarioInfo,
    Start,
    Text,
)
from swelld.api.inline import Inlines
from swelld.api.problems import Problem
from swelld.api.reading import scenario_named
from swelld.api.route import TROUBLE, Call, Reply, Route
from swelld.store.base import RunSummary


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run that is wanted."""

    scenario: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] | dict[str, Any]
    """The name of a configured scenario, or a whole one with the keys of the configuration file. Its `targets` are
    names of configured ones, or a mapping from new names to targets, where `web.inline_targets` allows them."""
    labels: Labels = {}
    note: Text = ""


class StartScenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write at the run."""

    labels: Labels = {}
    note: Text = ""


class CancelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to end a run."""

    force: bool = False
    """Cut off the requests under way instead of waiting for their answers."""


class Acting:
    """One method for each path."""

    def __init__(self, control: Control, inlines: Inlines) -> None:
        self._control = control
        self._inlines = inlines

    def routes(self) -> list[Route]:
        """The table."""
        return [*self._of_runs(), *self._of_scenarios()]

    def _of_runs(self) -> list[Route]:
        runs, run = "/api/v1/runs", "/api/v1/runs/{id}"
        return [
            Route(
                "POST", runs, self.start, "Start a run", RunSummary,
                role="operate", body=StartRequest, status=201, errors=(404, *TROUBLE), once=True,
            ),
            Route(
                "POST", f"{run}/change", self.change, "Change the level of a run under way", RunSummary,
                role="operate", body=Change, errors=TROUBLE,
            ),
            Route(
                "POST", f"{run}/cancel", self.cancel, "End a run", RunSummary,
                role="operate", body=CancelRequest, body_required=False, status=202, errors=TROUBLE,
            ),
            Route(
                "PATCH", run, self.annotate, "Write a note or labels at a run", RunSummary,
                role="operate", body=Annotation, errors=(422, 503),
            ),
            Route("DELETE", run, self.delete, "Forget a run that is over", role="admin", status=204, errors=(409, 503)),
        ]  # fmt: skip

    def _of_scenarios(self) -> list[Route]:
        one = "/api/v1/scenarios/{name}"
        return [
            Route(
                "POST", f"{one}/start", self.start_scenario, "Start a run of a scenario now, whatever its schedule",
                RunSummary, role="operate", body=StartScenario, body_required=False, status=201, errors=TROUBLE,
                once=True,
            ),
            Route(
                "POST", f"{one}/pause", self.pause, "Start no more runs of it, and send nothing new", ScenarioInfo,
                role="operate", errors=TROUBLE,
            ),
            Route(
                "POST", f"{one}/resume", self.resume, "Go on with a paused scenario", ScenarioInfo,
                role="operate", errors=TROUBLE,
            ),
            Route(
                "POST", f"{one}/change", self.change_scenario, "Change the level of its run", RunSummary,
                role="operate", body=Change, errors=TROUBLE,
            ),
            Route(
                "POST", f"{one}/cancel", self.cancel_scenario, "End its run", RunSummary,
                role="operate", body=CancelRequest, body_required=False, status=202, errors=TROUBLE,
            ),
        ]  # fmt: skip

    async def start(self, call: Call) -> Reply:
        body: StartRequest = call.body
        scenario: str | Inline
        if isinstance(body.scenario, str):
            scenario = scenario_named(self._control, body.scenario).name
        else:
            scenario = await self._inlines.read(body.scenario)
        return _begun(await self._control.start(Start(scenario, body.labels, body.note, call.caller.name)))

    async def start_scenario(self, call: Call) -> Reply:
        body: StartScenario = call.body
        name = scenario_named(self._control, call.path["name"]).name
        return _begun(await self._control.start(Start(name, body.labels, body.note, call.caller.name)))

    async def pause(self, call: Call) -> ScenarioInfo:
        return await self._control.pause(call.path["name"])

    async def resume(self, call: Call) -> ScenarioInfo:
        return await self._control.resume(call.path["name"])

    async def change_scenario(self, call: Call) -> RunSummary:
        return await self._control.change(self._run_of(call), _one_level(call.body))

    async def cancel_scenario(self, call: Call) -> RunSummary:
        body: CancelRequest = call.body
        return await self._control.cancel(self._run_of(call), force=body.force)

    def _run_of(self, call: Call) -> str:
        scenario = scenario_named(self._control, call.path["name"])
        if scenario.run_id is None:
            raise Problem(409, f"scenario {scenario.name} has no run under way; start one")
        return scenario.run_id

    async def change(self, call: Call) -> RunSummary:
        return await self._control.change(call.path["id"], _one_level(call.body))

    async def cancel(self, call: Call) -> RunSummary:
        body: CancelRequest = call.body
        return await self._control.cancel(call.path["id"], force=body.force)

    async def annotate(self, call: Call) -> RunSummary:
        return await self._control.annotate(call.path["id"], call.body)

    async def delete(self, call: Call) -> None:
        await self._control.delete(call.path["id"])


def _begun(run: RunSummary) -> Reply:
    return Reply(run, f"/api/v1/runs/{run.id}")


def _one_level(change: Change) -> Change:
    if sum(given is not None for given in (change.rate, change.concurrency, change.scale)) != 1:
        raise Problem(422, "give one of `rate`, `concurrency` and `scale`")
    return change
