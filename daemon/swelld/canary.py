"""Ready-made scenarios that keep watch over a server: a word instead of a page of configuration."""

from typing import Any, Final, Literal

Canary = Literal["wedge", "stream"]

CANARIES: Final[dict[str, dict[str, Any]]] = {
    # It is given up before the next one falls due: a server that answers no more holds one request, never two.
    "wedge": {
        "load": "4/min",
        "prompts": {"kind": "inline", "prompts": ["Say yes."], "max_tokens": 1},
        "schedule": "continuous",
        "timeout": "14s",
        "objectives": {"e2e": "5s", "share": 0.99},
    },
    # Unique prompts: the first token has to be computed, not looked up in a prefix cache.
    "stream": {
        "load": "12/min",
        "prompts": {"kind": "synthetic", "input_tokens": 64, "output_tokens": 64, "unique": True},
        "schedule": "continuous",
        "timeout": "30s",
        "objectives": {"ttft": "1s", "tpot": "100ms", "share": 0.99},
    },
}
"""What each one is short for, as a user would write it."""


def expanded(data: Any) -> Any:
    """A scenario's keys over those of its canary; of `objectives` each one by itself, anything else as a whole."""
    preset = CANARIES.get(data["canary"]) if isinstance(data, dict) and isinstance(data.get("canary"), str) else None
    if preset is None:
        return data
    merged = {**preset, **data}
    given = data.get("objectives")
    if isinstance(given, dict):
        merged["objectives"] = {**preset["objectives"], **given}
    return merged
