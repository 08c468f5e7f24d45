"""A recommendation for a terminal: the answer first, then why, then what to expect."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from swelld.analysis import figures
from swelld.analysis.recommendation import Expected, Recommendation, Spread


class RecommendationReport:
    """A rich renderable."""

    def __init__(self, made: Recommendation) -> None:
        self._made = made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        made = self._made
        if made.replicas is None:
            yield Text("No recommendation: the measurement does not support one.", style="bold red")
            yield from (Text(line) for line in made.reasoning)
            return
        yield Text(_answer(made, made.replicas), style="bold green")
        yield Text()
        yield Text(made.formula, style="dim")
        yield from (Text(line) for line in made.reasoning)
        if made.expected is not None:
            yield Text()
            yield from _expectation(made.expected)


def _answer(made: Recommendation, replicas: Spread) -> str:
    answer = f"{replicas.value:.0f} replica{'' if replicas.value == 1 else 's'}"
    if made.gpus is not None:
        answer += f", {made.gpus} GPU{'' if made.gpus == 1 else 's'}"
    if made.monthly_cost is not None:
        answer += f", {made.monthly_cost:,.0f} {made.wish.currency} a month"
    return f"{answer} for {figures.count(made.wish.peak)} users at a time"


def _expectation(expected: Expected) -> Iterator[Text]:
    yield Text(f"To expect with {expected.users} users each, as measured with {expected.measured_at:.0f}:")
    times = (
        ("TTFT", expected.ttft_p50, expected.ttft_p95),
        ("TPOT", expected.tpot_p50, expected.tpot_p95),
    )
    for name, middle, tail in times:
        if middle is not None:
            yield Text(f"  {name} p50 {figures.seconds(middle)}, p95 {figures.seconds(tail)}")
    if expected.e2e_p95 is not None:
        yield Text(f"  E2E p95 {figures.seconds(expected.e2e_p95)}")
    if expected.good_share is not None:
        yield Text(f"  {figures.percent(expected.good_share)} of the requests good")
    if expected.request_rate is not None:
        tokens = f", {figures.count(expected.output_token_rate)} tokens/s" if expected.output_token_rate else ""
        yield Text(f"  {figures.rate(expected.request_rate)} requests/s{tokens}, all replicas together")
