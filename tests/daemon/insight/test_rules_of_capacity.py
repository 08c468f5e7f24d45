"""What is said of searches, of targets that take from each other and of sessions: its numbers are those of the run."""

from typing import Any

import msgspec
import pytest

from contended import contended_result, session_stage
from sample_results import open_stage, result, spread, stage, validity
from sample_searches import level as tried
from swelld.analysis.saturation import saturation
from swelld.analysis.sweep import LIMIT
from swelld.insight import rules
from swelld.insight.facts import facts
from swelld.insight.phrases import WRITTEN, Language
from swelld.insight.prompt import data
from swelld.insight.quotes import Checker
from swelld.result import Kind, Result, SearchResult, Sessions, StageResult
from swelld.search.words import lines
from swept import level, sweep_result

ENGLISH = Language("en")
REST = "the rest takes up bursts and the loss of a replica"
TRIED = (tried(8, True), tried(16, True), tried(64, False), tried(32, True), tried(40, False, stage="concurrency=40"))


def searched(stages: list[StageResult], capacity: float | None, kind: Kind = "concurrency", **changes: Any) -> Result:
    """A search that found this capacity, certain of it unless `changes` says otherwise."""
    found = SearchResult(
        kind=kind, share=0.95, confidence=0.95, precision=0.05, capacity=capacity, low=capacity, high=None,
        request_rate=None, limit=None if capacity is None else (LIMIT[0] * capacity, LIMIT[1] * capacity),
        ended="precise", levels=list(TRIED), saturation=saturation(stages, kind), lines=[],
    )  # fmt: skip
    found = msgspec.structs.replace(found, **changes)
    return msgspec.structs.replace(result(stages), search=msgspec.structs.replace(found, lines=lines(found)))


SWEPT = sweep_result((8, 16, 32, 40, 64)).stages
USERS = searched(SWEPT, 32.0, high=40.0, request_rate=16.0)
RATES = searched(
    [open_stage(rate, request_rate=0.99 * rate) for rate in (20.25, 40.5, 44.4)], 40.5, "rate", low=20.25, high=44.4,
    levels=[tried(rate, rate < 44, stage=f"rate={rate:g}") for rate in (20.25, 40.5, 44.4)],
)  # fmt: skip
SHARED = searched([*SWEPT, *(msgspec.structs.replace(one, target="b") for one in SWEPT)], 32.0, request_rate=32.0)
LOST = contended_result((4, 8))
DOUBTED = contended_result((4,), a=1.5, b=1.0)
TALKS = result([session_stage(stage=f"concurrency={users}") for users in (5, 10)])


def said(whole: Result, language: Language = ENGLISH) -> dict[str, str]:
    return rules.sections(whole, language)


@pytest.mark.parametrize("language", WRITTEN)
@pytest.mark.parametrize(
    "whole",
    [USERS, RATES, SHARED, searched(SWEPT, None, ended="nothing"), searched(SWEPT[:1], 1.0), LOST, DOUBTED, TALKS],
    ids=["users", "rates", "two targets", "nothing", "one user", "lost", "doubted", "sessions"],
)
def test_every_number_is_a_figure_of_the_run(whole: Result, language: str) -> None:
    """Of the run itself: nothing is learnt from the text that a model is shown."""
    checker = Checker(facts(whole), {name for one in whole.stages for name in (one.stage, one.target, one.model)})
    sections = said(whole, Language(language))
    for key in ("load", "bottlenecks", "operating", "improvements"):
        for line in sections[key].split("\n"):
            if not line.startswith("|"):
                checker.check(line)
    assert checker.missing == []
    assert checker.total >= 5


@pytest.mark.parametrize("whole", [USERS, RATES, LOST, TALKS], ids=["users", "rates", "lost", "sessions"])
def test_what_a_model_is_told_are_figures_of_the_run(whole: Result) -> None:
    names = {name for one in whole.stages for name in (one.stage, one.target, one.model)}
    checker = Checker(facts(whole), {*names, whole.run.id})
    for line in data(whole).split("\n"):
        checker.check(line)
    assert checker.missing == []


