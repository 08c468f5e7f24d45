"""Client against server: what swelld measured of a target beside what the target's own metrics counted meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swelld.analysis import figures
from swelld.result import Figure, Finding, ServerCheck, ServerResult

PATH_SECONDS: Final = 0.005
"""A mean time may always be off by this much: the way there and back, which the server does not see."""

ALONE: Final = "nobody else loads it, as far as can be told"
DIFFERENT: Final = "one of them counts wrongly or something else, or somebody else loads the server too"
BETWEEN: Final = "what lies between swelld and the server takes that time, or one of them measures something else"


@dataclass(slots=True)
class Mean:
    """Sum and number of some times."""

    sum: float = 0.0
    count: int = 0

    def add(self, sum_: float, count: int) -> None:
        """More of them."""
        self.sum += sum_
        self.count += count

    @property
    def value(self) -> float | None:
        """None without any."""
        return self.sum / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Client:
    """What swelld saw of one target in the whole run, warm-up and drain included."""

    ok: int
    """Requests that ended well."""
    doubtful: int
    """Sent, but with another end: the server may have finished them or not."""
    input_tokens: int | None
    output_tokens: int | None
    ttft: Mean
    e2e: Mean


def compare(client: Client, server: ServerResult) -> list[ServerCheck]:
    """Every figure that both have. With many requests of a doubtful end only the requests can be compared."""
    if not client.ok:
        return []
    checks = list(_requests(client, server))
    if client.doubtful > server.tolerance * client.ok:
        return checks
    checks += _tokens("input tokens", client.input_tokens, server.input_tokens, server.tolerance)
    checks += _tokens("output tokens", client.output_tokens, server.output_tokens, server.tolerance)
    enough = (1 - server.tolerance) * client.ok
    checks += _time("ttft", client.ttft, server.ttft_mean, server.tolerance, enough)
    checks += _time("e2e", client.e2e, server.e2e_mean, server.tolerance, enough)
    return checks


def _requests(client: Client, server: ServerResult) -> Iterator[ServerCheck]:
    if server.requests is None:
        return
    most = client.ok + client.doubtful
    off = max(client.ok - server.requests, server.requests - most, 0.0)
    yield ServerCheck("requests", float(client.ok), server.requests, off <= server.tolerance * client.ok)


def _tokens(figure: Figure, ours: int | None, theirs: float | None, tolerance: float) -> Iterator[ServerCheck]:
    if ours is not None and theirs is not None:
        yield ServerCheck(figure, float(ours), theirs, abs(ours - theirs) <= tolerance * theirs)


def _time(figure: Figure, ours: Mean, theirs: float | None, tolerance: float, enough: float) -> Iterator[ServerCheck]:
    """Nothing where many answers have no such time: an answer in one piece has no first token."""
    if ours.value is not None and theirs is not None and ours.count >= enough:
        agrees = abs(ours.value - theirs) <= max(tolerance * theirs, PATH_SECONDS)
        yield ServerCheck(figure, ours.value, theirs, agrees)


def crosscheck(servers: Sequence[ServerResult]) -> list[Finding]:
    """The findings of all targets: one for each kind of figure that could be compared."""
    return [finding for server in servers for kind in _KINDS for finding in _findings(server, *kind)]


def _findings(
    server: ServerResult, subject: str, names: Sequence[str], written: Callable[[float], str], reason: str
) -> Iterator[Finding]:
    checks = [check for check in server.checks if check.figure in names]
    if not checks:
        return
    pairs = [
        f"{_named(check)}{written(check.server)} by the server, {written(check.client)} by swelld" for check in checks
    ]
    agree = all(check.agrees for check in checks)
    margin = tolerated(checks[0], server.tolerance)
    text = f"{'; '.join(pairs)}: {'' if agree else 'not '}within {margin} ({ALONE})"
    yield Finding("PASS" if agree else "WARNING", subject, text, target=server.target, reason=None if agree else reason)


def tolerated(check: ServerCheck, tolerance: float) -> str:
    """How far the two may be apart, in words."""
    if check.figure in ("ttft", "e2e") and tolerance * check.server < PATH_SECONDS:
        return f"{1000 * PATH_SECONDS:g} ms"
    return f"{100 * tolerance:.3g}%"


def _named(check: ServerCheck) -> str:
    """Which of several figures it is."""
    kind, _, what = check.figure.partition(" ")
    return f"{kind} " if what else "mean " if kind in ("ttft", "e2e") else ""


_KINDS: Final[Sequence[tuple[str, Sequence[str], Callable[[float], str], str]]] = (
    ("server requests", ("requests",), figures.count, DIFFERENT),
    ("server tokens", ("input tokens", "output tokens"), figures.count, DIFFERENT),
    ("server ttft", ("ttft",), figures.seconds, BETWEEN),
    ("server e2e", ("e2e",), figures.seconds, BETWEEN),
)
