"""The turns of sessions: what they are called, and how much of each prompt the server knew already."""

from typing import Final

from swelld.result import TurnFigures

LAST: Final = 16
"""A result tells so many turns apart; its last one stands for all after it, too."""


def turn_name(turn: TurnFigures) -> str:
    """`3`; `16+` of the last one."""
    return f"{turn.turn}+" if turn.turn >= LAST else str(turn.turn)


def cached_share(turn: TurnFigures) -> float | None:
    """Of its input tokens, those that the server found in its prefix cache; None where nobody tells."""
    tokens = turn.input_tokens
    if turn.cached_tokens is None or not tokens.count or not tokens.mean:
        return None
    return turn.cached_tokens / (tokens.mean * tokens.count)
