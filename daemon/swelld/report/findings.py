"""The verdict for a terminal: every WARNING and FAIL in full, what passed everywhere on one line."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from swelld.result import Finding, StageResult

STYLES: Final = {"PASS": "bold green", "WARNING": "bold yellow", "FAIL": "bold red"}

_SHORT: Final = ("ttft", "tpot", "itl", "e2e")


class Findings:
    """A rich renderable of a verdict on some stages."""

    def __init__(self, verdict: Sequence[Finding], stages: Sequence[StageResult]) -> None:
        self.verdict = verdict
        self.targets = len({stage.target for stage in stages})
        self.places = len(stages)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column()
        for subject in dict.fromkeys(finding.subject for finding in self.verdict):
            found = [finding for finding in self.verdict if finding.subject == subject]
            for level in reversed(STYLES):
                some = [finding for finding in found if finding.level == level]
                if some:
                    grid.add_row(Text(level, STYLES[level]), _subject(subject), self._words(some, len(found)))
        yield grid
        yield Text()
        yield self._sum()

    def _words(self, found: Sequence[Finding], judged: int) -> Text:
        """Findings of one subject and level; what passed in several places needs no figures."""
        if len(found) > 1 and found[0].level == "PASS":
            return Text(f"in {'all' if len(found) == judged else f'{len(found)} of'} {judged} measurements")
        lines = [Text.assemble((self._where(finding), "cyan"), finding.text) for finding in found]
        reasons = dict.fromkeys(finding.reason for finding in found if finding.reason)
        if len(lines) == 1 and reasons:
            return lines[0].append(f"; {found[0].reason}", "dim")
        return Text("\n").join([*lines, *(Text(reason, "dim") for reason in reasons)])

    def _where(self, finding: Finding) -> str:
        target = finding.target if self.targets > 1 and finding.target else ""
        if self.places < 2 or finding.stage is None:
            return f"{target}: " if target else ""
        return f"{f'{finding.stage} {target}'.rstrip()}: "

    def _sum(self) -> Text:
        levels = [finding.level for finding in self.verdict]
        worst = next((level for level in ("FAIL", "WARNING") if level in levels), "PASS")
        counts = (
            (levels.count("FAIL"), "failed"),
            (levels.count("WARNING"), "warned"),
            (levels.count("PASS"), "passed"),
        )
        words = ", ".join(f"{number} {what}" for number, what in counts if number)
        return Text.assemble("Verdict: ", (worst, STYLES[worst]), f" ({words})" if words else "")


def _subject(subject: str) -> Text:
    words = [word.upper() if word in _SHORT else word for word in subject.split()]
    return Text(" ".join([words[0][0].upper() + words[0][1:], *words[1:]]))