def test_a_search_for_users() -> None:
    found = said(USERS)
    assert found["operating"].split("\n") == [
        "- The search: the highest load that met the objective is 32 users, at 16.0 requests/s.",
        "- With 95% confidence the capacity is between 32 users and 40 users.",
        "- Most good answers came at 8 users: 12.5 requests/s, the optimal level.",
        f"- Operate at 22 to 25 users, 70% to 80% of the capacity: {REST}.",
        "- local: the highest load that met the objective, as did all below it, is concurrency=32 (16.0 requests/s).",
        f"- local: operate at 11.2 to 12.8 requests/s, 70% to 80% of that: {REST}.",
    ]
    assert "local is saturated from concurrency=32 on (16.0 requests/s)" in found["bottlenecks"]
    assert "| 40 | missed | 100 | 500 | 17.0% | 24.0% |" in data(USERS)


def test_a_search_for_users_in_korean() -> None:
    assert said(USERS, Language("ko"))["operating"].split("\n")[:4] == [
        "- 탐색 결과: 목표를 만족한 가장 높은 부하는 사용자 32명이며, 이때 16.0 요청/초입니다.",
        "- 신뢰도 95%에서 용량은 사용자 32명 이상 사용자 40명 미만입니다.",
        "- 양호한 응답은 사용자 8명에서 12.5 요청/초로 가장 많았습니다. 최적 수준입니다.",
        "- 사용자 22~25명(용량의 70%~80%)로 운영하십시오. 나머지는 순간적인 증가와 복제본 손실을 위한 여유입니다.",
    ]


def test_a_search_for_a_rate_says_its_limit_once() -> None:
    found = said(RATES)["operating"].split("\n")
    assert found[0] == "- The search: the highest load that met the objective is 40.5 requests/s."
    assert found[1] == "- With 95% confidence the capacity is between 20.25 requests/s and 44.4 requests/s."
    assert found[-1].startswith("- Operate at 28.3 to 32.4 requests/s, 70% to 80% of the capacity")
    assert sum("perate at" in line for line in found) == 1
    assert data(RATES).count("Operate at") == 1


def test_of_several_targets_each_has_its_part_of_the_limit() -> None:
    found = said(SHARED)["operating"]
    assert "- local: operate at 11.2 to 12.8 requests/s" in found
    assert "- b: operate at 11.2 to 12.8 requests/s" in found


@pytest.mark.parametrize(
    ("ended", "sentence", "wanted"),
    [
        ("max", "That was the highest level that was to be tried", "do_search_max"),
        ("time", "its time was used up", "do_search_longer"),
        ("requests", "its requests were used up", "do_search_longer"),
        ("stopped", "The search was stopped before it was precise", None),
        ("doubt", "Beyond it nothing can be said", None),
    ],
)
def test_how_a_search_ended(ended: str, sentence: str, wanted: str | None) -> None:
    found = said(searched(SWEPT, 32.0, ended=ended))
    assert sentence in found["operating"]
    advice = [key for key in ("do_search_max", "do_search_longer") if ENGLISH.say(key) in found["improvements"]]
    assert advice == ([wanted] if wanted else [])
    assert ENGLISH.say("do_higher") not in found["improvements"]


def test_a_search_that_found_nothing() -> None:
    missed = searched(SWEPT, None, ended="nothing", levels=[tried(8, False)])
    assert said(missed)["operating"].split("\n")[0] == "- The search: not even 8 users met the objective."
    assert ENGLISH.say("do_lower") in said(missed)["improvements"]
    unsaid = searched(SWEPT, None, ended="doubt", levels=[tried(8, None)])
    assert said(unsaid)["operating"].split("\n")[0] == f"- {ENGLISH.say('search_undecided')}"
    assert ENGLISH.say("do_lower") not in said(unsaid)["improvements"]
    assert "no load can be recommended" not in said(unsaid)["operating"]


def test_levels_of_a_search_that_lie_close_together_do_not_bend() -> None:
    close = searched([level(8), level(16), level(17)], 16.0)
    assert close.search is not None
    assert close.search.saturation.bend is None
    assert "still grew" not in said(close)["bottlenecks"]


