"""What a simulated server can be told: once for its life, and again by any single request."""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

FaultName = Literal[
    "status",
    "stall",
    "cut",
    "reset",
    "refuse",
    "slow_headers",
    "garbage_http",
    "garbage_event",
    "split_utf8",
    "no_end",
    "no_usage",
    "error_event",
    "close_after",
]
FAULT_NAMES: Final[tuple[str, ...]] = get_args(FaultName)

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a fault strikes by itself, and its particulars; a request may ask for one with the same fields."""

    rate: Annotated[float, Meta(ge=0, le=1)] = 0.0
    after: Count = 3
    """Whole events sent before the fault."""
    seconds: Seconds | None = None
    """Length of a stall (None: for ever), of a slow head (None: 0.5), or the delay of an error status (None: none)."""
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """503 if not given, in an error event 500."""
    retry_after: Seconds | None = None


class SimOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A simulated server; `verified` checks what was given."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(description="port to listen on, 0: any free one", ge=0, le=65535)] = 0
    unix_socket: Annotated[str | None, Meta(description="listen on this Unix socket instead")] = None
    tls_cert: Annotated[str | None, Meta(description="PEM file with the certificate chain: speak TLS")] = None
    tls_key: Annotated[str | None, Meta(description="PEM file with its key")] = None
    tls_client_ca: Annotated[str | None, Meta(description="PEM file: demand client certificates of this authority")] = (
        None
    )
    model: Annotated[str, Meta(description="name of the model")] = "sim"
    mode: Annotated[
        Literal["scripted", "realistic"],
        Meta(description="scripted: every moment by the options below; realistic: continuous batching"),
    ] = "scripted"
    seed: Annotated[int, Meta(description="seed of jitter and of faults by rate")] = 1
    faults: Annotated[dict[FaultName, Fault], Meta(description="faults that strike by themselves, as JSON")] = {}
    tokens: Annotated[int, Meta(description="tokens of an answer whose request sets no limit", ge=1)] = 64
    tokens_per_event: Annotated[int, Meta(description="tokens carried by one event", ge=1)] = 1
    reasoning_tokens: Annotated[
        int, Meta(description="the first so many tokens of a chat answer are reasoning", ge=0)
    ] = 0
    ttft: Annotated[float, Meta(description="scripted: seconds from the request to the first token", ge=0)] = 0.05
    itl: Annotated[float, Meta(description="scripted: seconds between events", ge=0)] = 0.01
    jitter: Annotated[float, Meta(description="scripted: each event is late by up to this many seconds", ge=0)] = 0.0
    max_num_seqs: Annotated[int, Meta(description="realistic: sequences in one batch", ge=1)] = 64
    max_batched_tokens: Annotated[int, Meta(description="realistic: tokens computed in one step", ge=1)] = 2048
    max_model_len: Annotated[int, Meta(description="realistic: longest prompt and answer together", ge=2)] = 8192
    step_base: Annotated[float, Meta(description="realistic: seconds of every step", gt=0)] = 0.006
    step_per_sequence: Annotated[float, Meta(description="realistic: more seconds per sequence in the step", ge=0)] = (
        0.0001
    )
    step_per_prefill_token: Annotated[float, Meta(description="realistic: more seconds per prompt token", ge=0)] = (
        0.00002
    )
    kv_blocks: Annotated[int, Meta(description="realistic: blocks of the KV cache", ge=1)] = 4096
    block_size: Annotated[int, Meta(description="realistic: tokens in a block", ge=1)] = 16
    prefix_caching: Annotated[bool, Meta(description="realistic: keep the blocks of finished prompts")] = True
    queue_limit: Annotated[
        Count | None, Meta(description="realistic: 503 for a request that finds so many waiting")
    ] = None

    def verified(self) -> "SimOptions":
        """Itself; raises ValueError for values out of their limits, or that do not fit together."""
        msgspec.convert(msgspec.to_builtins(self), SimOptions)
        if self.tls_key and not self.tls_cert:
            raise ValueError("tls_key without tls_cert: give both, or neither")
        if self.mode == "realistic":
            self._verify_realistic()
        return self

    def _verify_realistic(self) -> None:
        if self.kv_blocks * self.block_size < self.max_model_len:
            raise ValueError(
                f"kv_blocks: {self.kv_blocks} blocks of {self.block_size} tokens cannot hold one sequence of "
                f"max_model_len={self.max_model_len}: raise kv_blocks or lower max_model_len"
            )
        if self.tokens_per_event != 1:
            raise ValueError("tokens_per_event: a step of the realistic mode gives one token; leave it at 1")
        if self.tokens >= self.max_model_len:
            raise ValueError(f"tokens: {self.tokens} does not fit in max_model_len={self.max_model_len}")


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one request may ask of its own answer, in the body field `sim` or the header `x-sim`."""

    ttft: Seconds | None = None
    itl: Seconds | None = None
    jitter: Seconds | None = None
    tokens: Positive | None = None
    tokens_per_event: Positive | None = None
    reasoning_tokens: Count | None = None
    tool_call: bool = False
    """The tokens after the reasoning are the arguments of a tool call (chat only)."""
    early_role: bool = False
    """Send head and role-only chunk at once instead of with the first token."""
    fault: FaultName | None = None
    after: Count | None = None
    seconds: Seconds | None = None
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    retry_after: Seconds | None = None

    def timed(self) -> bool:
        """Whether it sets moments, which only the scripted mode can keep."""
        set_here = (self.ttft, self.itl, self.jitter, self.tokens_per_event)
        return any(value is not None for value in set_here) or self.fault in TIMED_FAULTS


TIMED_FAULTS: Final = frozenset({"stall", "slow_headers", "split_utf8"})
"""Faults that move the moments of an answer: scripted mode only."""
