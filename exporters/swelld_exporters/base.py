"""What takes measurements elsewhere has to offer, and what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from swelld.clock import WallClock
from swelld.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Origin:
    """Where measurements come from: the same object for all of one run, stage and target."""

    run_id: str
    scenario: str
    stage: str
    """The stage's label; `warmup` for exchanges outside of the measured window."""
    target: str
    model: str
    url: str
    api: str
    started: float
    """Monotonic moment at which the run began."""
    wall: WallClock
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """The objective's, in seconds, by `ttft tpot itl e2e`."""


class Exchanged(NamedTuple):
    """One measurement and where it comes from."""

    origin: Origin
    measurement: Measurement


class Permanent(Exception):
    """Raised by an exporter for a batch that no second try can help: it is dropped and counted."""


class TryLater(Exception):
    """Raised by an exporter whose receiver asks for a pause: no new try within `after` seconds."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


class Partial(Exception):
    """Raised by an exporter after a batch that was delivered, but of which the receiver refused some for good."""

    def __init__(self, text: str, refused: int) -> None:
        super().__init__(text)
        self.refused = refused
