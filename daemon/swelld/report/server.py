"""What the targets' own metrics said during a run, for a terminal."""

from collections.abc import Sequence

from rich.text import Text

from swelld.analysis import figures
from swelld.report.layout import Column
from swelld.result import ServerLevel, ServerResult


def server_columns(servers: Sequence[ServerResult]) -> list[Column]:
    """A row for each target: mean and largest levels, shares and counts."""
    columns = [
        Column("\ntarget", [server.target for server in servers], left=True, style="bold"),
        Column("\nengine", [server.engine or "unknown" for server in servers], left=True),
    ]
    for name, attribute, keep in (("waiting", "requests_waiting", 90), ("running", "requests_running", 80)):
        levels: list[ServerLevel | None] = [getattr(server, attribute) for server in servers]
        columns.append(Column(f"{name}\nmean", [figures.rate(level.mean if level else None) for level in levels], keep))
        columns.append(Column(f"{name}\nmax", [figures.count(level.max if level else None) for level in levels], keep))
    caches = [server.kv_cache_usage for server in servers]
    return [
        *columns,
        Column("KV cache\nmax", [figures.percent(cache.max if cache else None) for cache in caches], 85),
        Column("prefix\nhits", [figures.percent(server.prefix_cache_hit_ratio) for server in servers], 70),
        Column("\npreempted", [figures.count(server.preemptions) for server in servers], 60),
        Column("\nlooks", [figures.count(server.looks) for server in servers], 10),
    ]


def server_notes(servers: Sequence[ServerResult]) -> list[Text]:
    """Why figures of client and server could not be compared, where they could not."""
    return [Text(f"{server.target}: not compared: {server.note}", "dim") for server in servers if server.note]
