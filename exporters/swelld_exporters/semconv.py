"""The OpenTelemetry conventions for generative AI: every name that goes out over OTLP, in the version that is chosen.

They were renamed in autumn 2026: `1.41` is the last release of the names that backends know, `latest` what they are
called since. Both are in development, so nothing outside of this module may write one of them down.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

Version = Literal["1.41", "latest"]

SCOPE: Final = "swelld"
"""Name of the instrumentation scope."""


@dataclass(frozen=True, slots=True)
class Convention:
    """The names of one version: metrics differ, span attributes do not."""

    schema_url: str
    duration: str
    time_to_first_chunk: str
    time_per_output_chunk: str
    input_tokens: str
    """Histogram of the tokens of each request."""
    output_tokens: str
    """Likewise; the same name where the type of token is an attribute."""
    usage: dict[str, str]
    """Counters of tokens, by the measurement's field; empty where there are none."""


CONVENTIONS: Final[dict[str, Convention]] = {
    "1.41": Convention(
        schema_url="https://opentelemetry.io/schemas/1.41.0",
        duration="gen_ai.client.operation.duration",
        time_to_first_chunk="gen_ai.client.operation.time_to_first_chunk",
        time_per_output_chunk="gen_ai.client.operation.time_per_output_chunk",
        input_tokens="gen_ai.client.token.usage",
        output_tokens="gen_ai.client.token.usage",
        usage={},
    ),
    "latest": Convention(
        schema_url="https://opentelemetry.io/schemas/gen-ai/1.42.0",
        duration="gen_ai.client.inference.duration",
        time_to_first_chunk="gen_ai.client.inference.time_to_first_chunk",
        time_per_output_chunk="gen_ai.client.inference.time_per_output_chunk",
        input_tokens="gen_ai.client.inference.operation.input_tokens",
        output_tokens="gen_ai.client.inference.operation.output_tokens",
        usage={
            "input_tokens": "gen_ai.client.inference.usage.input_tokens",
            "output_tokens": "gen_ai.client.inference.usage.output_tokens",
            "cached_tokens": "gen_ai.client.inference.usage.cache_read.input_tokens",
            "reasoning_tokens": "gen_ai.client.inference.usage.reasoning.output_tokens",
        },
    ),
}

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bucket bounds that the conventions advise for durations."""
TOKENS: Final = tuple(float(4**power) for power in range(14))
"""Bucket bounds that the conventions advise for tokens."""


class Attribute(NamedTuple):
    """One attribute: its name, its type as OpenTelemetry writes it, and when it is there with what meaning."""

    name: str
    type: str
    meaning: str


# By the conventions
OPERATION: Final = Attribute("gen_ai.operation.name", "string", "`chat` or `text_completion`.")
PROVIDER: Final = Attribute("gen_ai.provider.name", "string", "The wire format's family: `openai`, `llamacpp`, ...")
REQUEST_MODEL: Final = Attribute("gen_ai.request.model", "string", "The target's model, if it names one.")
STREAM: Final = Attribute("gen_ai.request.stream", "boolean", "True for a streamed answer, else absent.")
SERVER_ADDRESS: Final = Attribute("server.address", "string", "Host of the target's URL, or the path of its socket.")
SERVER_PORT: Final = Attribute("server.port", "int", "Port of the target's URL; absent for a socket.")
FINISH_REASONS: Final = Attribute(
    "gen_ai.response.finish_reasons",
    "string[]",
    "Why the answer ended, as the server said; `error` if a stream was cut after its first token.",
)
TIME_TO_FIRST_CHUNK: Final = Attribute("gen_ai.response.time_to_first_chunk", "double", "TTFT, in seconds.")
INPUT_TOKENS: Final = Attribute("gen_ai.usage.input_tokens", "int", "Tokens of the prompt, where known.")
OUTPUT_TOKENS: Final = Attribute("gen_ai.usage.output_tokens", "int", "Tokens of the answer, where known.")
CACHED_TOKENS: Final = Attribute(
    "gen_ai.usage.cache_read.input_tokens", "int", "Prompt tokens from the server's cache, if it says so."
)
REASONING_TOKENS: Final = Attribute(
    "gen_ai.usage.reasoning.output_tokens", "int", "Output tokens that were reasoning, if the server says so."
)
ERROR_TYPE: Final = Attribute(
    "error.type", "string", "Why it did not end well: the `error_type` of `swelld_request_errors_total`."
)
STATUS_CODE: Final = Attribute("http.response.status_code", "int", "Status of the answer, if one came.")
RESEND_COUNT: Final = Attribute(
    "http.request.resend_count", "int", "Times it was sent again because a kept connection was closed; absent if none."
)

# Ours
RUN_ID: Final = Attribute("swelld.run.id", "string", "Id of the run.")
SCENARIO: Final = Attribute("swelld.scenario", "string", "Name of the scenario.")
TARGET: Final = Attribute("swelld.target", "string", "Name of the target.")
STAGE: Final = Attribute("swelld.stage", "string", "Label of the stage; `warmup` outside of the measured window.")
INDEX: Final = Attribute("swelld.request.index", "int", "Number of the request in its stage.")
PROMPT: Final = Attribute("swelld.prompt", "string", "Name of the prompt, never its text.")
OUTCOME: Final = Attribute("swelld.outcome", "string", "How it ended: the `outcome` of `swelld_requests_total`.")
SAMPLING: Final = Attribute(
    "swelld.sampling", "string", "`head`: drawn before it was sent; `tail`: kept because of what became of it."
)
LAG: Final = Attribute("swelld.lag", "double", "Seconds that it was sent after it was due. Open loop only.")
CONNECTION_REUSED: Final = Attribute("swelld.connection.reused", "boolean", "False if a connection was opened for it.")
TOKEN_SOURCE: Final = Attribute("swelld.tokens.source", "string", "Who counted output tokens: server tokenizer events.")
TPOT: Final = Attribute("swelld.tpot", "double", "Seconds per output token after the first.")
ITL_P50: Final = Attribute("swelld.itl.p50", "double", "Median gap between token-bearing events, in seconds.")
ITL_P95: Final = Attribute("swelld.itl.p95", "double", "95th percentile of the gaps.")
ITL_MAX: Final = Attribute("swelld.itl.max", "double", "Longest gap.")
CHUNKS: Final = Attribute("swelld.stream.chunks", "int", "Token-bearing events of a streamed answer.")
VIOLATED: Final = Attribute(
    "swelld.slo.violated", "string[]", "Thresholds of the objective that the answer missed: ttft tpot itl e2e."
)

SPAN_ATTRIBUTES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Attribute))
"""Every attribute that a span of an exchange may have."""

RUN_STATE: Final = Attribute("swelld.run.state", "string", "How the run ended.")
STALL_SECONDS: Final = Attribute("swelld.stall.duration", "double", "Seconds for which the stream stood still.")
EXCEPTION_TYPE: Final = Attribute("exception.type", "string", "The same as `error.type`.")
EXCEPTION_MESSAGE: Final = Attribute(
    "exception.message", "string", "What swelld or the system said; what a server said stays here."
)
TOKEN_TYPE: Final = Attribute("gen_ai.token.type", "string", "`input` or `output`, in version 1.41.")
TOKEN_MODALITY: Final = Attribute("gen_ai.token.modality", "string", "`text`, in the latest version.")

EVENTS: Final = {
    "swelld.request_sent": "The last byte of the request left.",
    "swelld.first_byte": "The first byte of the answer's body came.",
    "swelld.first_token": "The first token came.",
    "swelld.last_token": "The last token came.",
    "swelld.stall": "The stream stood still from here on.",
    "exception": "The exchange went wrong.",
}
"""Events of a span, with what they mark."""


class Operation(NamedTuple):
    """What a wire format does, in the words of the conventions."""

    name: str
    provider: str


def operation(api: str) -> Operation:
    """Of a wire format: `openai_chat` is `chat` at `openai`, `llamacpp` is `text_completion` at `llamacpp`."""
    family, _, way = api.partition("_")
    return Operation("chat" if way == "chat" else "text_completion", family)


def server(url: str) -> tuple[str, int | None]:
    """(address, port) of a target."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path, None
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
