"""The HTML report, read as a browser reads it: complete, alone, and deaf to what is in the data."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from sample_results import empty_stage, open_stage, result, stage
from swelld.analysis.verdict import verdict
from swelld.export import as_html
from swelld.result import Finding, Result, StageResult
from swept import row, sweep_result

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p", "strong", "b", "small", "span",
    "section", "ul", "li", "details", "summary", "div", "figure", "figcaption", "i", "table", "thead", "tbody", "tr",
    "th", "td", "footer", "svg", "text", "line", "polyline", "circle", "rect", "g",
}  # fmt: skip
VOID = {"meta"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; it fails where a tag is closed that is not open."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(document.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def of(self, tag: str) -> list[str]:
        return [text for place, text in self.texts if place == tag]

    @property
    def text(self) -> str:
        return " ".join(text for place, text in self.texts if place != "style")


def judged(*stages: StageResult) -> Result:
    return result(stages, verdict(stages))


def test_the_verdict_comes_before_everything_else() -> None:
    page = Page(as_html.render(judged(open_stage(5.0))))
    assert page.of("h1") == ["chat"]
    assert page.of("strong")[0] == "FAIL"
    assert page.of("h2")[:3] == ["Verdict", "Capacity", "Stages"]
    assert page.text.index("2 failed, ") < page.text.index("Verdict")
    assert "3.1% of requests (3 of 98) failed" in page.text


def test_every_section_is_there() -> None:
    page = Page(as_html.render(sweep_result(), [row(n, stage="concurrency=32") for n in range(20)]))
    assert page.of("h2") == [
        "Verdict", "Capacity", "Stages", "Charts", "Latency by length of the prompt",
        "Performance by complexity of the prompt", "Performance by category of the prompt", "Distributions",
        "Objectives", "Errors", "Configuration", "Definitions",
    ]  # fmt: skip
    assert page.tags.count("svg") == 6 + 2 + 4 + 4
    assert "Operate at 11.2 to 12.8 requests/s" in page.text
    assert "targets.local.url" in page.of("td")
    assert "=2+2|<b>busy</b> @team" in page.of("td")


def test_the_page_fetches_nothing() -> None:
    document = as_html.render(judged(open_stage(5.0), stage())).decode()
    page = Page(document.encode())
    assert set(page.tags) <= ALLOWED
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "action", "data", "xlink:href"}
    assert "url(" not in document
    assert "@import" not in document
    policy = next(value for name, value in page.attributes if name == "content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_light_dark_phone_and_paper_are_provided_for() -> None:
    document = as_html.render(sweep_result()).decode()
    for rule in ("prefers-color-scheme:dark", "max-width:40rem", "@media print", 'name="viewport"'):
        assert rule in document
    assert set(re.findall(r'class="(c\d)"', document)) <= {f"c{n}" for n in range(7)}


HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)>" onload="x\' & \x1b\x00'


def test_hostile_text_is_shown_and_does_nothing() -> None:
    swept = sweep_result((8, 128), model=HOSTILE, target=HOSTILE)
    odd = msgspec.structs.replace(
        swept,
        run=msgspec.structs.replace(swept.run, scenario=HOSTILE, config={HOSTILE: HOSTILE}),
        verdict=[Finding("FAIL", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
    )
    page = Page(as_html.render(odd, [row(category=f"a/{HOSTILE}/b", target=HOSTILE)]))
    assert set(page.tags) <= ALLOWED
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 5
    assert "\x1b" not in page.text


@pytest.mark.parametrize("stages", [[], [empty_stage()], [stage(stage="sequential")]])
def test_poor_runs_are_told_plainly(stages: list[StageResult]) -> None:
    page = Page(as_html.render(judged(*stages)))
    assert page.of("h2")[0] == "Verdict"
    if stages and not stages[0].requests.ok:
        assert "No request was answered" in page.text
        assert "no request was answered" in page.of("text")
