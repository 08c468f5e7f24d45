"""Runs beside a former one, as the API is asked for it."""

from collections.abc import Sequence

from swelld.analysis.compare import By, Comparison
from swelld.analysis.compare import compare as side_by_side
from swelld.analysis.thresholds import threshold
from swelld.api.problems import Problem
from swelld.result import Result


def compare(results: Sequence[Result], fail_if: Sequence[str], by: By) -> Comparison:
    """All beside the first, by the thresholds given or by the usual ones."""
    try:
        thresholds = [threshold(text) for text in fail_if] or None
    except ValueError as error:
        raise Problem(422, f"fail_if: {error}") from None
    try:
        return side_by_side(results, thresholds, by)
    except ValueError as error:
        raise Problem(422, str(error)) from None
