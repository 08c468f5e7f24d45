"""What is known of a server from its own metrics, made by hand."""

from typing import Any

from swelld.result import ServerResult, ServerTimeline

NO_TIMELINE = ServerTimeline(
    at=[],
    requests_waiting=None,
    requests_running=None,
    kv_cache_usage=None,
    prefix_cache_queries=None,
    prefix_cache_hits=None,
    preemptions=None,
    output_tokens=None,
)


def server(**known: Any) -> ServerResult:
    """That of the target `local`, which was looked at and told no more than what is `known`."""
    plain: dict[str, Any] = {
        **dict.fromkeys(ServerResult.__struct_fields__),
        "target": "local",
        "engine": "vllm",
        "url": "http://127.0.0.1:8000/metrics",
        "looks": 3,
        "failed_looks": 0,
        "restarts": 0,
        "tolerance": 0.05,
        "checks": [],
        "timeline": NO_TIMELINE,
    }
    return ServerResult(**{**plain, **known})
