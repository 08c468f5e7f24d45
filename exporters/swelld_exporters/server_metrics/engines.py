"""The tables: which metric of which engine, in which version, holds which quantity."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class Quantity(StrEnum):
    """What can be known of any engine. Sums are in seconds, tokens are tokens, usage is a share from 0 to 1."""

    WAITING = "requests_waiting"
    RUNNING = "requests_running"
    KV_CACHE = "kv_cache_usage"
    PREFIX_QUERIES = "prefix_cache_queries"
    PREFIX_HITS = "prefix_cache_hits"
    PREEMPTIONS = "preemptions"
    REQUESTS = "requests"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TTFT_SUM = "ttft_sum"
    TTFT_COUNT = "ttft_count"
    E2E_SUM = "e2e_sum"
    E2E_COUNT = "e2e_count"


LEVELS: Final = (Quantity.WAITING, Quantity.RUNNING, Quantity.KV_CACHE)
"""What goes up and down; everything else only grows."""


class Pick(NamedTuple):
    """Every sample of a name, added up; `where` holds labels that it must have, `without` values that it must not."""

    name: str
    where: Mapping[str, str] = {}
    without: Mapping[str, tuple[str, ...]] = {}
    scale: float = 1.0


Way = Sequence[Pick]
"""Metrics that make up a quantity together: it is known where every one of them is there."""


class Engine(NamedTuple):
    """One kind of server: known by the beginning of its metrics' names, read by the first way that works."""

    name: str
    sign: tuple[str, ...]
    ways: Mapping[Quantity, Sequence[Way]]


def _first(*names: str) -> list[Way]:
    """One metric, under the first of its names over the versions."""
    return [[Pick(name)] for name in names]


def _ttft(*names: str) -> dict[Quantity, list[Way]]:
    """Sum and count of a histogram, under the first of its names over the versions."""
    return _mean(Quantity.TTFT_SUM, Quantity.TTFT_COUNT, names)


def _e2e(*names: str) -> dict[Quantity, list[Way]]:
    """Likewise."""
    return _mean(Quantity.E2E_SUM, Quantity.E2E_COUNT, names)


def _mean(sum_: Quantity, count: Quantity, names: tuple[str, ...]) -> dict[Quantity, list[Way]]:
    return {sum_: _first(*(f"{name}_sum" for name in names)), count: _first(*(f"{name}_count" for name in names))}


