"""The servers' own metrics on a terminal: a row for each target, and why one could not be compared."""

import io

import msgspec
from rich.console import Console

import sample_results
import sample_servers
from swelld.report.tables import ResultReport
from swelld.result import Finding, ServerLevel, ServerResult

FULL = sample_servers.server(
    looks=12,
    requests_waiting=ServerLevel(3.25, 17.0),
    requests_running=ServerLevel(15.5, 16.0),
    kv_cache_usage=ServerLevel(0.5, 0.875),
    prefix_cache_hit_ratio=0.125,
    preemptions=2.0,
)
BARE = sample_servers.server(target="other", engine=None, looks=0, note="the page is of no engine that swelld knows")


def printed(servers: list[ServerResult] | None, findings: list[Finding], width: int = 120) -> list[str]:
    result = msgspec.structs.replace(sample_results.result(findings=findings), server=servers)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(ResultReport(result))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_row_for_each_target() -> None:
    lines = printed([FULL, BARE], [])
    table = lines[next(n for n, line in enumerate(lines) if line.startswith("Server ─")) :]
    assert table[2].split() == ["target", "engine", "mean", "max", "mean", "max", "max", "hits", "preempted", "looks"]
    assert table[4].split() == ["local", "vllm", "3.25", "17", "15.5", "16", "87.5%", "12.5%", "2", "12"]
    assert table[5].split() == ["other", "unknown", *["-"] * 7, "0"]
    assert table[6] == "other: not compared: the page is of no engine that swelld knows"


def test_a_narrow_terminal_keeps_the_queue() -> None:
    lines = printed([FULL], [], width=50)
    assert max(len(line) for line in lines if "vllm" in line) <= 50
    assert any("3.25" in line and "17" in line for line in lines)


def test_nothing_is_said_where_nothing_was_read() -> None:
    assert not any(line.startswith("Server") for line in printed(None, []))


def test_findings_carry_their_subject_as_people_write_it() -> None:
    lines = printed(None, [Finding("WARNING", "server ttft", "100 ms by the server, 1 s by swelld", target="local")])
    assert any(line.startswith("WARNING  Server TTFT  100 ms by the server") for line in lines)
