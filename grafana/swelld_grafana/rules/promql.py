"""Pieces of PromQL that several rules are made of."""

from typing import Final

WITHOUT_WARMUP: Final = 'stage!="warmup"'


def by(labels: tuple[str, ...]) -> str:
    """`by (...)`."""
    return f"by ({', '.join(labels)})"


def on(*labels: str) -> str:
    """`on (...)`."""
    return f"on ({', '.join(labels)})"


def rate(counter: str, labels: tuple[str, ...], window: str, matching: str = "") -> str:
    """How fast a counter rises, summed by labels."""
    return f"sum {by(labels)} (rate({counter}{_braces(matching)}[{window}]))"


def increased(counter: str, labels: tuple[str, ...], window: str, matching: str = "") -> str:
    """How much a counter rises within the window, summed by labels."""
    return f"sum {by(labels)} (increase({counter}{_braces(matching)}[{window}]))"


def failed_share(failures: str, attempts: str, window: str) -> str:
    """Which share of the attempts failed; nothing where there were none."""
    return f"increase({failures}[{window}])\n/ (increase({attempts}[{window}]) > 0)"


def quantile(q: float, metric: str, labels: tuple[str, ...], window: str, matching: str = "") -> str:
    """Of a histogram that was scraped with classic buckets or, where there are none, with native ones."""
    braces = _braces(matching)
    classic = f"histogram_quantile({q:g}, sum {by((*labels, 'le'))} (rate({metric}_bucket{braces}[{window}])))"
    native = f"histogram_quantile({q:g}, sum {by(labels)} (rate({metric}{braces}[{window}])))"
    return f"{classic}\nor\n{native}"


def risen(counter: str, window: str) -> str:
    """How much a counter has risen, also if its series appeared within the window: `increase` sees no rise in that.

    An instance that was not scraped before the window may bring old values with it, so there only `increase` counts.
    """
    new = f"({counter} unless {counter} offset {window}) > 0\nand {on('job', 'instance')} up offset {window}"
    return f"increase({counter}[{window}]) > 0\nor\n{new}"


def smaller(left: str, right: str) -> str:
    """The smaller one of two vectors with the same labels, or the only one."""
    return f"({left} <= {right})\nor\n{right}\nor\n{left}"


def larger(left: str, right: str) -> str:
    """The larger one of two vectors with the same labels, or the only one."""
    return f"({left} >= {right})\nor\n{right}\nor\n{left}"


def _braces(matching: str) -> str:
    return f"{{{matching}}}" if matching else ""
