"""From a request's body to what its answer shall be: pure, and strict about what it is given."""

import random
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from swelld.sim.options import TIMED_FAULTS, Fault, SimOptions, Wish

CHARACTERS_PER_TOKEN: Final = 4
"""A prompt has a token for every four characters, rounded up: no tokenizer, but proportional and reproducible."""


_Number = TypeVar("_Number", int, float)


class Refused(Exception):
    """The request cannot be answered: an HTTP status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Body(msgspec.Struct):
    """The fields of the three wire formats that change an answer; others are accepted and ignored."""

    model: str = ""
    messages: list[dict[str, Any]] | None = None
    prompt: str | list[Any] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    n_predict: int | None = None
    sim: Wish | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, decided before its first byte."""

    prompt: str
    prompt_tokens: int
    model: str
    stream: bool
    usage: bool
    tokens: int
    finish: str
    """`stop` or `length`; a tool call ends with `tool_calls`."""
    ttft: float
    itl: float
    jitter: float
    seed: int
    tokens_per_event: int
    reasoning_tokens: int
    tool_call: bool
    early_role: bool
    scripted: bool
    fault: str | None
    particulars: Fault


_BODY: Final = msgspec.json.Decoder(_Body)
_WISH: Final = msgspec.json.Decoder(Wish)


def plan(body: bytes, header: bytes | None, chat: bool, options: SimOptions, number: int) -> Plan:
    """The plan for request `number`; raises Refused with status 400."""
    try:
        asked = _BODY.decode(body)
        wish = _WISH.decode(header) if header is not None else asked.sim or Wish()
    except msgspec.DecodeError as error:  # also a ValidationError
        raise Refused(400, f"the request is not understood: {error}") from None
    prompt = _prompt(asked, chat)
    realistic = options.mode == "realistic"
    if realistic and wish.timed():
        raise Refused(400, "sim: this server is in realistic mode, where the batch decides the moments")
    fault, particulars = _fault(wish, options, number)
    limit = asked.max_tokens or asked.max_completion_tokens or _positive(asked.n_predict)
    tokens = wish.tokens or limit or options.tokens
    cut_short = limit is not None and tokens >= limit
    include_usage = asked.stream_options is not None and asked.stream_options.include_usage
    return Plan(
        prompt=prompt,
        prompt_tokens=-(-len(prompt) // CHARACTERS_PER_TOKEN),
        model=asked.model or options.model,
        stream=asked.stream,
        usage=fault != "no_usage" and (include_usage or not asked.stream),
        tokens=limit if limit is not None and cut_short else tokens,
        finish="length" if cut_short else "stop",
        ttft=_given(wish.ttft, options.ttft),
        itl=_given(wish.itl, options.itl),
        jitter=_given(wish.jitter, options.jitter),
        seed=options.seed * 1_000_003 + number,
        tokens_per_event=wish.tokens_per_event or options.tokens_per_event,
        reasoning_tokens=_given(wish.reasoning_tokens, options.reasoning_tokens) if chat else 0,
        tool_call=wish.tool_call and chat,
        early_role=wish.early_role,
        scripted=not realistic,
        fault=fault,
        particulars=particulars,
    )


def _given(asked: _Number | None, default: _Number) -> _Number:
    return default if asked is None else asked


def _positive(n_predict: int | None) -> int | None:
    return n_predict if n_predict is not None and n_predict > 0 else None  # llama.cpp: -1 is no limit


def _fault(wish: Wish, options: SimOptions, number: int) -> tuple[str | None, Fault]:
    if wish.fault is not None:
        changed = {"after": wish.after, "seconds": wish.seconds, "status": wish.status, "retry_after": wish.retry_after}
        return wish.fault, Fault(**{name: value for name, value in changed.items() if value is not None})  # type: ignore[arg-type]
    draw = random.Random(options.seed * 1_000_033 + number) if options.faults else None
    for name, fault in options.faults.items():
        if draw and draw.random() < fault.rate and (options.mode == "scripted" or name not in TIMED_FAULTS):
            return name, fault
    return None, Fault()


def _prompt(asked: _Body, chat: bool) -> str:
    if chat:
        if not asked.messages:
            raise Refused(400, "messages: at least one is needed")
        return "".join(f"{message.get('role', '')}\n{_content(message.get('content'))}\n" for message in asked.messages)
    if asked.prompt is None:
        raise Refused(400, "prompt: is missing")
    if isinstance(asked.prompt, str):
        return asked.prompt
    return " ".join(str(part) for part in asked.prompt)


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
