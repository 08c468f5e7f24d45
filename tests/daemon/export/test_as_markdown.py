"""Markdown for a pull request, read as a code host reads it."""

import re

import msgspec

from sample_results import empty_stage, open_stage, result, stage, validity
from swelld.analysis.verdict import verdict
from swelld.export import as_markdown
from swelld.result import Finding, Result, StageResult
from swept import LEVELS, level, sweep_result


def lines(found: Result) -> list[str]:
    return as_markdown.render(found).decode().splitlines()


def cells(found: list[str], start: str) -> list[str]:
    line = next(line for line in found if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def judged(*stages: StageResult) -> Result:
    return result(stages, verdict(stages))


def test_the_verdict_comes_first() -> None:
    found = lines(judged(stage()))
    assert found[0] == "## ✅ PASS: chat"
    assert found[2] == (
        "Run 01jd3k8r of 2026-11-14T10:20:30+00:00, completed in 1m 02s, seed 7, swelld 0.1.0. Verdict: 8 passed."
    )
    assert found[4].startswith("Passed everywhere: Validity, ")


def test_what_failed_has_its_figures_and_its_reason() -> None:
    found = lines(judged(open_stage(5.0), stage()))
    assert found[0] == "## ❌ FAIL: chat"
    assert cells(found, "⚠️ WARNING | Error rate")[2] == (
        "rate=5: 3.1% of requests (3 of 98) failed<br><sub>under 1% is what retries hide, from 5% users notice</sub>"
    )
    assert "Error rate" not in next(line for line in found if line.startswith("Passed everywhere"))


def test_stages_are_a_table() -> None:
    found = lines(sweep_result())
    head = cells(found, "stage")
    assert head == ["stage", "ok", "errors", "requests/s", "tokens/s", "TTFT p50", "TTFT p95", "TPOT p50", "E2E p50",
                    "E2E p95", "goodput"]  # fmt: skip
    assert cells(found, "concurrency=128")[:4] == ["concurrency=128", "100", "9.1%", "16.0"]
    assert "- Operate at 11.2 to 12.8 requests/s (70% to 80% of that)." in found


def test_what_was_not_measured_is_a_dash() -> None:
    failed = msgspec.structs.replace(empty_stage(), stage="concurrency=20")
    assert cells(lines(result([failed, stage()])), "concurrency=20")[1:5] == ["0", "100.0%", "-", "-"]


def test_doubt_everywhere_is_said_once() -> None:
    doubted = [level(users, validity=validity(valid=False, reasons=["late"])) for users in LEVELS]
    found = lines(judged(*doubted))
    places = ", ".join(f"concurrency={users}" for users in LEVELS[:-1])
    assert cells(found, "⚠️ WARNING | Error rate")[2] == (
        f"{places}<br><sub>in doubt: the load generator was the bottleneck</sub>"
    )


def test_text_from_elsewhere_is_no_markup() -> None:
    swept = sweep_result((8, 128), model="a|b")
    odd = msgspec.structs.replace(
        swept,
        run=msgspec.structs.replace(swept.run, scenario="<x>\n# y", config={"a": {"b|c": "@all\n|"}}),
        verdict=[Finding("FAIL", "validity", "| <script>", reason="[x](y)")],
    )
    found = lines(odd)
    assert found[0] == "## ❌ FAIL: &#60;x&#62; &#35; y"
    assert cells(found, "❌ FAIL")[2] == "&#124; &#60;script&#62;<br><sub>&#91;x&#93;(y)</sub>"
    assert cells(found, "concurrency=128 | local")[4] == "=2+2&#124;&#60;b&#62;busy&#60;/b&#62; &#64;team"
    assert cells(found, "a.b&#124;c") == ["a.b&#124;c", "&#64;all &#124;"]
    text = "\n".join(found)
    assert set(re.findall(r"<[^>]+>", text)) <= {
        "<br>",
        "<sub>",
        "</sub>",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
    }


def test_a_comment_does_not_grow_without_end() -> None:
    many = result([level(8, stage=f"concurrency={users}") for users in range(1, 61)])
    config = msgspec.structs.replace(many.run, config={f"k{n}": "v" * 1000 for n in range(300)})
    found = lines(msgspec.structs.replace(many, run=config))
    assert "40 of 60 stages are shown." in found
    assert "200 of 300 settings are shown." in found
    assert max(map(len, found)) < 400


def test_a_run_without_stages_still_says_how_it_ended() -> None:
    found = lines(result([], verdict([])))
    assert found[0] == "## ❌ FAIL: chat"
    assert "nothing was measured" in cells(found, "❌ FAIL")[2]
