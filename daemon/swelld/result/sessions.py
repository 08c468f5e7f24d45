"""What became of sessions of several turns."""

import msgspec

from swelld.result.figures import Statistics


class TurnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of all sessions that came so far."""

    turn: int
    """From 1; the last one that is told apart stands for all after it, too."""
    requests: int
    ok: int
    ttft: Statistics
    e2e: Statistics
    input_tokens: Statistics
    """Of the whole prompt, with everything that was said before."""
    cached_tokens: int | None = None
    """Of these, as the server counts what it found in its prefix cache; null if it does not tell."""


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of several turns, by their measured turns: begun = completed + failed + cut, but for those that began
    in the warm-up."""

    begun: int
    completed: int
    """Their last turn had a good answer."""
    failed: int
    """A turn had none, which ended them."""
    cut: int
    """The stage was over before them."""
    turns: list[TurnFigures]
    """At most 16."""
