"""What a user writes: targets, prompts, load, bounds and objectives, checked against each other."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from swelld.canary import Canary, expanded
from swelld.checks.settings import Checks
from swelld.components import Load, Prompts, default_prompts
from swelld.config import Config, Duration, FieldError, PositiveDuration, parse_list
from swelld.hub.yielding import YieldSwitch, YieldToUsers
from swelld.load.bounds import Bounds
from swelld.load.open import Open
from swelld.load.replay import Replay
from swelld.load.search import Searching
from swelld.load.sequential import Sequential
from swelld.load.stage import Stage
from swelld.load.sweep import Sweeping
from swelld.prompts.sessions import Dialogues, MadeUp
from swelld.prompts.traces import Trace
from swelld.schedule.model import Schedule
from swelld.spending import Budget


class Share(Config):
    """A target of a scenario, and how much of the traffic it gets; written {target: NAME, weight: 0.3} or just NAME."""

    target: str
    """Name of one of the `targets`."""
    weight: Annotated[float, Field(gt=0)] | None = None
    """Its part of the requests, relative to the other weights."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"target": data} if isinstance(data, str) else data


class Warmup(Config):
    """What comes before the measured window of every stage; with both given, the longer one counts."""

    requests: Annotated[int, Field(ge=0)] = 0
    """Requests sent before the window opens."""
    duration: Duration = 0.0
    """Time before the window opens."""


class Objectives(Config):
    """What users should feel: a request is good if it meets every threshold given here."""

    ttft: PositiveDuration | None = None
    """Longest time from sending to the first token (needs `stream`)."""
    tpot: PositiveDuration | None = None
    """Longest mean time per output token after the first (needs `stream`)."""
    itl: PositiveDuration | None = None
    """Longest gap between two events with tokens (needs `stream`)."""
    e2e: PositiveDuration | None = None
    """Longest time from sending to the last token."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Share of all scheduled requests that has to be good."""

    def thresholds(self) -> dict[str, float]:
        """The thresholds that are given, in seconds."""
        given = {"ttft": self.ttft, "tpot": self.tpot, "itl": self.itl, "e2e": self.e2e}
        return {name: threshold for name, threshold in given.items() if threshold is not None}


def _mix_of(data: dict[str, Any]) -> Literal["weighted", "each"]:
    return "weighted" if any(share.weight is not None for share in data.get("targets") or ()) else "each"


