"""What only some runs have: it is in every document of those that have it, and in none of the others."""

import csv
import io
from typing import Any

import msgspec
import pytest

from contended import contended_result, session_stage
from sample_results import result, stage
from sample_searches import level, searched
from swelld.export import as_csv, as_html, as_markdown, as_xlsx
from swelld.export.details import Table, details
from swelld.export.overview import ordered
from swelld.result import (
    ChecksFound,
    Cost,
    GpuSummary,
    GpuUse,
    LevelChange,
    Phases,
    Result,
    ServerCheck,
    ServerLevel,
    ServerResult,
    ServerTimeline,
)
from workbook import Book

NO_TIMELINE = ServerTimeline(
    at=[], requests_waiting=None, requests_running=None, kv_cache_usage=None, prefix_cache_queries=None,
    prefix_cache_hits=None, preemptions=None, output_tokens=None,
)  # fmt: skip
SERVER = ServerResult(
    target="local", engine="vllm", url="http://127.0.0.1:1/metrics", looks=17, failed_looks=0,
    requests_waiting=ServerLevel(0.5, 3.0), requests_running=ServerLevel(6.25, 8.0), kv_cache_usage=None,
    prefix_cache_queries=None, prefix_cache_hits=None, prefix_cache_hit_ratio=0.584, preemptions=2.0, restarts=0,
    requests=100.0, input_tokens=None, output_tokens=None, ttft_mean=0.0512, e2e_mean=None, tolerance=0.05,
    checks=[ServerCheck("requests", 100.0, 100.0, True), ServerCheck("ttft", 0.052, 0.0312, False)],
    note="another run loaded it", timeline=NO_TIMELINE,
)  # fmt: skip
GPU = GpuUse(
    window_seconds=8.0, energy_joules=2100.0, joules_per_output_token=1.71, tokens_per_second_per_watt=0.58,
    gpus=[GpuSummary(gpu="0", uuid="GPU-1", name="H200", energy_joules=2100.0, mean_power_watts=291.0,
                     mean_utilization=0.83, max_memory_bytes=120 * 2**30)],
)  # fmt: skip
PHASES = Phases(asked="steady", used="steady", reached=True, ramp_seconds=2.0, steady_seconds=8.0, drain_seconds=0.5)

SEARCHED = searched(
    level(8, True, doubted=True),
    level(4, True, False),
    level(16, None, False, low=None, high=None, reason="the load was held back (budget)", doubted=True),
    level(16, False, stage="concurrency=16 again=2", cut_short=True, seconds=3.25, taken_over=True),
)

RICH: dict[str, tuple[Result, list[str]]] = {
    "Levels of the search": (
        SEARCHED,
        [
            "concurrency=16 again=2",
            "missed",
            "taken over; cut short",
            "16",
            "100",
            "500",
            "20.0%",
            "17.0%",
            "24.0%",
            "3.25 s",
        ],
    ),
    "Changes of the load while it went on": (
        result([stage(changes=[LevelChange(3.0, concurrency=20), LevelChange(6.5, scale=1.5)])]),
        ["concurrency=10", "local", "1.5 times the planned rate", "6.50 s"],
    ),
    "Arrivals that were not sent": (
        result([stage(withheld={"yield": 1200})]),
        ["concurrency=10", "local", "yield", "1,200"],
    ),
    "Phases": (
        result([stage(phases=PHASES)]),
        ["concurrency=10", "local", "steady", "-", "2.00 s", "8.00 s", "500 ms"],
    ),
    "Checks of the answers": (
        result([stage(checks=ChecksFound(checked=20, failures={"regex": 3}))]),
        ["concurrency=10", "local", "regex", "3", "20", "15.0%"],
    ),
    "Cost": (
        result([stage(cost=Cost(amount=0.0123, currency="EUR", per_1000_requests=1.2, per_million_output_tokens=14))]),
        ["concurrency=10", "local", "EUR", "0.0123", "1.20", "14.00"],
    ),
    "The servers during the run": (
        msgspec.structs.replace(result(), server=[SERVER]),
        ["local", "vllm", "0.50", "3", "6.25", "8", "-", "58.4%", "2", "17"],
    ),
    "The servers' own figures": (
        msgspec.structs.replace(result(), server=[SERVER]),
        ["local", "ttft", "0.052", "0.0312", "no"],
    ),
    "GPUs of the machine that swelld ran on": (
        msgspec.structs.replace(result(), gpu=GPU),
        ["0", "H200", "291", "83.0%", "120", "2,100"],
    ),
}


