"""How many replicas a peak needs, as a question: what is to be served, and the scenario that measures it."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from swelld.analysis.recommendation import Wish, needed_users

Price = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Users = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Peak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all replicas together are to serve."""

    peak_concurrency: Users
    """Users at a time."""
    headroom: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.2
    """Spare capacity, as a share of the peak."""
    gpus_per_replica: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    gpu_price: Price | None = None
    """USD for a GPU and hour."""

    def wish(self, gpus: Sequence[str] = ()) -> Wish:
        """`gpus`: names of those that were seen; they are taken for those of a replica if their number is not given."""
        given = self.gpus_per_replica is not None
        return Wish(
            peak=self.peak_concurrency,
            headroom=self.headroom,
            gpus_per_replica=self.gpus_per_replica if given else len(gpus) or None,
            gpu_name=None if given else ", ".join(dict.fromkeys(gpus)) or None,
            gpu_price=self.gpu_price,
        )


class Question(Peak, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """And what users are to feel, and how closely to measure: times in seconds, shares of one."""

    ttft_target: Annotated[float, msgspec.Meta(gt=0, le=120)] | None = None
    """Longest time to the first token. One of the three targets is needed."""
    tpot_target: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None
    """Longest mean time per output token after the first."""
    e2e_target: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    """Longest time to the last token."""
    goodput_target: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.95
    """Share of the requests that has to meet all targets."""
    concurrency_steps: Annotated[list[Users], msgspec.Meta(max_length=100)] = []
    """Levels to begin with, rising; nothing above the last one is tried. By default it doubles from 1."""
    num_requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    """Of a level, at least; five for each user if that is more."""
    precision: Annotated[float, msgspec.Meta(ge=0.01, le=1)] = 0.05
    """Of the capacity, as a share of it."""
    at_most: Annotated[float, msgspec.Meta(gt=0, le=604_800)] = 3600.0
    """Longest time for all of it."""

    def thresholds(self) -> dict[str, float]:
        """The targets that are given, by the names of objectives."""
        given = {"ttft": self.ttft_target, "tpot": self.tpot_target, "e2e": self.e2e_target}
        return {name: seconds for name, seconds in given.items() if seconds is not None}

    def scenario(self) -> dict[str, Any]:
        """Keys of a scenario that finds what one replica carries, and tries no more users than are needed in all."""
        search: dict[str, Any] = {
            "kind": "concurrency",
            "max": needed_users(self.wish()),
            "precision": self.precision,
            "at_most": {"duration": self.at_most},
        }
        if self.concurrency_steps:
            search["levels"] = self.concurrency_steps
        objectives = {**self.thresholds(), "share": self.goodput_target}
        return {"load": {"search": search}, "requests": self.num_requests, "objectives": objectives}
