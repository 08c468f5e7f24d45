"""How many replicas a peak needs: a run that measures it, and the answer from any run that did."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec

from swelld.analysis.question import Peak, Question
from swelld.analysis.recommendation import Recommendation, recommend
from swelld.api.control import NAME_PATTERN, Control, Inline, Labels, NotFound, Start, Text
from swelld.api.inline import Inlines
from swelld.api.problems import Problem
from swelld.api.results import result_of
from swelld.api.route import TROUBLE, Call, Reply, Route
from swelld.store.base import RunSummary

_PLACES: Final = {"targets": "target", "load.search.levels": "concurrency_steps"}
"""Keys of a scenario, and what they are called in a question."""


class RecommendRequest(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked, and of which server."""

    target: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] | dict[str, Any]
    """One replica: the name of a configured target, or a mapping from one new name to a target, where
    `web.inline_targets` allows it."""
    prompts: Annotated[str, msgspec.Meta(max_length=100)] | dict[str, Any] = "synthetic"
    """As in a scenario."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    labels: Labels = {}
    note: Text = ""


class RecommendationBegun(msgspec.Struct, frozen=True, kw_only=True):
    """Measuring goes on."""

    run: RunSummary
    recommendation: str
    """Where the answer is when the run is over."""


class Recommending:
    """One method for each path."""

    def __init__(self, control: Control, inlines: Inlines) -> None:
        self._control = control
        self._inlines = inlines

    def routes(self) -> list[Route]:
        """The table."""
        here = "/api/v1/runs/{id}/recommendation"
        return [
            Route(
                "POST", "/api/v1/recommend", self.recommend, "Measure what one replica carries", RecommendationBegun,
                role="operate", body=RecommendRequest, status=202, errors=(404, *TROUBLE), once=True,
            ),
            Route(
                "GET", here, self.recommendation, "How many replicas a peak needs, by a run that has searched",
                Recommendation, Peak, errors=(409, 422),
            ),
        ]  # fmt: skip

    async def recommend(self, call: Call) -> Reply:
        asked: RecommendRequest = call.body
        if not asked.thresholds():
            raise Problem(422, "no target: give `ttft_target`, `tpot_target` or `e2e_target` in seconds")
        inline = await self._measuring(asked)
        run = await self._control.start(Start(inline, asked.labels, asked.note, call.caller.name))
        here = f"/api/v1/runs/{run.id}"
        return Reply(RecommendationBegun(run=run, recommendation=f"{here}/recommendation?{_query(asked)}"), here)

    async def recommendation(self, call: Call) -> Recommendation:
        peak: Peak = call.query
        result = await result_of(self._control, call.path["id"], over=True)
        wish = peak.wish([gpu.name for gpu in result.gpu.gpus] if result.gpu else ())
        if wish.gpu_price is not None and wish.gpus_per_replica is None:
            raise Problem(422, "gpu_price: the run has seen no GPU; say how many a replica has: `gpus_per_replica`")
        try:
            return recommend(result, wish)
        except ValueError as error:
            raise NotFound(f"{error}, or POST /api/v1/recommend") from None

    async def _measuring(self, asked: RecommendRequest) -> Inline:
        if isinstance(asked.target, dict) and len(asked.target) != 1:
            raise Problem(422, "target: one replica is measured; give a mapping from one name to a target")
        targets = [asked.target] if isinstance(asked.target, str) else asked.target
        raw = {**asked.scenario(), "targets": targets, "prompts": asked.prompts, "seed": asked.seed}
        try:
            return await self._inlines.read(raw)
        except Problem as problem:
            raise Problem(problem.status, problem.detail, errors=[_renamed(text) for text in problem.errors]) from None


def _query(peak: Peak) -> str:
    """What is needed for the answer besides the run."""
    given = {name: getattr(peak, name) for name in Peak.__struct_fields__}
    return urlencode({name: value for name, value in given.items() if value is not None})


def _renamed(text: str) -> str:
    """What is wrong with the scenario, as something in the question."""
    for key, name in _PLACES.items():
        if text.startswith(key):
            return name + text.removeprefix(key)
    return text
