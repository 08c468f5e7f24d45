"""One level of a load, as a shard carries it out."""

import msgspec

from swelld.load.shapes import Constant, Product, Shape


class Solo(msgspec.Struct, frozen=True):
    """That a stage is of one target alone, with the load that it has in another stage beside the other targets."""

    target: int
    of: str
    """Label of that other stage."""


class Among(msgspec.Struct, frozen=True):
    """Which part of a stage is carried here if several daemons share it."""

    number: int
    """From 0 on."""
    of: int
    whole: "ClosedStage | OpenStage"
    """What all of them carry together."""


class Stage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Bounds shared by both kinds; at least one of `requests` and `duration` is set unless the load is continuous."""

    label: str
    """Safe as a metric label: `concurrency=50`, `rate=10`."""
    requests: int | None = None
    """Measured requests, warm-up not counted."""
    duration: float | None = None
    """Seconds of the measured window."""
    warmup_requests: int = 0
    warmup_seconds: float = 0.0
    drain_seconds: float = 30.0
    """How long requests under way may still take when the stage is over; then they are cancelled."""
    first_prompt: int = 0
    """Number of its first prompt: a stage that begins elsewhere finds nothing of the others in a prefix cache."""
    solo: Solo | None = None
    """None: all targets are loaded."""
    among: Among | None = None
    """None: this daemon carries all of it. Otherwise levels and counts are those of its part."""


class ClosedStage(Stage, frozen=True, kw_only=True):
    """`users` requests at a time: a user sends the next one when the last is answered and thought about."""

    users: int
    ramp_up: float = 0.0
    """Seconds over which the users start, evenly."""
    think_time: float = 0.0
    """Mean seconds a user waits after an answer (exponentially distributed); 0: none."""
    repeat: int = 1
    """How many times in a row each prompt is asked."""


class Replayed(msgspec.Struct, frozen=True):
    """How the moments of a trace are replayed."""

    speed: float = 1.0
    """2 plays an hour in half an hour."""
    loop: bool = False
    """Start again at its end."""


class OpenStage(Stage, frozen=True, kw_only=True):
    """Requests fall due by the clock, whether or not earlier ones were answered."""

    rate: float
    """Requests per second, at the start if `rate_end` is given."""
    rate_end: float | None = None
    """Requests per second at the end of the window: a linear ramp (needs `duration`)."""
    process: str = "constant"
    """`constant`, `poisson` or `gamma`."""
    burstiness: float = 1.0
    """Shape of the gamma process: 1 is Poisson, below 1 burstier, above 1 smoother."""
    max_in_flight: int = 10000
    """Requests open at a time, shards together; an arrival beyond it is dropped and counted."""
    shape: Shape | None = None
    """The rate over the window, instead of the two above; before it, the rate at which it begins."""
    replay: Replayed | None = None
    """The moments are those of the prompts' trace, and `rate` is what they come to at present, as far as is known."""

    @property
    def varies(self) -> bool:
        """Whether the rate changes while the stage goes on."""
        return self.rate_end is not None or self.shape is not None or self.replay is not None

    @property
    def peak(self) -> float:
        """The most requests per second that it asks for; 0 where only the trace knows."""
        if self.replay is not None:
            return 0.0
        return self.shape.peak if self.shape is not None else max(self.rate, self.rate_end or 0.0)

    def scaled(self, factor: float) -> "OpenStage":
        """The same with another rate all the time."""
        return msgspec.structs.replace(
            self,
            rate=self.rate * factor,
            rate_end=None if self.rate_end is None else self.rate_end * factor,
            shape=None if self.shape is None else Product((self.shape, Constant(factor))),
        )

    def placed(self, unix: float) -> "OpenStage":
        """The same, told the wall time of its start: the time of day matters to some shapes."""
        if self.shape is None:
            return self
        among = self.among
        if among is not None and isinstance(among.whole, OpenStage):
            among = msgspec.structs.replace(among, whole=among.whole.placed(unix))
        return msgspec.structs.replace(self, shape=self.shape.placed(unix + self.warmup_seconds), among=among)
