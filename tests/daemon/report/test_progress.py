"""Live progress on a terminal and without one, on a hand-driven clock."""

from io import StringIO
from typing import Any

import msgspec
from rich.console import Console

from swelld.report.progress import LiveReport, plain_line
from swelld.result import Progress

PROGRESS = Progress(
    run_id="01jd3k8r",
    scenario="chat",
    state="running",
    stage="concurrency=10",
    stage_number=2,
    stage_count=3,
    elapsed=31.2,
    fraction=0.45,
    remaining=37.6,
    in_flight=9,
    done=450,
    total=1000,
    failed=3,
    request_rate=14.9,
    output_token_rate=1904.2,
    e2e_p90=1.234,
    ttft_p50=0.0521,
    active_users=10,
)


class Clock:
    moment = 0.0

    def __call__(self) -> float:
        return self.moment


def changed(**changes: Any) -> Progress:
    return msgspec.structs.replace(PROGRESS, **changes)


def terminal(width: int = 100) -> tuple[Console, StringIO]:
    out = StringIO()
    environment = {"TERM": "xterm"}  # whatever the tests run in
    return Console(file=out, width=width, force_terminal=True, color_system=None, _environ=environment), out


def test_plain_line_says_everything() -> None:
    assert plain_line(changed(warning="event loop lag p99 84 ms")) == (
        "31s chat concurrency=10 2/3: 45%, 450/1,000 requests, 10 users, 9 in flight, 14.9 req/s, 1,904 tok/s, "
        "TTFT p50 52.1 ms, E2E p90 1.23 s, 3 errors, 38s left, NOT VALID: event loop lag p99 84 ms"
    )


def test_plain_line_without_an_end_or_an_answer_yet() -> None:
    early = changed(
        fraction=None,
        remaining=None,
        total=None,
        e2e_p90=None,
        ttft_p50=None,
        active_users=None,
        failed=1,
        state="warmup",
    )
    assert plain_line(early) == (
        "31s chat concurrency=10 2/3 (warmup): 450 requests, 9 in flight, 14.9 req/s, 1,904 tok/s, "
        "TTFT p50 -, E2E p90 -, 1 error"
    )


def test_without_a_terminal_one_line_every_ten_seconds() -> None:
    out, clock = StringIO(), Clock()
    with LiveReport(Console(file=out, width=80), now=clock) as report:
        for tick in range(126):  # 25 seconds
            clock.moment = 100.0 + tick / 5
            report.update(changed(done=tick))
    lines = out.getvalue().splitlines()
    assert [line.split(" requests")[0].split()[-1] for line in lines] == ["0/1,000", "50/1,000", "100/1,000"]
    assert "\x1b" not in out.getvalue()


def test_plain_line_is_not_wrapped_or_marked_up() -> None:
    out = StringIO()
    with LiveReport(Console(file=out, width=40)) as report:
        report.update(changed(scenario="[bold]odd[/bold]"))
    assert out.getvalue() == plain_line(changed(scenario="[bold]odd[/bold]")) + "\n"


def test_on_a_terminal_the_last_update_is_what_is_seen() -> None:
    console, out = terminal()
    with LiveReport(console) as report:
        report.update(changed(done=449))
        out.truncate(0)
        report.update(PROGRESS)
        seen = out.getvalue()
    assert "chat concurrency=10 2/3" in seen
    assert "45%  38s left" in seen
    assert "450/1,000 requests  10 users  9 in flight  14.9 req/s  1,904 tok/s  TTFT p50 52.1 ms" in seen
    assert "449" not in seen
    assert "not valid" not in seen


def test_on_a_terminal_nothing_is_drawn_between_updates_and_nothing_left_behind() -> None:
    console, out = terminal()
    with LiveReport(console) as report:
        report.update(PROGRESS)
        drawn = len(out.getvalue())
        console.file.flush()
        assert len(out.getvalue()) == drawn
    assert out.getvalue().endswith("\x1b[2K")  # the last line that was drawn is erased
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def test_on_a_narrow_terminal_no_figure_is_torn() -> None:
    console, out = terminal(60)
    with LiveReport(console) as report:
        report.update(changed(warning="event loop lag p99 84 ms"))
    for figure in (
        "14.9 req/s",
        "1,904 tok/s",
        "TTFT p50 52.1 ms",
        "E2E p90 1.23 s",
        "3 errors",
        "not valid: event loop",
    ):
        assert figure in out.getvalue()


def test_between_two_stages_only_the_scenario_is_named() -> None:
    between = changed(stage="", stage_number=0, state="completed", fraction=1.0, remaining=0.0)
    assert plain_line(between).startswith("31s chat (completed): 100%, ")
    console, out = terminal()
    with LiveReport(console) as report:
        report.update(changed(stage="", stage_number=0, fraction=0.0, remaining=None))
    assert "no end" not in out.getvalue()


def test_run_without_an_end_shows_its_age() -> None:
    console, out = terminal()
    with LiveReport(console) as report:
        report.update(changed(fraction=None, remaining=None, total=None))
    assert "31s  no end set" in out.getvalue()


def test_dumb_terminal_gets_plain_lines() -> None:
    out = StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, _environ={"TERM": "dumb"})
    with LiveReport(console) as report:
        report.update(PROGRESS)
    assert out.getvalue() == plain_line(PROGRESS) + "\n"
