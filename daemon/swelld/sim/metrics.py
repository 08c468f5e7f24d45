"""The page /metrics, in the names, labels and buckets of vLLM."""

from collections.abc import Iterator

from swelld.sim.batch import Batch
from swelld.sim.ledger import Buckets, Ledger
from swelld.sim.options import SimOptions


def render(options: SimOptions, ledger: Ledger, batch: Batch | None) -> str:
    """Text format 0.0.4; without a batch, queue and cache are empty."""
    ledger.flush()
    return "".join(f"{line}\n" for line in _lines(options, ledger, batch))


def _lines(options: SimOptions, ledger: Ledger, batch: Batch | None) -> Iterator[str]:
    escaped = options.model.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    labels = f'model_name="{escaped}",engine="0"'
    gauges = {
        "num_requests_running": (len(batch.running) if batch else ledger.running, "Requests in the batch."),
        "num_requests_waiting": (len(batch.waiting) if batch else 0, "Requests in the queue."),
        "kv_cache_usage_perc": (
            batch.pool.used / batch.pool.blocks if batch else 0.0,
            "Share of KV blocks in use, 0 to 1.",
        ),
    }
    total = ledger.total
    counters = {
        "prefix_cache_queries": (batch.prefix_queries if batch else 0, "Prompt tokens looked up in the prefix cache."),
        "prefix_cache_hits": (batch.prefix_hits if batch else 0, "Prompt tokens found in the prefix cache."),
        "num_preemptions": (batch.preemptions if batch else 0, "Sequences that lost their KV blocks."),
        "prompt_tokens": (total["prompt_tokens"], "Prompt tokens of accepted requests."),
        "generation_tokens": (total["output_tokens"], "Tokens written."),
    }
    for name, (value, help_text) in gauges.items():
        yield from _head(name, "gauge", help_text)
        yield f"vllm:{name}{{{labels}}} {value}"
    for name, (count, help_text) in counters.items():
        yield from _head(f"{name}_total", "counter", help_text)
        yield f"vllm:{name}_total{{{labels}}} {count}"
    yield from _head("request_success_total", "counter", "Requests by the reason they ended.")
    for reason in ("stop", "length", "abort"):
        yield f'vllm:request_success_total{{{labels},finished_reason="{reason}"}} {total[f"finished:{reason}"]}'
    histograms = {
        "time_to_first_token_seconds": (ledger.ttft.buckets, "Request read to first token written."),
        "inter_token_latency_seconds": (ledger.itl.buckets, "Gaps between writes of one stream."),
        "e2e_request_latency_seconds": (ledger.e2e.buckets, "Request read to last token written."),
    }
    for name, (buckets, help_text) in histograms.items():
        if buckets:
            yield from _head(name, "histogram", help_text)
            yield from _histogram(name, labels, buckets)
    if batch:
        yield from _head("cache_config_info", "gauge", "The KV cache.")
        size, blocks = options.block_size, options.kv_blocks
        yield f'vllm:cache_config_info{{engine="0",block_size="{size}",num_gpu_blocks="{blocks}"}} 1'


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP vllm:{name} {help_text}"
    yield f"# TYPE vllm:{name} {kind}"


def _histogram(name: str, labels: str, buckets: Buckets) -> Iterator[str]:
    total = 0
    for bound, count in zip((*buckets.bounds, "+Inf"), buckets.counts.tolist(), strict=True):
        total += count
        yield f'vllm:{name}_bucket{{{labels},le="{bound}"}} {total}'
    yield f"vllm:{name}_count{{{labels}}} {total}"
    yield f"vllm:{name}_sum{{{labels}}} {buckets.sum}"
