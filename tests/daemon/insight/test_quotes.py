"""Numbers in prose: found with their units, and held against the data to the digits quoted."""

import pytest

from swelld.insight.fact import Fact
from swelld.insight.quotes import Checker

FACTS = [
    Fact("ttft p95", 0.07924, "s"),
    Fact("e2e p95", 2.018, "s"),
    Fact("duration", 62.0, "s"),
    Fact("output token rate", 1598.4, "tokens/s"),
    Fact("request rate", 12.5, "requests/s"),
    Fact("goodput", 0.8704, "share"),
    Fact("ok", 95, "count"),
    Fact("failed", 3, "count"),
    Fact("users", 10, "count"),
    Fact("growth", 2.31, "factor"),
    Fact("tokens", 12800, "tokens"),
    Fact("in all", 1_250_000, "tokens"),
    Fact("power", 312.4, "W"),
    Fact("memory", 8 * 2**30, "bytes"),
]
NAMES = ["concurrency=77", "sim-8b 4", "run 5.5", "2026-11-14"]


def marked(line: str, *names: str) -> list[str]:
    """What of a line is not in the data."""
    checker = Checker(FACTS, [*NAMES, *names])
    checker.check(line)
    return checker.missing


@pytest.mark.parametrize(
    "line",
    [
        "TTFT p95 was 79 ms, 79.2 ms, 79.24 ms or 0.079 s, that is 0.08 seconds.",
        "E2E at p95: 2 s, 2.0 s, 2.02 s, 2018 ms, 2,018 ms",
        "It took 1m 02s, 62 s, or about 1 minute.",
        "1,598 tokens/s, 1.6K tokens/s, 1.60k tok/s, 1598 tokens per second, about 1,600 tokens/s",
        "12.5 requests/s, 12.5 req/s, 12.5 RPS, 12.5 requests per second",
        "87% met it, 87.0 %, 87.04 percent",
        "**79.2** ms and `12.5 req/s` and _87 %_",
        "95 requests were answered, 3 failed, by 10 users",
        "2.31x, 2.3 times, 131 % more, 231 % of it",
        "12.8K tokens, 12,800 tokens, 1.25M tokens, 1.25 million tokens",
        "312 W and 8 GiB",
        "from 10, 12.5 requests/s on; between 79 and 2018 ms; 79.2–2018 ms; 79 -> 2018 ms",  # noqa: RUF001
        "TTFT (ms): 79 at first, then 2018",
        "3,10 users",
        "p95, P99, p99.9, the 95th percentile, H100, http_503, HTTP 500, 503s, 429 or 503, #4",
        "concurrency=77, sim-8b 4, run 5.5 of 2026-11-14",
        "1. First",
        "  2) **3. Third**",
        "## 4. Heading",
        "초당 1,598 토큰, 초당 12.5 요청, 1,598 토큰/초, 79.2밀리초, 2초",
        "95건, 10명, 2.31배, 87퍼센트, 95번째 백분위수, 백분위 99",
        "concurrency=77에서 79 ms",
    ],
)
def test_what_is_in_the_data_stays_as_it_is(line: str) -> None:
    assert Checker(FACTS, NAMES).check(line) == line


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("TTFT p95 was 80 ms", ["80 ms"]),
        ("79.3 ms", ["79.3 ms"]),
        ("79.240 ms is 79.241 ms", ["79.241 ms"]),
        ("79 s", ["79 s"]),
        ("0.079 ms", ["0.079 ms"]),
        ("79 %", ["79 %"]),
        ("1,600 tokens/s", ["1,600 tokens/s"]),
        ("about 1,700 tokens/s", ["1,700 tokens/s"]),
        ("1598 requests/s", ["1598 requests/s"]),
        ("1.5K tokens/s", ["1.5K tokens/s"]),
        ("88%", ["88%"]),
        ("87 percentage points", ["87 percentage points"]),
        ("2.4x", ["2.4x"]),
        ("a TTFT of 79 at p95", ["79"]),
        ("1.25K tokens", ["1.25K tokens"]),
        ("3m 02s", ["3m 02s"]),
        ("on 2023-10-05", ["2023-10-05"]),
        ("between 79 and 500 ms", ["500 ms"]),
        ("between 50 and 79 ms", ["50"]),
        ("concurrency=770", ["770"]),
        ("concurrency=77.5", ["77.5"]),
        ("**42** requests failed", ["42 requests"]),
        ("(42 ms)", ["42 ms"]),
        ("초당 1,700 토큰", ["1,700 토큰"]),
        ("503 requests failed", ["503 requests"]),
        ("_42 ms_", ["42 ms"]),
        ("-42 ms", ["42 ms"]),
    ],
)
def test_what_is_not_in_the_data_is_marked(line: str, missing: list[str]) -> None:
    assert marked(line) == missing


def test_the_mark_stands_behind_number_and_unit() -> None:
    checker = Checker(FACTS, mark="not there")
    assert checker.check("It took 80 ms, then 79.2 ms, then **5 %**.") == (
        "It took 80 ms (not there), then 79.2 ms, then **5 % (not there)**."
    )
    assert (checker.total, checker.missing) == (3, ["80 ms", "5 %"])


def test_a_table_gives_its_units_in_its_head_or_in_its_first_column() -> None:
    checker = Checker(FACTS)
    table = ["| users | TTFT p95 (ms) | goodput % |", "|---|---|---|", "| 10 | 79.2 | 87.0 |", "| 10 | 12.5 | 95 |"]
    assert [checker.check(line).count("⚠") for line in table] == [0, 0, 0, 2]
    checker = Checker(FACTS)
    assert checker.check("| what | first |") == "| what | first |"
    assert checker.check("| TTFT p95 (ms) | 12.5 |").count("⚠") == 1
    assert checker.check("| TTFT p95 | 79.2 |").count("⚠") == 0
    assert checker.check("A TTFT of 79.2").count("⚠") == 1  # the table is over


def test_a_number_learnt_counts_as_rounded_as_it_was_shown() -> None:
    checker = Checker([Fact("x", 0.04446, "s")])
    assert "⚠" in checker.check("45 ms")
    checker.learn("shown as 44.5 ms")
    assert checker.check("45 ms") == "45 ms"
    assert checker.check("44.5 ms") == "44.5 ms"


def test_nothing_is_in_no_data() -> None:
    checker = Checker([])
    assert checker.check("No number here.") == "No number here."
    assert checker.check("5 ms, 5 %, 5 x, 5") == " ".join(
        f"{one} (⚠ not in the data){end}" for one, end in (("5 ms", ","), ("5 %", ","), ("5 x", ","), ("5", ""))
    )
