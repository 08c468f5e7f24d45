"""`swelld compare`: runs side by side, and whether one of them is a regression."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from swelld.app.kept import load

if TYPE_CHECKING:
    from swelld.analysis.compare import By, Comparison
    from swelld.result import Result

Form = Literal["text", "json", "md", "csv"]


def compare(
    runs: Sequence[str],
    fail_if: Sequence[str],
    by: str,
    forms: Sequence[str],
    config: Path | None,
    store: str | None,
    *,
    strict: bool,
) -> int:
    """Print it; 1 for a regression, with `strict` also where it is unclear whether there is one."""
    from swelld.analysis.compare import compare as side_by_side
    from swelld.analysis.thresholds import threshold

    thresholds = [threshold(text) for text in fail_if] or None
    chosen, form = _by(by), _form(forms)
    found = [_loaded(run, config, store) for run in runs]
    comparison = side_by_side([result for _, result in found], thresholds, chosen, _names([name for name, _ in found]))
    _show(comparison, form)
    return 1 if comparison.outcome == "FAIL" or (strict and comparison.outcome == "UNCLEAR") else 0


def _loaded(run: str, config: Path | None, store: str | None) -> "tuple[str, Result]":
    """NAME=RUN gives a run a name of its own."""
    name, equals, place = run.partition("=")
    if equals and name and place and not Path(run).exists():
        return name, load(place, config, store).result
    kept = load(run, config, store)
    return kept.name, kept.result


def _names(names: Sequence[str]) -> list[str]:
    """With numbers where some are the same."""
    if len(set(names)) == len(names):
        return list(names)
    return [f"{name} #{number}" for number, name in enumerate(names, start=1)]


def _by(text: str) -> "By":
    from swelld.analysis.compare import By

    known: tuple[By, ...] = get_args(By)
    for one in known:
        if text == one:
            return one
    raise ValueError(f"--by {text}: use one of {', '.join(known)}")


def _form(forms: Sequence[str]) -> Form:
    if len(forms) > 1:
        raise ValueError("give one of --json, --markdown and --csv")
    return next((one for one in get_args(Form) if one in forms), "text")


def _show(found: "Comparison", form: Form) -> None:
    if form == "json":
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    elif form == "text":
        from rich.console import Console

        from swelld.report.compare import ComparisonReport

        Console().print(ComparisonReport(found))
    else:
        from swelld.report.compared import as_csv, as_markdown

        sys.stdout.write(as_csv(found) if form == "csv" else as_markdown(found))
