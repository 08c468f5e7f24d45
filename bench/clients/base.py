"""What the benchmark needs to know about a client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from loads import Load
from processes import Spent
from servers import Server

PROMPT_TOKENS: Final = 256


@dataclass(frozen=True)
class Ask:
    """One thing for a client to do; `folder` is empty and its own."""

    server: Server
    load: Load
    folder: Path

    @property
    def port(self) -> str:
        """Of the server."""
        return self.server.url.rpartition(":")[2]

    def body(self) -> Path:
        """A file with the JSON body that clients without prompts of their own send."""
        path = self.folder / "body.json"
        words = ("the river carried small boats under bright stars along quiet fields " * 32).split()[:PROMPT_TOKENS]
        body = {
            "model": "sim",
            "messages": [{"role": "user", "content": " ".join(words)}],
            "max_tokens": self.load.tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        path.write_text(json.dumps(body))
        return path


@dataclass(frozen=True)
class Command:
    """How a client is started; its output goes to `log` in the folder."""

    words: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


Figures = dict[str, Any]
"""What a client says about itself: ttft_p50, ttft_p99, itl_p50, itl_p99 in seconds, and what else it knows."""


class Client(Protocol):
    """One client. `version` raises Unavailable if it cannot be had here."""

    name: str
    differs: str
    """What it does otherwise than the rest, for the foot of the table; empty if nothing."""

    def version(self) -> str: ...

    def command(self, ask: Ask) -> Command:
        """Raises Unavailable for a load that it cannot make."""
        ...

    def read(self, ask: Ask, log: Path) -> Figures:
        """What it reported, once it is over."""
        ...

    def alongside(self, ask: Ask, pid: int, spent: Spent) -> None:
        """Called every half second while it runs."""
        ...


class Plain:
    """A client that needs nothing while it runs."""

    differs = ""

    def alongside(self, ask: Ask, pid: int, spent: Spent) -> None:
        """Nothing to do."""


def picked(statistics: Mapping[str, Any] | None, name: str, scale: float = 1.0) -> Figures:
    """p50 and p99 of one distribution, under the names that the table uses; absent where they are."""
    found = {}
    for quantile in ("p50", "p99"):
        value = (statistics or {}).get(quantile)
        if value is not None:
            found[f"{name}_{quantile}"] = float(value) * scale
    return found
