"""Checks every number of a text against the data, to the digits that are quoted, and marks what is not there."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swelld.insight.fact import Fact
from swelld.insight.units import ANY, BARE, FAMILIES, in_base, unit_at, unit_of_head

_NUMBER: Final = r"\d+(?:,\d+)*(?:\.\d+)?"
_LIST_MARK: Final = re.compile(r"\s*(?:[-*+>]\s+)*(?:#{1,6}\s+)?[*_]{0,2}\d{1,2}[.)][*_]{0,2}\s")
_TOKEN: Final = re.compile(
    rf"""
    (?P<skip>
        [A-Za-z#][-A-Za-z_]*\#?\d[\w.-]*\w                      # p95, H100, v1.2: a name, not a figure
        | [A-Za-z#]\d
        | \d+(?:\.\d+)?(?:st|nd|rd|th)\b                         # 95th
        | \d+(?:\.\d+)?\s?(?:번째\s?)?(?:백분위|퍼센타일|percentile)
        | (?:백분위수?|퍼센타일|percentile|HTTP|status|code)\s?\d+(?:\.\d+)?
        | \b[45]\d\ds\b                                          # 503s
        | \b(?:stage|level|step|section)\s\d+\b | \d+단계(?!에|를|의)
    )
    | (?P<date>\d{{4}}-\d\d-\d\d(?:[T\s]\d\d:\d\d(?::\d\d)?)?)
    | (?P<clock>(?P<hours>\d+)h\s\d\dm | (?P<minutes>\d+)m\s\d\ds)
    | (?P<number>{_NUMBER})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SCALE: Final = re.compile(r"([KkM])(?![A-Za-z])|\s?(thousand|million|백만|천|만)(?![A-Za-z])")
_SCALES: Final = {"k": 1e3, "m": 1e6, "thousand": 1e3, "million": 1e6, "천": 1e3, "만": 1e4, "백만": 1e6}
_ABOUT: Final = re.compile(
    r"(?:\b(?:about|around|approximately|approx\.|roughly|nearly|almost|some)|약|대략|거의|[~≈])\s*[*_`]*$",
    re.IGNORECASE,
)
_PER_SECOND: Final = re.compile(r"초당\s*(?:약\s*)?[*_`]*$")
_MARKUP: Final = re.compile(r"[*_`]{0,2}\s?[*_`]{0,2}\(?")
_BETWEEN: Final = re.compile(
    r"[*_`]*\s*(?:[-–—~/,→&]|->|to|and|or|vs\.?|versus|then|에서|부터|와|과|및|,\s*and)?\s*(?:about|약|~)?\s*[*_`]*"  # noqa: RUF001
)
_STATUSES: Final = ("429", "503")


@dataclass(frozen=True, slots=True)
class Quote:
    """One number of a line, with the unit it is in."""

    start: int
    end: int
    """Behind its unit."""
    readings: tuple[tuple[tuple[float, float], ...], ...]
    """Ways to read it: numbers, each with what rounding to the digits quoted may take or add."""
    unit: str | None
    borrowed: bool = False
    """The unit is that of a neighbour: it may as well have none."""


class Checker:
    """Reads a text line by line; `names` are texts whose digits are no figures."""

    def __init__(self, facts: Iterable[Fact], names: Iterable[str] = (), mark: str = "⚠ not in the data") -> None:
        self._facts = list(facts)
        self._values: dict[str, list[float]] = {}
        wanted = sorted({n for n in names if re.search(r"\d", n) and re.search(r"[^\d.,]", n)}, key=len, reverse=True)
        pattern = "|".join(map(re.escape, wanted))
        self._names = re.compile(rf"(?<![A-Za-z0-9_.])(?:{pattern})(?![A-Za-z0-9_]|\.\d)") if wanted else None
        self._mark = mark
        self._heads: list[str | None] | None = None
        self.total = 0
        """Numbers seen so far."""
        self.missing: list[str] = []
        """Those that are not in the data, as they were written."""

    def learn(self, text: str) -> None:
        """Take every number of a text into the data, as rounded as it stands there."""
        found = [fact for line in text.splitlines() for quote in self._read(line) for fact in _facts(quote)]
        self._facts += found
        self._values.clear()

    def check(self, line: str) -> str:
        """The line, with a mark behind each number that is not in the data."""
        pieces: list[str] = []
        at = 0
        for quote in self._read(line):
            self.total += 1
            if not self._holds(quote):
                self.missing.append(re.sub(r"[*_`]|\s*\($", "", line[quote.start : quote.end]))
                pieces += (line[at : quote.end], f" ({self._mark})")
                at = quote.end
        return "".join((*pieces, line[at:]))

    def _read(self, line: str) -> list[Quote]:
        found = list(self._quotes(line))
        if not line.lstrip().startswith("|"):
            self._heads = None
            return list(_inherited(line, found))
        cells = line.strip().strip("|").split("|")
        if self._heads is None:
            self._heads = [unit_of_head(cell) for cell in cells]
        row, offset = unit_of_head(cells[0]), line.index("|") + 1
        return [_in_column(quote, line[offset : quote.start].count("|"), self._heads, row) for quote in found]

    def _quotes(self, line: str) -> Iterator[Quote]:
        taken = [match.span() for match in self._names.finditer(line)] if self._names else []
        mark = _LIST_MARK.match(line)
        at = mark.end() if mark else 0
        while match := _TOKEN.search(line, at):
            at = match.end()
            name = next((end for start, end in taken if start < match.end() and match.start() < end), None)
            if name is not None:
                at = max(at, name) if match["skip"] is None else name
            elif match["skip"] is None:
                quote = _quote(line, match)
                if quote is not None:
                    at = quote.end
                    yield quote

    def _holds(self, quote: Quote) -> bool:
        units = (quote.unit or BARE, BARE) if quote.borrowed else (quote.unit or BARE,)
        return any(all(self._near(unit, *number) for number in reading) for unit in units for reading in quote.readings)

    def _near(self, unit: str, value: float, half: float) -> bool:
        values = self._values.get(unit)
        if values is None:
            family = FAMILIES[unit]
            found = (reading for f in self._facts if f.unit in family for reading in family[f.unit](f.value))
            values = self._values[unit] = sorted(abs(reading) for reading in found)
        allowance = half * (1 + 1e-6) + 1e-9 * value
        place = bisect_left(values, value - allowance)
        return place < len(values) and values[place] <= value + allowance


def _quote(line: str, match: re.Match[str]) -> Quote | None:
    start, end = match.span()
    if match["date"]:
        return Quote(start, end, (), None)
    if match["clock"]:
        first, second = (int(part[:-1]) for part in match["clock"].split())
        seconds, half = (first * 3600 + second * 60, 30.0) if match["hours"] else (first * 60 + second, 0.5)
        return Quote(start, end, (((float(seconds), half),),), "s")
    scale = 1.0
    if found := _SCALE.match(line, end):
        scale, end = _SCALES[(found[1] or found[2]).lower()], found.end()
    unit, end = _unit(line, end)
    if line[end : end + 1].isascii() and line[end : end + 1].isalpha() and unit is None:
        return None  # 4xx, 8b: a name
    if _PER_SECOND.search(line, 0, start):
        unit = {"tokens": "tokens/s", "count": "requests/s", None: "rate"}.get(unit, unit)
    if unit is None and match["number"] in _STATUSES:
        return None
    return Quote(start, end, _readings(match["number"], scale, about=bool(_ABOUT.search(line, 0, start))), unit)


def _unit(line: str, end: int) -> tuple[str | None, int]:
    markup = _MARKUP.match(line, end)
    found = unit_at(line, markup.end() if markup else end)
    return found or (None, end)


def _readings(text: str, scale: float, *, about: bool) -> tuple[tuple[tuple[float, float], ...], ...]:
    """`1,600` is one number, `1,10,50` are three, `1,100,200` may be either, and so may `1,5`."""
    whole = (_number(text.replace(",", ""), scale, about=about),)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})?(?:\.\d+)?|\d+(?:\.\d+)?", text):
        return (whole,)
    listed = tuple(_number(part, scale, about=False) for part in text.split(","))
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return (whole,) if ",0" in text else (whole, listed)
    if text.count(",") == 1 and "." not in text:
        return ((_number(text.replace(",", "."), scale, about=about),), listed)
    return (listed,)


