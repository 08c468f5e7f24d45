"""Whatever a model writes, the report has every section once, in order, and nothing in it but text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.insight.composing import Composer, plain
from swelld.insight.fact import Fact
from swelld.insight.phrases import SECTIONS, Language
from swelld.insight.quotes import Checker

ENGLISH = Language("en")
RULES = {key: f"rule of {key}" for key in SECTIONS}
TITLES = list(ENGLISH.titles().values())


def composed(answer: str, language: Language = ENGLISH, *, noted: bool = False) -> list[str]:
    composer = Composer(language, RULES, Checker([Fact("x", 12.0, "count")]))
    lines = [written for line in answer.split("\n") for written in composer.take(line)]
    return [*lines, *composer.close(noted=noted)]


def headings(lines: list[str]) -> list[str]:
    return [line[3:] for line in lines if line.startswith("## ")]


def body(lines: list[str], key: str) -> list[str]:
    """The lines of one section that are not empty."""
    start = lines.index(f"## {ENGLISH.say(key)}") + 1
    end = next((n for n in range(start, len(lines)) if lines[n].startswith("## ")), len(lines))
    return [line for line in lines[start:end] if line]


def test_a_good_answer_is_left_alone() -> None:
    answer = "\n".join(f"## {title}\n\nText of {title}.\n" for title in TITLES)
    lines = composed(answer)
    assert headings(lines) == TITLES
    assert [body(lines, key) for key in SECTIONS] == [[f"Text of {title}."] for title in TITLES]


def test_what_is_missing_is_written_by_rules_in_its_place() -> None:
    lines = composed("## Bottlenecks\nThe queue.\n## Improvements\n")
    assert headings(lines) == TITLES
    assert body(lines, "bottlenecks") == ["The queue."]
    assert body(lines, "overview") == ["*By rules: the model wrote nothing here.*", "rule of overview"]
    assert body(lines, "improvements") == ["*By rules: the model wrote nothing here.*", "rule of improvements"]


def test_nothing_at_all() -> None:
    lines = composed("", noted=True)
    assert headings(lines) == TITLES
    assert [body(lines, key) for key in SECTIONS] == [[rule] for rule in RULES.values()]


@pytest.mark.parametrize(
    "heading",
    ["# Bottlenecks", "### 3. Bottlenecks:", "**Bottlenecks**", "**3. Bottlenecks:**", "## **BOTTLENECKS** ##"],
)
def test_headings_as_models_write_them(heading: str) -> None:
    assert body(composed(f"{heading}\nThe queue."), "bottlenecks") == ["The queue."]


def test_english_headings_in_a_korean_report() -> None:
    lines = composed("## Overview\n좋다.\n## 병목\n큐.", Language("ko"))
    assert headings(lines) == list(Language("ko").titles().values())
    assert lines[lines.index("## 개요") + 2] == "좋다."
    assert lines[lines.index("## 병목") + 2] == "큐."


def test_other_headings_and_those_that_come_again_are_smaller() -> None:
    lines = composed("# Report 13\nFirst.\n## Overview\nAgain.\n## Effect of the load\nx\n## Overview\ny")
    assert headings(lines) == TITLES
    assert lines[0] == "### Report 13 (⚠ not in the data)"
    assert body(lines, "load") == ["x", "### Overview", "y"]


def test_text_before_any_heading_is_the_overview() -> None:
    assert body(composed("Just text of 12 and 13."), "overview") == ["Just text of 12 and 13 (⚠ not in the data)."]


def test_a_long_line_is_said_once_in_a_section() -> None:
    line = "- the same thing over and over"
    assert body(composed(f"## Overview\n{line}\n{line}\nshort\nshort\n## Bottlenecks\n{line}"), "overview") == [
        line,
        "short",
        "short",
    ]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a < b and c > d", "a < b and c > d"),
        ("![x](http://evil.example/x.png)", "!\\[x] (http://evil.example/x.png)"),
        ("[click](javascript:alert(1))", "[click] (javascript:alert(1))"),
        ("[x]: http://evil.example", "\\[x]: http://evil.example"),
        ("<https://evil.example>", "&lt;https://evil.example>"),
        ("red \x1b[31malert\x07 \u202eabc", "red [31malert abc"),
        ("done<|im_end|></s><end_of_turn>", "done"),
    ],
)
def test_a_report_can_do_nothing_but_be_read(line: str, left: str) -> None:
    assert plain(line) == left


@pytest.mark.parametrize("line", ["---", "====", "```python", "~~~", "***", "- - -"])
def test_lines_that_would_change_the_layout_are_left_out(line: str) -> None:
    assert body(composed(f"## Overview\nText.\n{line}\nMore."), "overview") == ["Text.", "More."]


@given(st.text(alphabet="#* \n-`<>[]()|abcOverview123.:개요", max_size=300))
def test_any_answer_gives_every_section_once(answer: str) -> None:
    assert headings(composed(answer)) == TITLES
