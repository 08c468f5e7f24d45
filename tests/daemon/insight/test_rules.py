"""The report without a model: what it says of which figures, in both languages, and that all of it is in the data."""

import re
import string
from importlib import resources
from typing import Any

import msgspec
import pytest
import yaml

import sample_results
import sample_servers
from sample_results import open_stage, spread, stage
from swelld.analysis.verdict import verdict
from swelld.insight import rules
from swelld.insight.phrases import SECTIONS, WRITTEN, Language
from swelld.insight.prompt import data
from swelld.insight.report import analyze, checker_of
from swelld.result import ErrorCount, Requests, Result, ServerLevel, StageResult

ENGLISH = Language("en")


def level(users: int, rate: float, ttft: float, **changes: Any) -> StageResult:
    ratios = {"request_rate": rate, "output_token_rate": rate * 128, "ttft": spread(ttft), "users": users}
    return stage(stage=f"concurrency={users}", **(ratios | changes))


SWEEP = [level(1, 2.0, 0.03), level(10, 12.5, 0.052), level(50, 12.9, 1.2, tpot=spread(0.012))]


def result(*stages: StageResult) -> Result:
    return sample_results.result(stages, verdict(stages))


def said(*stages: StageResult, language: Language = ENGLISH) -> dict[str, str]:
    return rules.sections(result(*stages), language)


def test_a_sweep_that_saturates() -> None:
    found = said(*SWEEP)
    assert list(found) == list(SECTIONS)
    assert "Requests: 300; answered well: 300, failed: 0, dropped: 0." in found["overview"]
    assert "The load generator kept up in every stage" in found["overview"]
    assert "| concurrency=10 | 12.5 | 1,600 | 51.8 ms | 79.2 ms |" in found["load"]
    assert "load 50.0 times, request rate 6.45 times, TTFT p95 40.1 times, TPOT p95 1.20 times" in found["load"]
    assert "local is saturated from concurrency=10 on (12.5 requests/s)" in found["bottlenecks"]
    assert "requests wait before their first token" in found["bottlenecks"]
    assert "the lowest TTFT p95 is 45.6 ms at concurrency=1, with 256 tokens/s" in found["tradeoff"]
    assert "from concurrency=10 to concurrency=50 brings 1.03 times the throughput for 23.1 times" in found["tradeoff"]
    assert "operate at 9.03 to 10.3 requests/s, 70% to 80% of that" in found["operating"]
    assert found["improvements"] == f"- {ENGLISH.say('do_first')}"


def test_generation_that_slows_down() -> None:
    slow = [level(users, users / 2, 0.05, tpot=spread(0.01 * users)) for users in (1, 2, 4)]
    found = said(*slow)
    assert "TPOT p95 grew 4.00 times but TTFT p95 1.00 times: generation itself slows down" in found["bottlenecks"]
    assert "the request rate still grew at the last level (2.00 requests/s at concurrency=4)" in found["bottlenecks"]
    assert ENGLISH.say("do_tokens") in found["improvements"]
    assert ENGLISH.say("do_higher") in found["improvements"]


def test_an_open_loop_in_trouble() -> None:
    found = said(open_stage())
    assert "Goodput at rate=10 on local: 87.0% (87 of 100), asked for: 95.0%." in found["overview"]
    assert "measured at one level only" in found["load"]
    assert "timeouts and answers 429 or 503 begin at rate=10 (2)" in found["bottlenecks"]
    assert "FAIL goodput (rate=10 local)" in found["bottlenecks"]
    assert found["operating"] == "- local: not even the lowest level did; no load can be recommended."
    wanted = ("do_contention", "do_lower", "do_dropped", "do_samples")
    assert all(ENGLISH.say(key, fewest=100) in found["improvements"] for key in wanted)


def test_an_instrument_that_was_the_bottleneck() -> None:
    sick = sample_results.validity(valid=False, reasons=["the event loop was late"])
    found = said(*SWEEP[:2], level(50, 12.9, 1.2, validity=sick))
    assert "In concurrency=50 the load generator itself was the bottleneck" in found["overview"]
    assert "does not support a limit" in found["operating"]
    assert ENGLISH.say("do_valid") in found["improvements"]