def _number(text: str, scale: float, *, about: bool) -> tuple[float, float]:
    """The value, and half a step of its last digit; of a round number that is `about`, of its last digit but zeros."""
    whole, _, decimals = text.partition(".")
    zeros = len(whole) - len(whole.rstrip("0")) if about and not decimals and whole.strip("0") else 0
    return float(text) * scale, 0.5 * 10.0 ** (zeros - len(decimals)) * scale


def _inherited(line: str, found: Sequence[Quote]) -> Iterator[Quote]:
    """Numbers without a unit that stand before one with it: `45, 120 and 320 ms`; or behind `(ms)`."""
    default = None
    if named := re.match(r"[^\d]*\(([^()\d]+)\)", line):
        default = unit_of_head(named[1])
    unit: str | None = None
    backwards: list[Quote] = []
    for number in range(len(found) - 1, -1, -1):
        quote = found[number]
        follows = number + 1 < len(found) and _BETWEEN.fullmatch(line, quote.end, found[number + 1].start)
        unit = quote.unit or (unit if follows else None)
        found_unit = unit or default
        borrowed = quote.unit is None and found_unit is not None
        backwards.append(Quote(quote.start, quote.end, quote.readings, found_unit, borrowed))
    return reversed(backwards)


def _in_column(quote: Quote, column: int, heads: Sequence[str | None], row: str | None) -> Quote:
    if quote.unit is not None:
        return quote
    unit = heads[column] if column < len(heads) else None
    return Quote(quote.start, quote.end, quote.readings, unit or (row if column else None) or ANY)


def _facts(quote: Quote) -> list[Fact]:
    numbers = [number for reading in quote.readings[:1] for number, _ in reading]
    return [fact for number in numbers if (fact := in_base(number, quote.unit or BARE)) is not None]