def test_targets_that_take_from_each_other() -> None:
    found = said(LOST)["bottlenecks"].split("\n")
    lost = [line for line in found if "other targets" in line]
    assert lost == [
        "- a at concurrency=4: beside the other targets TTFT p50 is 104 ms instead of 51.8 ms, 100.0% more.",
        "- a at concurrency=4: beside the other targets TPOT p50 is 19.9 ms instead of 9.95 ms, 100.0% more.",
        "- a at concurrency=4: beside the other targets E2E p50 is 2.65 s instead of 1.32 s, 100.0% more.",
        "- a at concurrency=4: beside the other targets output tokens/s are 1,000 instead of 2,000, 50.0% less.",
        "- b: no more than 5% is lost to the other targets for sure, at any level.",
    ]
    assert not any("contention loss" in line for line in found)
    assert ENGLISH.say("do_apart") in said(LOST)["improvements"]
    korean = said(LOST, Language("ko"))["bottlenecks"]
    assert "- a, concurrency=4: 다른 대상과 함께일 때 출력 토큰/초: 2,000 → 1,000, 50.0% 감소했습니다." in korean
    assert "What targets lose to each other" in data(LOST)
    assert "a at concurrency=4: beside the other targets TTFT p50 is 104 ms instead of 51.8 ms" in data(LOST)


def test_the_level_at_which_most_is_lost_is_told() -> None:
    assert DOUBTED.contention is not None
    light = DOUBTED.contention
    heavy = [msgspec.structs.replace(one, stage="concurrency=64", valid=False) for one in LOST.contention or ()]
    found = said(msgspec.structs.replace(DOUBTED, contention=[*light, *heavy]))["bottlenecks"]
    assert "- a at concurrency=64: beside the other targets TTFT p50 is 104 ms" in found
    assert "- a at concurrency=64: what it loses to the others is in doubt" in found
    assert "- a at concurrency=4" not in found


def test_targets_that_leave_each_other_alone() -> None:
    even = contended_result((4,), a=1.0, b=1.01)
    assert ENGLISH.say("do_apart") not in said(even)["improvements"]
    assert "- a: no more than 5% is lost" in said(even)["bottlenecks"]


def test_sessions_turn_by_turn() -> None:
    found = said(TALKS)["load"]
    assert (
        "- Sessions at concurrency=10 on local: 10 begun, 7 completed, 1 failed, 2 cut by the end of the stage."
        in found
    )
    assert (
        "- From turn 1 to turn 3 at concurrency=5 on local: length of the prompt 3.00 times, TTFT p50 3.13 times."
        in found
    )
    assert "- At concurrency=5 on local the server had 50.0% of the prompts of turn 3 in its prefix cache." in found
    korean = said(TALKS, Language("ko"))["load"]
    assert "- concurrency=10, local, 턴 1 → 턴 3: 프롬프트 길이 3.00배, TTFT p50 3.13배." in korean
    assert "| 2 | 9 | 8 | 59.9 ms |" in data(TALKS)


@pytest.mark.parametrize(
    ("cached", "slower", "advised"), [(10, 3.0, True), (200, 3.0, False), (10, 1.2, False), (None, 3.0, False)]
)
def test_prompts_that_could_be_in_the_cache(cached: int | None, slower: float, advised: bool) -> None:
    sessions = session_stage().sessions
    assert sessions is not None
    *others, last = sessions.turns
    cached_tokens = None if cached is None else cached * last.requests
    ttft = spread(0.03 * slower, last.requests)
    turns = [*others, msgspec.structs.replace(last, cached_tokens=cached_tokens, ttft=ttft)]
    found = said(result([stage(sessions=msgspec.structs.replace(sessions, turns=turns))]))
    assert (ENGLISH.say("do_prefix") in found["improvements"]) == advised


def test_sessions_of_which_no_turn_was_answered() -> None:
    found = said(result([stage(sessions=Sessions(begun=3, completed=0, failed=3, cut=0, turns=[]))]))["load"]
    assert "- Sessions at concurrency=10 on local: 3 begun, 0 completed, 3 failed" in found
    assert "turn" not in found


def test_a_sweep_and_the_explanation_have_one_judge() -> None:
    """A level that got no answer at all is no growth, for either."""
    stages = [level(users, goodput=None) for users in (8, 16, 32)]
    found = said(result([*stages, level(64, request_rate=0.0, goodput=None)]))["bottlenecks"]
    assert "local is saturated from concurrency=32 on (16.0 requests/s)" in found
    doubted = [level(users, validity=validity(valid=False, reasons=["late"])) for users in (8, 16, 32)]
    assert "still grew at the last level" in said(result(doubted))["bottlenecks"]
