"""The closed unions: every kind of adapter, load, prompts, exporter. Adding one is one new file and one line here."""

from typing import Annotated, Any, Final, get_args

from pydantic import BeforeValidator, Discriminator, Tag

from swelld.adapters.base import Adapter
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions
from swelld.config import Config, FieldError, shown, suggest
from swelld.load.closed import Closed
from swelld.load.open import Open
from swelld.load.replay import Replay
from swelld.load.search import Searching
from swelld.load.sequential import Sequential
from swelld.load.sweep import Sweeping
from swelld.prompts.datasets import Conversations, Csv, JsonLines, ShareGpt, Text
from swelld.prompts.inline import Inline
from swelld.prompts.sessions import Dialogues, MadeUp
from swelld.prompts.suite import Suite
from swelld.prompts.synthetic import Synthetic
from swelld.prompts.traces import Trace
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.outlet import ExporterSettings

ADAPTERS: Final[dict[str, type[Adapter]]] = {
    "openai_chat": OpenAIChat,
    "openai_completions": OpenAICompletions,
    "llamacpp": LlamaCpp,
}
"""Wire formats: the values of a target's `api`."""

EXPORTERS: Final[dict[str, type[ExporterSettings]]] = {"otlp": OtlpSettings}
"""Exporters of exchanges, each behind an outlet: sections of `exporters`."""

AnyPrompts = Synthetic | Suite | Conversations | ShareGpt | JsonLines | Csv | Text | Inline | Trace | MadeUp | Dialogues
"""Prompt sources: chosen by `kind`."""

AnyLoad = (
    Annotated[Closed, Tag("closed")]
    | Annotated[Open, Tag("open")]
    | Annotated[Sequential, Tag("sequential")]
    | Annotated[Searching, Tag("search")]
    | Annotated[Sweeping, Tag("sweep")]
    | Annotated[Replay, Tag("replay")]
)
"""Kinds of load: chosen by the keys that are given."""

PROMPTS: Final[dict[str, type[Config]]] = {
    get_args(source.model_fields["kind"].annotation)[0]: source for source in get_args(AnyPrompts)
}
LOADS: Final[dict[str, type[Config]]] = {get_args(branch)[1].tag: get_args(branch)[0] for branch in get_args(AnyLoad)}


def _prompts(data: Any) -> Any:
    if isinstance(data, Config):
        return data
    if isinstance(data, str):
        data = {"kind": data}
    if not isinstance(data, dict):
        raise ValueError(f"is not a source of prompts; write `kind:` and its keys; kinds are {', '.join(PROMPTS)}")
    if "kind" not in data:
        raise FieldError((("kind",), f"is missing; kinds are {', '.join(PROMPTS)}"))
    if not isinstance(data["kind"], str) or data["kind"] not in PROMPTS:
        raise FieldError(
            (("kind",), f"{shown(data['kind'])} is no source of prompts; {suggest(str(data['kind']), PROMPTS)}")
        )
    return data


def _load(data: Any) -> Any:
    if isinstance(data, (str, int, float)) and not isinstance(data, bool):
        data = {"replay": {}} if data == "replay" else {"rate": data}
    if isinstance(data, Config):
        return data
    leading = (
        "`concurrency` (closed loop), `rate` (open loop), `iterations` (sequential), `search`, `sweep` or `replay`"
    )
    if not isinstance(data, dict) or not data:
        raise ValueError(f"is not a load; give {leading}")
    data = _auto(data)
    owners = {key: kind for key in data for kind, load in LOADS.items() if key in load.model_fields}
    if len(set(owners.values())) > 1:
        named = ", ".join(f"`{key}` ({kind})" for key, kind in owners.items())
        raise ValueError(f"mixes keys of several kinds of load: {named}; keep the keys of one kind")
    if not owners:
        known = [key for load in LOADS.values() for key in load.model_fields]
        raise FieldError(*(((key,), f"is not known here; {suggest(key, known)}") for key in data))
    return data


def _auto(data: dict[str, Any]) -> dict[str, Any]:
    """`rate: auto` and `concurrency: auto` are sweeps."""
    for kind in ("rate", "concurrency"):
        if data.get(kind) == "auto":
            rest = {key: value for key, value in data.items() if key != kind}
            return {"sweep": {"kind": kind, **rest}}
    return data


def _load_kind(data: Any) -> str | None:
    for kind, load in LOADS.items():
        if isinstance(data, load) or (isinstance(data, dict) and any(key in load.model_fields for key in data)):
            return kind
    return None


Prompts = Annotated[AnyPrompts, Discriminator("kind"), BeforeValidator(_prompts)]
"""A prompt source; `prompts: suite` is short for {kind: suite}."""

Load = Annotated[AnyLoad, Discriminator(_load_kind), BeforeValidator(_load)]
"""A load; `load: 10/s` is short for {rate: 10/s}."""


def default_prompts() -> Synthetic:
    """What is asked if nothing is said: 128 tokens in, 64 out."""
    return Synthetic(input_tokens=128, output_tokens=64)
