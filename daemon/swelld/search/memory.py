"""What a search has found so far, so that one that is broken off can be taken up again."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from swelld.result import SearchLevel, StageResult


class Found(msgspec.Struct, frozen=True):
    """One level, decided, and its figures."""

    level: SearchLevel
    stages: list[StageResult]


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """The levels of a search that is not at its end."""

    schema: Literal["swelld.search/1"] = "swelld.search/1"
    key: str
    """Of what is searched: another server, other prompts or objectives are another search."""
    written: float
    """Unix seconds."""
    found: list[Found]


class Memory(Protocol):
    """Keeps them somewhere."""

    def recall(self) -> Sequence[Found]:
        """Levels of the same search, if it was broken off lately."""

    def keep(self, found: Sequence[Found]) -> None:
        """All levels so far."""

    def forget(self) -> None:
        """The search has come to its end."""


class Forgetful:
    """Keeps nothing."""

    def recall(self) -> Sequence[Found]:
        return ()

    def keep(self, found: Sequence[Found]) -> None: ...

    def forget(self) -> None: ...