def _vllm() -> Engine:
    return Engine(
        "vllm",
        ("vllm:",),
        {
            Quantity.WAITING: _first("vllm:num_requests_waiting"),
            Quantity.RUNNING: _first("vllm:num_requests_running"),
            Quantity.KV_CACHE: _first("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
            Quantity.PREFIX_QUERIES: _first("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
            Quantity.PREFIX_HITS: _first("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
            Quantity.PREEMPTIONS: _first("vllm:num_preemptions_total"),
            Quantity.REQUESTS: [[Pick("vllm:request_success_total", without={"finished_reason": ("abort", "error")})]],
            Quantity.INPUT_TOKENS: _first("vllm:prompt_tokens_total"),
            Quantity.OUTPUT_TOKENS: _first("vllm:generation_tokens_total"),
            **_ttft("vllm:time_to_first_token_seconds"),
            **_e2e("vllm:e2e_request_latency_seconds"),
        },
    )


def _sglang() -> Engine:
    def either(name: str) -> tuple[str, str]:
        return f"sglang:{name}", f"sglang_{name}"

    return Engine(
        "sglang",
        ("sglang:", "sglang_"),
        {
            Quantity.WAITING: _first(*either("num_queue_reqs")),
            Quantity.RUNNING: _first(*either("num_running_reqs")),
            Quantity.KV_CACHE: _first(*either("token_usage")),
            Quantity.PREFIX_QUERIES: _first(*either("prompt_tokens_total")),
            Quantity.PREFIX_HITS: _first(*either("cached_tokens_total")),
            Quantity.PREEMPTIONS: _first(*either("num_retracted_requests_total")),
            Quantity.REQUESTS: _first(*either("num_requests_total")),
            Quantity.INPUT_TOKENS: _first(*either("prompt_tokens_total")),
            Quantity.OUTPUT_TOKENS: _first(*either("generation_tokens_total")),
            **_ttft(*either("time_to_first_token_seconds")),
            **_e2e(*either("e2e_request_latency_seconds")),
        },
    )


def _tgi() -> Engine:
    return Engine(
        "tgi",
        ("tgi_",),
        {
            Quantity.WAITING: _first("tgi_queue_size"),
            Quantity.RUNNING: _first("tgi_batch_current_size"),
            Quantity.REQUESTS: _first("tgi_request_success", "tgi_request_success_total"),
            Quantity.INPUT_TOKENS: _first("tgi_request_input_length_sum"),
            Quantity.OUTPUT_TOKENS: _first("tgi_request_generated_tokens_sum"),
            **_e2e("tgi_request_duration"),
        },
    )


def _llamacpp() -> Engine:
    # The first count of prompt tokens leaves the cached ones out: without the second it is no count of the input.
    looked_up = [Pick("llamacpp:prompt_tokens_total"), Pick("llamacpp:prompt_tokens_cached_total")]
    return Engine(
        "llamacpp",
        ("llamacpp:",),
        {
            Quantity.WAITING: _first("llamacpp:requests_deferred"),
            Quantity.RUNNING: _first("llamacpp:requests_processing"),
            Quantity.KV_CACHE: _first("llamacpp:kv_cache_usage_ratio"),
            Quantity.PREFIX_QUERIES: [looked_up],
            Quantity.PREFIX_HITS: _first("llamacpp:prompt_tokens_cached_total"),
            Quantity.INPUT_TOKENS: [looked_up],
            Quantity.OUTPUT_TOKENS: _first("llamacpp:tokens_predicted_total"),
        },
    )


# Its duration of a request ends when the model lets go of the request, for a streamed answer long before the end: that
# is no e2e.
_TRITON_COUNTS: Final[dict[Quantity, Sequence[Way]]] = {
    Quantity.REQUESTS: _first("nv_inference_request_success"),
    Quantity.TTFT_SUM: [[Pick("nv_inference_first_response_histogram_ms_sum", scale=1e-3)]],
    Quantity.TTFT_COUNT: _first("nv_inference_first_response_histogram_ms_count"),
}


def _triton() -> Engine:
    waiting = _first("nv_inference_pending_request_count")
    return Engine("triton", ("nv_inference_",), {Quantity.WAITING: waiting, **_TRITON_COUNTS})


def _triton_trtllm() -> Engine:
    def requests(kind: str) -> Way:
        return [Pick("nv_trt_llm_request_metrics", where={"request_type": kind})]

    fraction = Pick("nv_trt_llm_kv_cache_block_metrics", where={"kv_cache_block_type": "fraction"})
    return Engine(
        "triton_trtllm",
        ("nv_trt_llm_",),
        {
            Quantity.WAITING: [requests("waiting")],
            Quantity.RUNNING: [requests("scheduled"), requests("active")],
            Quantity.KV_CACHE: [[fraction]],
            **_TRITON_COUNTS,
        },
    )


def _trtllm() -> Engine:
    return Engine(
        "trtllm",
        ("trtllm_",),
        {
            Quantity.WAITING: _first("trtllm_num_requests_waiting"),
            Quantity.RUNNING: _first("trtllm_num_requests_running"),
            Quantity.KV_CACHE: _first("trtllm_kv_cache_utilization"),
            Quantity.REQUESTS: _first("trtllm_request_success_total"),
            **_ttft("trtllm_time_to_first_token_seconds"),
            **_e2e("trtllm_e2e_request_latency_seconds"),
        },
    )


def _dynamo() -> Engine:
    return Engine(
        "dynamo",
        ("dynamo_frontend_",),
        {
            Quantity.WAITING: _first("dynamo_frontend_queued_requests"),
            Quantity.RUNNING: _first("dynamo_frontend_inflight_requests", "dynamo_frontend_inflight_requests_total"),
            Quantity.PREFIX_QUERIES: _first("dynamo_frontend_input_sequence_tokens_sum"),
            Quantity.PREFIX_HITS: _first("dynamo_frontend_cached_tokens_sum"),
            Quantity.REQUESTS: [[Pick("dynamo_frontend_requests_total", where={"status": "success"})]],
            Quantity.INPUT_TOKENS: _first("dynamo_frontend_input_sequence_tokens_sum"),
            Quantity.OUTPUT_TOKENS: _first(
                "dynamo_frontend_output_tokens_total", "dynamo_frontend_output_sequence_tokens_sum"
            ),
            **_ttft("dynamo_frontend_time_to_first_token_seconds"),
            **_e2e("dynamo_frontend_request_duration_seconds"),
        },
    )


ENGINES: Final = (_dynamo(), _vllm(), _sglang(), _tgi(), _llamacpp(), _triton_trtllm(), _trtllm(), _triton())
"""A page belongs to the first of them that it has a metric of."""