def test_a_server_that_queues_and_runs_out_of_cache() -> None:
    seen = sample_servers.server(
        preemptions=4.0, requests_waiting=ServerLevel(3.5, 17.0), kv_cache_usage=ServerLevel(0.7, 0.97)
    )
    whole = msgspec.structs.replace(result(*SWEEP), server=[seen])
    found = rules.sections(whole, ENGLISH)
    assert "local: the server had up to 17 requests waiting." in found["bottlenecks"]
    assert "local: the KV cache was up to 97.0% full." in found["bottlenecks"]
    assert "local: the server preempted requests (4)." in found["bottlenecks"]
    assert ENGLISH.say("do_kv") in found["improvements"]
    assert "requests waiting at most 17, KV cache at most 97.0% full, preemptions 4" in data(whole)


def test_nothing_answered_and_nothing_measured() -> None:
    found = said(sample_results.empty_stage())
    assert "No request to local was answered well." in found["bottlenecks"]
    assert "no TTFT was measured" in found["tradeoff"]
    assert ENGLISH.say("do_errors") in found["improvements"]
    assert set(said().values()) == {ENGLISH.say("no_stages")}


def test_a_sound_run_has_nothing_to_mend() -> None:
    two = [level(1, 2.0, 0.05), level(10, 20.0, 0.05)]
    found = said(*two)
    assert found["improvements"] == f"- {ENGLISH.say('do_levels', fewest=3)}"
    three = [*two, level(20, 20.5, 0.05)]
    assert said(*three)["improvements"] == ENGLISH.say("do_nothing")


CASES = {
    "sweep": SWEEP,
    "open": [open_stage()],
    "mixed": [*SWEEP, open_stage(5.0, target="b"), msgspec.structs.replace(sample_results.empty_stage(), target="c")],
    "errors": [
        level(
            2,
            3.0,
            12.0,
            requests=Requests(scheduled=1000, started=1000, ok=901, failed=99, dropped=0),
            errors={"ttft_timeout": ErrorCount(99, "timeout")},
        )
    ],
}


@pytest.mark.parametrize("language", WRITTEN)
@pytest.mark.parametrize("stages", CASES.values(), ids=CASES)
def test_every_number_of_the_rules_is_in_the_data(stages: list[StageResult], language: str) -> None:
    whole, words = result(*stages), Language(language)
    checker = checker_of(whole, words)
    for text in rules.sections(whole, words).values():
        for line in text.split("\n"):
            checker.check(line)
    assert checker.missing == []
    assert checker.total > 15


async def test_the_document_without_a_model() -> None:
    text = "".join([piece async for piece in analyze(result(*SWEEP))])
    assert re.findall("^#+ .*$", text, re.M) == [
        "# Analysis of run 01jd3k8r",
        *(f"## {title}" for title in ENGLISH.titles().values()),
    ]
    assert "without a model" in text
    korean = "".join([piece async for piece in analyze(result(*SWEEP), None, "ko-KR")])
    assert "## 권장 운영 지점" in korean
    assert "9.03~10.3 요청/초(그 값의 70%~80%)" in korean


async def test_a_language_that_is_none() -> None:
    with pytest.raises(ValueError, match="'1234' is no language"):
        await anext(analyze(result(), None, "1234"))


def test_a_language_that_only_models_know() -> None:
    assert Language("de").name == "German"
    assert Language("nl").name == "nl"
    assert Language("de").say("overview") == "Overview"


def phrases(code: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        resources.files("swelld.insight").joinpath(f"phrases.{code}.yaml").read_text()
    )
    return loaded


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", WRITTEN)
def test_every_language_says_the_same(code: str) -> None:
    english, other = phrases("en"), phrases(code)
    for translated in ("findings", "figures"):
        other.pop(translated, None)
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in english.items()
    }