def table(found: Result, title: str) -> Table:
    return next(one for one in details(found) if one.title == title)


@pytest.mark.parametrize("title", RICH)
def test_what_a_run_has_is_in_the_documents_for_people(title: str) -> None:
    found, row = RICH[title]
    assert table(found, title).texts()[-1] == row
    markdown = as_markdown.render(found).decode()
    assert f"<details><summary>{title}</summary>" in markdown
    assert f"| {' | '.join(row)} |" in markdown
    page = as_html.render(found).decode()
    left = table(found, title).left
    cells = "".join(f"<td>{c}</td>" if n < left else f'<td class="n">{c}</td>' for n, c in enumerate(row))
    assert f"<h2>{title}</h2>" in page
    assert cells in page


def test_a_plain_run_has_nothing_of_it() -> None:
    assert details(result()) == []


def test_notes_stand_below() -> None:
    found = msgspec.structs.replace(result(), server=[SERVER], gpu=GPU)
    assert "local: not compared: another run loaded it" in as_markdown.render(found).decode()
    assert "1.71 J per output token" in as_html.render(found).decode()


def test_every_level_of_a_search_is_told() -> None:
    found = table(SEARCHED, "Levels of the search")
    assert [row[:4] for row in found.texts()] == [
        ["concurrency=4", "met, not for sure", "-", "4"],
        ["concurrency=8", "met", "the load generator was the bottleneck", "8"],
        ["concurrency=16", "in doubt", "the load was held back (budget)", "16"],
        ["concurrency=16 again=2", "missed", "taken over; cut short", "16"],
    ]
    assert found.texts()[2][7:9] == ["-", "-"]
    assert found.notes[0].startswith("Asked for: 95% good requests. With 95% confidence")
    page = as_html.render(SEARCHED).decode()
    assert page.index("<h2>Capacity") < page.index("<h2>Levels of the search") < page.index("<h2>Stages")
    book = Book(as_xlsx.render(SEARCHED))
    assert book.column("Levels of the search", "users")[:4] == [4.0, 8.0, 16.0, 16.0]
    assert book.column("Levels of the search", "at least")[:4] == [0.99, 0.99, None, 0.17]
    assert book.column("Levels of the search", "decided after (s)")[:4] == [10.0, 10.0, 10.0, 3.25]


def test_levels_of_a_rate_are_requests_per_second() -> None:
    assert SEARCHED.search is not None
    at = msgspec.structs.replace(SEARCHED.search, kind="rate", levels=[level(0.375, True)])
    found = table(msgspec.structs.replace(SEARCHED, search=at), "Levels of the search")
    assert dict(zip(found.heads, found.texts()[0], strict=True))["requests/s"] == "0.375"


def test_csv_has_what_a_search_decided_about_each_level() -> None:
    assert SEARCHED.search is not None
    whole = msgspec.structs.replace(SEARCHED, search=msgspec.structs.replace(SEARCHED.search, limit=(5.6, 6.4)))
    rows = [row for (_, _), row in rows_of(whole).items()]
    assert [row["search_accepted"] for row in rows] == ["true", "true", "", "false"]
    assert [row["search_sure"] for row in rows] == ["true", "false", "false", "true"]
    assert [float(row["search_level"]) for row in rows] == [8.0, 4.0, 16.0, 16.0]
    assert [(row["search_good"], row["search_total"], row["search_low"]) for row in rows] == [
        ("500", "500", "0.99"), ("500", "500", "0.99"), ("100", "500", ""), ("100", "500", "0.17"),
    ]  # fmt: skip
    assert {(row["search_capacity"], row["search_limit_low"], row["search_limit_high"]) for row in rows} == {
        ("8", "5.6", "6.4")
    }
    assert rows[2]["search_reason"] == "the load was held back (budget)"
    assert not any(name.startswith("search_") for name in next(iter(rows_of(result()).values())))


def test_contention_in_a_table() -> None:
    rows = {(row[1], row[2]): row for row in table(contended_result(), "Contention").texts()}
    assert rows["a", "TTFT p50"][3:6] == ["51.8 ms", "104 ms", "+100.0%"]
    assert rows["a", "out tok/s"][3:6] == ["2,000", "1,000", "+50.0%"]
    assert rows["b", "TTFT p50"][5] == "-5.0%"
    markdown = as_markdown.render(contended_result()).decode()
    assert "**Contention**" in markdown
    assert "| concurrency=4 | a | TTFT p50 | 51.8 ms | 104 ms | +100.0% |" in markdown
    page = as_html.render(contended_result()).decode()
    assert page.index("<h2>Stages") < page.index("<h2>Contention") < page.index("<h2>Charts")


