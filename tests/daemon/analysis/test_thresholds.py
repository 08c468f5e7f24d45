"""What counts as a regression."""

import re

import pytest

from swelld.analysis.thresholds import DEFAULTS, defaults, threshold


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ttft.p95 > +10%", "ttft.p95 > +10%"),
        ("e2e.p50>+2.5%", "e2e.p50 > +2.5%"),
        ("ttft.p50 > +20ms", "ttft.p50 > +20.0ms"),
        ("goodput < -2%", "goodput < -2pp"),
        ("error_rate > +1pp", "error_rate > +1pp"),
        (" output_token_rate <  -5 % ", "output_token_rate < -5%"),
        ("itl.p99 > +0%", "itl.p99 > +0%"),
    ],
)
def test_written_and_understood(text: str, written: str) -> None:
    assert str(threshold(text)) == written


@pytest.mark.parametrize(
    ("text", "change", "base", "exceeded"),
    [
        ("ttft.p95 > +10%", 0.11, 0.5, True),
        ("ttft.p95 > +10%", 0.09, 0.5, False),
        ("ttft.p95 > +10%", -0.5, 0.5, False),
        ("ttft.p50 > +20ms", 0.1, 0.25, True),
        ("ttft.p50 > +20ms", 0.1, 0.15, False),
        ("goodput < -2%", -0.03, 0.99, True),
        ("goodput < -2%", 0.03, 0.9, False),
        ("request_rate < -5%", -0.06, 10.0, True),
        ("itl.p99 > +0%", 0.001, 0.01, True),
        ("itl.p99 > +0%", -0.001, 0.01, False),
    ],
)
def test_exceeded(text: str, change: float, base: float, exceeded: bool) -> None:
    assert threshold(text).exceeded(change, base) is exceeded


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ttft.p95", "is no threshold: write FIGURE > +PERCENT"),
        ("ttft.p95 > 10%", "is no threshold: write FIGURE > +PERCENT"),
        ("ttft > +10%", "'ttft' is no figure that runs are compared by; did you mean "),
        ("goodpt < -2%", "did you mean goodput?"),
        ("ttft.p95 > -10%", "would hold for what has not changed at all"),
        ("ttft.p95 < -10%", "would be an improvement: ttft.p95 is better lower: write > with +"),
        ("goodput > +2%", "would be an improvement: goodput is better higher: write < with -"),
        ("goodput < -2ms", "only times change by a time: write a percentage"),
        ("ttft.p95 > +10pp", "only goodput and error_rate change by points: write 10%"),
        ("ttft.p95 > +10lightyears", "'lightyears' is no unit of time"),
        ("ttft.p95 > +1.2.3%", "1.2.3"),
    ],
)
def test_refused_with_a_remedy(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        threshold(text)
    assert why in str(caught.value)


def test_the_usual_ones_are_what_the_documentation_says() -> None:
    assert [str(one) for one in defaults()] == list(DEFAULTS)
