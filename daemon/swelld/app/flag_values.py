"""What `swelld run` may be told by flags, before it is settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swelld.settings.tree import Path as Keys

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "quick": {"concurrency": "1,5,10", "num_prompts": 50, "input_len": "128", "output_len": "64"},
    "standard": {"concurrency": "1,10,50,100", "num_prompts": 200, "input_len": "256", "output_len": "128"},
    "stress": {"concurrency": "10,50,100,200,500", "num_prompts": 500, "input_len": "512", "output_len": "256"},
}
SCENARIO: Final = "run"

Put = Callable[[Keys, Any, str], None]
"""Puts a value at its place among the settings; the last is the flag that it came from."""


class FlagError(ValueError):
    """A flag that cannot be understood; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What `swelld run` was told besides a file; None: nothing."""

    server: str | None = None
    model: str | None = None
    api: str | None = None
    api_key: str | None = None
    targets: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    extra_body: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    insecure: bool = False
    timeout: str | None = None
    tokenizer: str | None = None
    mode: str | None = None
    preset: str | None = None
    concurrency: str | None = None
    qps: str | None = None
    arrivals: str | None = None
    burstiness: float | None = None
    iterations: int | None = None
    num_prompts: int | None = None
    duration: str | None = None
    warmup: int | None = None
    ramp_up: str | None = None
    max_in_flight: int | None = None
    window: str | None = None
    solo_first: bool = False
    prompts: str | None = None
    dataset: Path | None = None
    trace: Path | None = None
    trace_speed: str | None = None
    turns: str | None = None
    think_time: str | None = None
    input_len: str | None = None
    output_len: str | None = None
    goodput: str | None = None
    seed: int | None = None
    shards: str | None = None
    results: Path | None = None
    pushgateway: str | None = None
    push_job: str | None = None
