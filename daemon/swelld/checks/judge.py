"""Draws the exchanges whose answers are looked at, and judges one answer."""

from typing import Final

from swelld.checks.patterns import found
from swelld.checks.repetition import loops
from swelld.checks.settings import Checks

_SPACE: Final = 2**64
_STEP: Final = 0x9E3779B97F4A7C15


class Judge:
    """The checks of one target in a run; which exchanges it draws follows from the seed alone."""

    def __init__(self, checks: Checks, seed: int, target: int) -> None:
        self._checks = checks
        self._names = checks.names()
        self._bound = round(checks.sample * _SPACE)
        self._salt = _mixed(_mixed(seed) + target)

    def draws(self, stage: int, index: int) -> bool:
        """Whether the answer of this exchange is to be looked at."""
        return _mixed(self._salt + (stage << 48) + index) < self._bound

    def failed(self, text: str, finish_reason: str | None) -> str | None:
        """The first check that an answer fails, None if it passes all; `text` is without reasoning."""
        return next((name for name in self._names if not self._passes(name, text, finish_reason)), None)

    def _passes(self, name: str, text: str, finish_reason: str | None) -> bool:
        checks = self._checks
        if name == "non_empty":
            return bool(text) and not text.isspace()
        if name == "finish_reason":
            return finish_reason in checks.finish_reason
        if name == "json":
            return len(text) > checks.max_chars or _is_json(text)
        if name == "regex":
            return found(checks.regex or "", text[: checks.max_chars])
        return not loops(text)


def _is_json(text: str) -> bool:
    import msgspec

    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def _mixed(number: int) -> int:
    """Scatter a number over 64 bits: one step of the splitmix64 generator."""
    number = (number + _STEP) % _SPACE
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % _SPACE
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % _SPACE
    return number ^ (number >> 31)
