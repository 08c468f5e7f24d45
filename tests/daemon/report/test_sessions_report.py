"""Sessions, contention and what happened to the load, as a terminal shows them."""

from io import StringIO

import msgspec
from rich.console import Console

from contended import contended_result, session_stage, turn
from sample_results import result, stage
from swelld.analysis.turns import cached_share, turn_name
from swelld.report.course import SHOWN, course
from swelld.report.tables import ResultReport
from swelld.result import LevelChange, Result, Sessions, Statistics


def shown(found: Result, width: int = 120) -> list[str]:
    out = StringIO()
    Console(file=out, width=width).print(ResultReport(found))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_table_by_turn() -> None:
    lines = shown(result([session_stage()]))
    place = lines.index("10 sessions begun, 7 completed, 1 failed, 2 cut by the end of the stage")
    head = lines[place + 1].split()
    assert head[:3] == ["turn", "requests", "ok"]
    assert head[-3:] == ["input", "tokens", "cached"]
    second = lines[place + 4].split()
    assert second[:3] == ["2", "9", "8"]
    assert second[-2:] == ["200", "50.0%"]
    assert second[3] == f"{1000 * (turn(2, 9).ttft.p50 or 0):.2f}"


def test_sessions_of_the_warm_up_may_end_in_the_window() -> None:
    found = Sessions(begun=83, completed=86, failed=0, cut=0, turns=[])
    lines = shown(result([session_stage(sessions=found)]))
    assert "83 sessions begun, 86 completed (some of these began in the warm-up)" in lines


def test_it_fits_where_there_is_little_room() -> None:
    lines = shown(result([session_stage()]), 50)
    assert max(map(len, lines)) <= 50
    head = next(line for line in lines if line.startswith("turn"))
    assert "TTFT p50 ms" in head


def test_a_server_that_tells_nothing_of_its_cache_has_no_such_column() -> None:
    sessions = Sessions(begun=1, completed=1, failed=0, cut=0, turns=[turn(1, 1, cached_tokens=None)])
    lines = shown(result([session_stage(sessions=sessions)]))
    assert "1 session begun, 1 completed" in lines
    assert not any("cached" in line for line in lines)


def test_the_last_turn_stands_for_all_after_it() -> None:
    assert [turn_name(turn(n, 1)) for n in (15, 16)] == ["15", "16+"]
    assert cached_share(turn(1, 2, input_tokens=Statistics(count=0))) is None


def test_what_targets_lose_and_which_stages_are_of_one_alone() -> None:
    lines = shown(contended_result())
    assert any(line.startswith("concurrency=4 solo=a  a  a-7b ") for line in lines)
    place = next(n for n, line in enumerate(lines) if line.startswith("Contention "))
    cells = lines[place + 3].split()
    assert cells[:8] == ["a", "TTFT", "p50", "51.8", "ms", "104", "ms", "+100.0%"]


def test_changes_and_what_was_withheld() -> None:
    changes = [LevelChange(3.0, rate=5.0), LevelChange(6.5, scale=1.5), LevelChange(70.0, concurrency=1200)]
    found = stage(changes=changes, withheld={"yield": 1200, "paused": 34})
    lines = shown(result([found]))
    moments = "5.00/s after 3.00 s, 1.5 times the planned rate after 6.50 s, 1,200 users after 1m 10s"
    assert f"Load changed while it went on: {moments}" in " ".join(lines)
    assert "Withheld: 1,234 arrivals were not sent: paused 34, yield 1,200" in lines
    assert list(course(stage())) == []


def test_of_many_changes_the_last_are_told() -> None:
    changes = [LevelChange(float(at), concurrency=at) for at in range(1, SHOWN + 3)]
    (line,) = course(msgspec.structs.replace(stage(), changes=changes))
    assert line.startswith("Load changed while it went on: 2 times before, 3 users after 3.00 s, ")