def test_long_tables_are_folded() -> None:
    markdown = as_markdown.render(contended_result((1, 2, 4))).decode()
    assert "**Contention**" not in markdown
    assert "<details><summary>Contention</summary>" in markdown
    assert "40 of 48 rows are shown." in markdown
    assert "<summary>All 48 rows</summary>" in as_html.render(contended_result((1, 2, 4))).decode()


def test_sessions_in_a_table() -> None:
    found = result([session_stage()])
    rows = table(found, "Sessions").texts()
    assert [row[2:5] for row in rows] == [["1", "10", "10"], ["2", "9", "8"], ["3", "7", "7"]]
    assert [(row[-2], row[-1]) for row in rows] == [("100", "50.0%"), ("200", "50.0%"), ("300", "50.0%")]
    said = "10 sessions begun, 7 completed, 1 failed, 2 cut by the end of the stage"
    for document in (as_markdown.render(found), as_html.render(found)):
        assert said in document.decode()


def test_the_workbook_has_sheets_of_it_with_numbers() -> None:
    swept = contended_result()
    last = session_stage(stage="concurrency=9")
    stages = [*swept.stages, last]
    book = Book(as_xlsx.render(msgspec.structs.replace(swept, stages=stages)))
    assert {"Contention", "Sessions"} <= set(book.sheets)
    assert swept.contention is not None
    first = swept.contention[0].figures["ttft.p50"]
    assert book.column("Contention", "loss")[0] == pytest.approx(first.loss)
    assert book.column("Contention", "alone")[0] == pytest.approx(first.alone)
    assert book.column("Sessions", "requests")[:3] == [10.0, 9.0, 7.0]
    assert book.column("Sessions", "cached")[:3] == [0.5, 0.5, 0.5]
    assert last.sessions is not None
    assert book.column("Sessions", "TTFT p50 (s)")[0] == pytest.approx(last.sessions.turns[0].ttft.p50)


def rows_of(found: Result) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader(io.StringIO(as_csv.render(found).decode()))
    return {(row["stage"], row["target"]): row for row in rows}


def test_csv_has_losses_beside_the_figures_and_marks_the_lone_ones() -> None:
    swept = contended_result()
    rows = rows_of(swept)
    alone, together = rows["concurrency=4 solo=a", "a"], rows["concurrency=4", "a"]
    assert (alone["solo_of"], together["solo_of"]) == ("concurrency=4", "")
    assert alone["loss_ttft_p50"] == ""
    assert swept.contention is not None
    figure = swept.contention[0].figures["ttft.p50"]
    told = [together[f"loss_ttft_p50{end}"] for end in ("", "_low", "_high")]
    assert [float(text) for text in told] == [figure.loss, figure.low, figure.high]
    assert not any(name.startswith("loss_") for name in next(iter(rows_of(result()).values())))


def test_csv_has_the_turns_of_sessions() -> None:
    found = rows_of(result([stage(stage="concurrency=5"), session_stage()]))
    row, plain = found["concurrency=10", "local"], found["concurrency=5", "local"]
    assert (row["sessions_begun"], row["sessions_failed"], row["turn_2_ok"]) == ("10", "1", "8")
    assert float(row["turn_3_input_tokens_mean"]) == 300.0
    assert (plain["sessions_begun"], plain["turn_1_requests"]) == ("", "")


def test_lone_stages_come_last_and_are_no_levels_of_a_chart() -> None:
    swept = contended_result((4, 8))
    names = [(one.target, one.stage) for one in ordered(swept)]
    assert names[:4] == [
        ("a", "concurrency=4"), ("a", "concurrency=8"), ("a", "concurrency=4 solo=a"), ("a", "concurrency=8 solo=a"),
    ]  # fmt: skip
    assert len(names) == len(swept.stages) == 8
    book = Book(as_xlsx.render(swept))
    assert book.column("Stages", "stage") == [name for _, name in names]
    ranges = {book.range_of_chart(number) for number in range(1, 13)}
    assert ranges == {(2, 3), (6, 7)}


def test_a_run_that_ended_while_a_target_was_alone_is_still_told() -> None:
    found = result(contended_result().stages[:1])
    documents: list[Any] = [as_markdown.render(found), as_html.render(found), as_csv.render(found)]
    assert all(b"concurrency=4 solo=a" in document for document in documents)
    assert Book(as_xlsx.render(found)).column("Stages", "stage") == ["concurrency=4 solo=a"]
