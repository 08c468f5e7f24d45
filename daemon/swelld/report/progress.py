"""A run under way: two living lines on a terminal, one plain line now and then elsewhere."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from swelld import clock
from swelld.analysis import figures
from swelld.result import Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text


class LiveReport:
    """Call `update` as often as you like: it has no thread, and draws nothing while it is not called.

    Without a terminal the first update and then one every `interval` seconds is printed. The console is standard
    error by default, so that standard output holds nothing but the result.
    """

    def __init__(
        self, console: "Console | None" = None, now: Callable[[], float] = clock.now, interval: float = 10.0
    ) -> None:
        from rich.console import Console

        self._console = console if console is not None else Console(stderr=True)
        self._now = now
        self._interval = interval
        self._next: float | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, progress: Progress) -> None:
        """Show a newer look at the run."""
        if self._live is not None:
            self._live.update(_living(progress, self._console.width), refresh=True)
        else:
            self._print(progress)

    def _print(self, progress: Progress) -> None:
        moment = self._now()
        if self._next is not None and moment < self._next:
            return
        self._next = moment + self._interval
        self._console.print(plain_line(progress), markup=False, highlight=False, soft_wrap=True)


def plain_line(progress: Progress) -> str:
    """Everything on one line, for a log."""
    share = f"{progress.fraction:.0%}, " if progress.fraction is not None else ""
    parts = [f"{figures.clock(progress.elapsed)} {_stage(progress)}: {share}{_done(progress)} requests"]
    parts += _figures(progress)
    if progress.remaining is not None:
        parts.append(f"{figures.clock(progress.remaining)} left")
    if progress.warning:
        parts.append(f"NOT VALID: {progress.warning}")
    return ", ".join(parts)


def _living(progress: Progress, width: int) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    share = f"{progress.fraction:.0%}" if progress.fraction is not None else figures.clock(progress.elapsed)
    left = f"{figures.clock(progress.remaining)} left" if progress.remaining is not None else ""
    if progress.fraction is None:
        left = "no end set"
    bar = ProgressBar(
        total=1.0 if progress.fraction is not None else None,
        completed=progress.fraction or 0.0,
        pulse=progress.fraction is None,
    )
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, width // 2))
    head.add_column(ratio=1)
    head.add_column(no_wrap=True, justify="right")
    head.add_column(no_wrap=True, justify="right")
    head.add_row(Text(_stage(progress), style="bold cyan"), bar, Text(share, style="bold"), Text(left))
    lines: list[RenderableType] = [head, *_packed([f"{_done(progress)} requests", *_figures(progress)], width)]
    if progress.warning:
        lines.append(Text(f"not valid: {progress.warning}", style="bold yellow"))
    return Group(*lines)


def _packed(parts: list[str], width: int) -> "list[Text]":
    """As few lines as hold the parts, none of which is broken."""
    from rich.text import Text

    lines = [Text(parts[0])]
    for part in parts[1:]:
        if len(lines[-1]) + 2 + len(part) > width:
            lines.append(Text(part))
        else:
            lines[-1].append(f"  {part}")
    return lines


def _stage(progress: Progress) -> str:
    """The scenario and the stage that it is in, if it is in one."""
    number = f" {progress.stage_number}/{progress.stage_count}" if progress.stage_count > 1 else ""
    stage = f" {progress.stage}{number}" if progress.stage else ""
    state = "" if progress.state == "running" else f" ({progress.state})"
    return f"{progress.scenario}{stage}{state}"


def _done(progress: Progress) -> str:
    return figures.count(progress.done) + (f"/{figures.count(progress.total)}" if progress.total is not None else "")


def _figures(progress: Progress) -> list[str]:
    """What both ways of showing say; quantiles that are not there yet are `-`."""
    parts = [f"{figures.count(progress.active_users)} users"] if progress.active_users is not None else []
    parts += [
        f"{figures.count(progress.in_flight)} in flight",
        f"{figures.rate(progress.request_rate)} req/s",
        f"{figures.rate(progress.output_token_rate)} tok/s",
        f"TTFT p50 {figures.seconds(progress.ttft_p50)}",
        f"E2E p90 {figures.seconds(progress.e2e_p90)}",
        f"{figures.count(progress.failed)} {'error' if progress.failed == 1 else 'errors'}",
    ]
    return parts
