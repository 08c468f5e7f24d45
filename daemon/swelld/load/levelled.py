"""What loads have in common that decide on their levels while they go on."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from swelld.config import Config, Duration, FieldError
from swelld.load.bounds import Bounds
from swelld.load.stage import ClosedStage, OpenStage, Stage

ROUNDS = 5
"""Requests of every user that a level has at least: with fewer its figures are of the first wave of requests."""
LONGEST_WARMUP = 10.0
PROMPTS = 10_000_000
"""More than a level ever asks."""


class Levelled(Config):
    """Levels of rate or of concurrency, and what is the same at all of them."""

    kind: Literal["rate", "concurrency"]
    """What is raised: `rate` is an open loop, `concurrency` a closed one."""
    arrivals: Literal["constant", "poisson", "gamma"] = "constant"
    """Of a rate: how the gaps between arrivals are spread."""
    burstiness: Annotated[float, Field(gt=0)] = 1.0
    """Shape of gamma arrivals: 1 is Poisson, below 1 burstier, above 1 smoother."""
    think_time: Duration = 0.0
    """Of users: mean time one waits after an answer (exponentially distributed)."""

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Levelled":
        if self.burstiness != 1 and self.arrivals != "gamma":
            raise FieldError((("burstiness",), f"has no meaning for {self.arrivals} arrivals; set `arrivals: gamma`"))
        if self.kind == "concurrency" and self.arrivals != "constant":
            raise FieldError((("arrivals",), "is of an open loop; leave it out, or set `kind: rate`"))
        if self.kind == "rate" and self.think_time:
            raise FieldError((("think_time",), "is of a closed loop; leave it out, or set `kind: concurrency`"))
        return self

    def stage(self, level: float, bounds: Bounds, answer: float | None, place: int = 0) -> Stage:
        """One level; `answer`: about how long an answer takes, if that is known; `place`: how many levels came before,
        which have asked other prompts.

        Users begin spread over the time of an answer and not all at once, for requests that begin together are answered
        together, over and over. Without a warm-up in the bounds, what comes before the level has settled is left out.
        """
        common = bounds.common()
        settle = min(LONGEST_WARMUP, answer or 0.0)
        given = common["warmup_requests"] > 0 or common["warmup_seconds"] > 0
        if self.kind == "rate":
            if not given:
                common["warmup_seconds"] = settle
            return OpenStage(
                label=label(self.kind, level),
                rate=level,
                process=self.arrivals,
                burstiness=self.burstiness,
                max_in_flight=bounds.max_in_flight,
                first_prompt=place * PROMPTS,
                **common,
            )
        users = round(level)
        ramp = min(LONGEST_WARMUP, 2 * (answer or 0.0))  # an answer may take twice as long as at the level before
        if not given:
            common["warmup_seconds"] = 2 * ramp
        if common["requests"] is not None:
            common["requests"] = max(common["requests"], ROUNDS * users)
        return ClosedStage(
            label=label(self.kind, level),
            users=users,
            ramp_up=ramp,
            think_time=self.think_time,
            first_prompt=place * PROMPTS,
            **common,
        )


def label(kind: str, level: float) -> str:
    """The name of a stage, as loads with given levels have it."""
    return f"{kind}={level:.6g}"


def again(name: str, time: int) -> str:
    """The name of the stage in which a level is measured for the second, third, ... time."""
    return name if time == 1 else f"{name} again={time}"