class Scenario(Config):
    """Targets, prompts, load, bounds and objectives: what one run carries out."""

    canary: Canary | None = None
    """A ready-made scenario that keeps watch over a server, of which every key can be given otherwise: `wedge` asks for
    one token four times a minute, `stream` for 64 streamed ones twelve times a minute."""
    targets: Annotated[tuple[Share, ...], BeforeValidator(parse_list), Field(min_length=1)] | None = None
    """Names of the targets to load, or {target, weight} for each; all of them if not given."""
    mix: Literal["weighted", "each"] = Field(default_factory=_mix_of)
    """`weighted`: every request goes to one target, drawn by weight; `each`: every target gets the whole load, in
    parallel. `weighted` if weights are given, otherwise `each`."""
    prompts: Prompts = Field(default_factory=default_prompts)
    """What is asked."""
    load: Load
    """How requests fall due; the kind follows from the keys, and `load: 10/s` is short for {rate: 10/s}."""
    requests: Annotated[int, Field(gt=0)] | None = None
    """Measured requests of each stage (and of each target with `mix: each`)."""
    duration: PositiveDuration | None = None
    """Measured time of each stage."""
    warmup: Warmup = Warmup()
    """What comes before the measured window of every stage."""
    drain: Duration = 30.0
    """How long requests under way may still take when a stage is over; then they are cancelled."""
    timeout: PositiveDuration | None = None
    """Longest time for each part of an exchange and for the whole, where the targets' `timeouts` are longer."""
    contention: Literal["off", "solo_first"] = "off"
    """`solo_first`: before each stage every target has its part of the load to itself, in a stage `... solo=NAME`, so
    that what it loses to the others is a number."""
    window: Literal["all", "steady"] = "all"
    """Which exchanges of a stage the result is made of: `all` measured ones, or only those while the load was `steady`,
    without ramp and drain; all of them, with a warning, where it never was."""
    objectives: Objectives = Objectives()
    """What users should feel."""
    checks: Checks | None = None
    """What the text of the answers has to be like."""
    budget: Budget | None = None
    """What its runs may use in an hour or a day."""
    yield_to_users: YieldSwitch = False
    """Makes room for the users of its servers; `true` does so with the defaults."""
    schedule: Schedule = Schedule(kind="at_start")
    """When it runs; a word is short for its kind, {every: 15m} and {cron: "0 2 * * *"} need none."""
    max_in_flight: Annotated[int, Field(gt=0)] = 10000
    """Open loop: requests open at a time; an arrival beyond it is dropped and counted."""
    calibration: Literal["off", "before", "beside"] = "off"
    """Have the load processes measure a simulator of known timing as well, which shows what they add to a time to
    first token: `before` the first stage (2 s), or `beside` every stage at 4 requests a second each."""
    shards: Annotated[int, Field(gt=0, le=9999)] | None = None
    """So many load processes of its own, for as long as a run lasts, instead of those that all scenarios share."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Fixes prompts and arrivals; the `seed` of the whole configuration if not given."""

    @model_validator(mode="before")
    @classmethod
    def _from_canary(cls, data: Any) -> Any:
        return expanded(data)

    @field_validator("targets")
    @classmethod
    def _weights_for_all_or_none(cls, shares: tuple[Share, ...] | None) -> tuple[Share, ...] | None:
        shares = shares or ()
        names = [share.target for share in shares]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; list every target once")
        lacking = [share.target for share in shares if share.weight is None]
        if lacking and len(lacking) < len(shares):
            raise ValueError(f"{lacking[0]!r} has no weight, but others have; give a weight to every target or to none")
        return shares or None

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        found = list(self._contradictions())
        if found:
            raise FieldError(*found)
        return self

    def _contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        bounded = self.requests is not None or self.duration is not None
        endless = self.schedule.kind == "continuous"
        replay = self.load.replay if isinstance(self.load, Replay) else None
        bounded = bounded or (replay is not None and not replay.loop)
        if not bounded and not endless and not isinstance(self.load, Sequential):
            yield (), "has no end; set `requests`, `duration` or `schedule: continuous`"
        if not bounded and endless and len(self.load.levels()) > 1:
            yield (), f"would never leave its first stage ({self.load.levels()[0]}); set `requests` or `duration`"
        if replay is not None and not isinstance(self.prompts, Trace):
            yield ("prompts",), "are no trace that could be replayed; set {kind: trace, file: ...}"
        if isinstance(self.load, Sequential) and isinstance(self.prompts, (MadeUp, Dialogues)):
            yield ("load",), "has no meaning for sessions, whose turns follow each other; set `concurrency: 1`"
        search = self.load.search if isinstance(self.load, Searching) else None
        if search is not None and search.kind == "concurrency" and not self.objectives.thresholds():
            yield ("objectives",), "are what the search goes by; set `ttft`, `tpot`, `itl` or `e2e`"
        if isinstance(self.load, Open) and self.load.ramps() and self.duration is None:
            yield ("load", "rate"), "a ramp needs to know how long it lasts; set `duration`"
        yield from self._no_contention(endless=endless and not bounded)
        if self.mix == "each" and any(share.weight is not None for share in self.targets or ()):
            yield ("mix",), "each target gets the whole load, so weights have no meaning; set `mix: weighted`"

    def _no_contention(self, *, endless: bool) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What stands in the way of measuring it."""
        if self.contention == "off":
            return
        if isinstance(self.load, (Searching, Sweeping)):
            yield ("contention",), "needs levels that are known beforehand; set `rate` or `concurrency`"
        if endless:
            yield ("contention",), "would never leave its first target; set `requests` or `duration`"
        names = [share.target for share in self.targets or ()]
        if len(names) == 1 and not set(names[0]) & set("*?["):
            yield ("contention",), "needs at least two targets, one of which loses something to the other"

    @property
    def yielding(self) -> YieldToUsers | None:
        """How it makes room for users; None if it does not."""
        return self.yield_to_users if isinstance(self.yield_to_users, YieldToUsers) else None

    def bounds(self, prompts: int | None = None) -> Bounds:
        """What every stage shares; `prompts` is the size of the opened prompt set (None: endless)."""
        return Bounds(
            requests=self.requests,
            duration=self.duration,
            warmup_requests=self.warmup.requests,
            warmup_seconds=self.warmup.duration,
            drain_seconds=self.drain,
            max_in_flight=self.max_in_flight,
            prompts=prompts,
        )

    def stages(self, prompts: int | None = None) -> list[Stage]:
        """The stages of a run; ValueError if an endless prompt set leaves a sequential load without an end."""
        return self.load.stages(self.bounds(prompts))
