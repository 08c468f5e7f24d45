"""What a new configuration changes, and noticing that its file has changed."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swelld.settings import Settings

LIVE: Final = ("targets", "scenarios", "seed", "discovery", "probe", "analysis")
"""Sections that a reload takes up; the others are what the process was built from."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of scenarios, and of sections that only a restart takes up."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    restart: tuple[str, ...]

    def __str__(self) -> str:
        kinds = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names) or "no changes"


def compare(old: Settings, new: Settings) -> Changes:
    """From one configuration to the next; a scenario is changed if anything is that its runs are made of."""
    before, after = old.scenarios, new.scenarios
    return Changes(
        added=tuple(name for name in after if name not in before),
        changed=tuple(name for name in after if name in before and _ingredients(old, name) != _ingredients(new, name)),
        removed=tuple(name for name in before if name not in after),
        restart=tuple(
            section
            for section in Settings.model_fields
            if section not in LIVE and getattr(old, section) != getattr(new, section)
        ),
    )


def as_before(old: Settings, new: Settings, sections: Sequence[str]) -> Settings:
    """The new settings, but for some sections that stay as they were."""
    return new.model_copy(update={section: getattr(old, section) for section in sections})


def _ingredients(settings: Settings, name: str) -> Any:
    scenario = settings.scenarios[name]
    shares = settings.shares(scenario)
    return scenario, shares, [settings.targets[target] for target in shares], settings.seed_of(scenario)


async def watch(path: Path, interval: float, changed: Callable[[], None], seen: bytes | None) -> None:
    """Look at the file's content for ever and call `changed` when it is another than `seen`, a digest from before.

    Content instead of events or times: a ConfigMap changes by a swap of symbolic links two levels up, and an editor
    replaces the file; both look the same from here. A file that is away for a moment is no change.
    """
    while True:
        await asyncio.sleep(interval)
        found = digest(path)
        if found is not None and found != seen:
            seen = found
            changed()


def digest(path: Path) -> bytes | None:
    """Of the file's content; None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
