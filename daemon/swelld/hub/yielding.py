"""How much load is sent beside the users of a server: halved whenever they wait, given back little by little."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Discriminator, Field, Tag

from swelld.config import Config, PositiveDuration

HALVE_SECONDS: Final = 0.9
"""Between two cuts: the last one has to show first. Just under the second from one look at a server to the next."""
QUIET_SECONDS: Final = 2.0
"""After the last sign of users in need, before anything is given back."""
LEAST: Final = 0.02
"""A share below this is no load to speak of: the floor holds instead."""


class YieldToUsers(Config):
    """Makes room for a server's users: less is sent while they wait, and nothing if need be."""

    waiting: Annotated[int, Field(ge=1)] = 1
    """Requests of others in the server's own queue from which on room is made; they are known from the target's
    `metrics`, which are read every second then."""
    on_throttled: bool = True
    """Answers 429 and 503 are a sign, too."""
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the load that is sent whatever happens."""
    recover: PositiveDuration = 30.0
    """From nothing back to the full load, once nobody waits."""


def _with_defaults(value: Any) -> Any:
    return {} if value is True else value


def _branch(value: Any) -> str:
    return "switch" if isinstance(value, bool) else "settings"


YieldSwitch = Annotated[
    Annotated[bool, Tag("switch")] | Annotated[YieldToUsers, Tag("settings")],
    Discriminator(_branch),
    BeforeValidator(_with_defaults),
]
"""`true` is all the defaults, `false` is not to yield."""


def others_waiting(waiting: float, running: float | None, ours: float) -> float:
    """Most requests of others that can be in a server's queue, given its own figures and how many it has of ours.

    Where the server does not tell how many it works on, all of ours are taken to wait.
    """
    theirs = waiting - ours if running is None else waiting + running - ours
    return max(0.0, min(waiting, theirs))


class Share:
    """The share of the load on one server to send: additive increase, multiplicative decrease, on the moments it is
    handed."""

    def __init__(self, settings: YieldToUsers, moment: float) -> None:
        self.value = 1.0
        self.least = 1.0
        """The smallest it has been."""
        self.withheld = 0.0
        """Seconds of full load that were not sent."""
        self._settings = settings
        self._moment = moment
        self._cut: float | None = None
        self._sign: float | None = None
        self._crowded = False

    def look(self, others: float, moment: float) -> None:
        """The server told how many requests of others wait in its queue."""
        self._crowded = others >= self._settings.waiting
        if self._crowded:
            self._halve(moment)

    def throttled(self, moment: float) -> None:
        """The server answered 429 or 503."""
        if self._settings.on_throttled:
            self._halve(moment)

    def hold(self, moment: float) -> None:
        """The server told of its queue and does not any more: it may have too much to do for that."""
        self._sign = moment

    def tick(self, moment: float) -> float:
        """The share from now on; call it often."""
        passed = max(0.0, moment - self._moment)
        self._moment += passed
        self.withheld += (1.0 - self.value) * passed
        quiet = self._sign is None or moment - self._sign >= QUIET_SECONDS
        if quiet and not self._crowded:
            self.value = min(1.0, self.value + passed / self._settings.recover)
        return self.value

    def _halve(self, moment: float) -> None:
        self.tick(moment)
        self._sign = moment
        if self._cut is not None and moment - self._cut < HALVE_SECONDS:
            return
        self._cut = moment
        half, floor = self.value / 2, self._settings.floor
        self.value = half if half > max(floor, LEAST) else floor
        self.least = min(self.least, self.value)
