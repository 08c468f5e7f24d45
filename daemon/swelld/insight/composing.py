"""Makes a report of fixed sections out of whatever a model writes; what it leaves out is written by rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from swelld.insight.phrases import SECTIONS, Language
from swelld.insight.quotes import Checker

LONG: Final = 20
"""Characters from which on a line is not said twice in a section."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SPECIAL: Final = re.compile(r"<\|[\w ]{1,40}\|>|</?s>|<(?:start|end)_of_turn>|<[be]os>")
"""What belongs between a model and its server, and small ones say aloud."""
_HEADING: Final = re.compile(r" {0,3}(?P<marks>#{1,6})\s+(?P<text>.*?)[\s#]*|\s*\*\*(?P<bold>[^*]+)\*\*:?\s*")
_RULE: Final = re.compile(r"\s*(?:=+|-{2,}|(?:[-*_]\s?){3,})\s*|\s*(?:```|~~~).*")


def plain(line: str) -> str:
    """A line of Markdown that can do nothing but be read: no HTML, links, images or control characters."""
    line = _SPECIAL.sub("", _CONTROL.sub("", line))
    line = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line).replace("![", "!\\[").replace("](", "] (")
    return re.sub(r"^(\s*)(?=\[[^\]]*\]:)", r"\1\\", line)


class Composer:
    """Takes an answer line by line and gives the lines of the report, every section once and in order."""

    def __init__(self, language: Language, rules: Mapping[str, str], checker: Checker) -> None:
        self._language = language
        self._titles = language.titles()
        self._known = {_bare(title): key for key, title in self._titles.items()}
        self._known |= {_bare(title): key for key, title in Language("en").titles().items()}
        self._rules = rules
        self._checker = checker
        self._open: str | None = None
        self._next = 0
        self._filled = False
        self._seen: set[str] = set()

    def take(self, line: str) -> Iterator[str]:
        """The lines that one line of the answer comes to."""
        line = plain(line.rstrip())
        if _RULE.fullmatch(line):  # a line of dashes would make a heading of the one above, a fence hides what follows
            return
        if len(line) >= LONG and line in self._seen:
            return
        self._seen.add(line)
        heading = _HEADING.fullmatch(line)
        text = (heading["text"] or heading["bold"] or "") if heading else ""
        key = self._known.get(_bare(text)) if text else None
        if key is not None and SECTIONS.index(key) >= self._next:
            yield from self._begin(key)
        elif heading and heading["marks"]:
            yield f"### {self._checker.check(text)}"
        elif line:
            if self._open is None:
                yield from self._begin(SECTIONS[0])
            yield self._checker.check(line if self._filled else line.lstrip())
            self._filled = True
        elif self._filled:
            yield ""

    def close(self, *, noted: bool) -> Iterator[str]:
        """The sections that are missing; `noted` if it was said already who wrote them."""
        yield from self._fill(noted=noted)
        for key in SECTIONS[self._next :]:
            yield from self._by_rules(key, noted=noted)
        self._next = len(SECTIONS)

    def _begin(self, key: str) -> Iterator[str]:
        yield from self._fill()
        for missing in SECTIONS[self._next : SECTIONS.index(key)]:
            yield from self._by_rules(missing)
        self._next = SECTIONS.index(key) + 1
        self._open, self._filled = key, False
        self._seen.clear()
        yield from ("", f"## {self._titles[key]}", "")

    def _fill(self, *, noted: bool = False) -> Iterator[str]:
        if self._open is not None and not self._filled:
            yield from self._body(self._open, noted=noted)
            self._filled = True

    def _by_rules(self, key: str, *, noted: bool = False) -> Iterator[str]:
        yield from ("", f"## {self._titles[key]}", "")
        yield from self._body(key, noted=noted)

    def _body(self, key: str, *, noted: bool) -> Iterator[str]:
        if not noted:
            yield from (f"*{self._language.say('rule_section')}*", "")
        yield self._rules[key]


def _bare(title: str) -> str:
    return re.sub(r"^\s*\d+\s*[.)]\s*|[*_:`#]", "", title).strip().casefold()
