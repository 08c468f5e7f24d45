"""How often, and how many at a time: token buckets and counts, each with a bounded memory."""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swelld.api.problems import Problem


class Buckets:
    """One bucket for each key: `burst` at once, `rate` a second from then on. The keys used last are remembered."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float], keys: int = 4096) -> None:
        self._rate = rate
        self._burst = max(1.0, burst)
        self._clock = clock
        self._keys = keys
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until one more is allowed; 0 if it is now."""
        return max(0.0, (1.0 - self._level(key)) / self._rate)

    def take(self, key: str) -> float:
        """Take one if there is one; otherwise the seconds until there will be."""
        level = self._level(key)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[key] = (level - 1.0, self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > self._keys:
            self._levels.popitem(last=False)
        return 0.0

    def _level(self, key: str) -> float:
        level, at = self._levels.get(key, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._rate)


class Seats:
    """A number of places; nobody takes more than a quarter of them."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._each = max(1, number // 4)
        self._taken: Counter[str] = Counter()

    @contextmanager
    def seat(self, key: str) -> Iterator[None]:
        """A place for as long as the block lasts; a Problem if there is none."""
        if self._taken[key] >= self._each or self._taken.total() >= self._number:
            detail = "too many live streams are open; close some, or raise web.max_streams"
            raise Problem(429, detail, headers={"Retry-After": "10"})
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            self._taken += Counter()  # forgets who has none left


def network_of(address: str) -> str:
    """Who is behind an address: in IPv6 one machine has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
