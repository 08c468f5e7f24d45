"""What a search for the capacity found, and how many replicas a peak takes: panels of the Capacity dashboard."""

from typing import Any, Final

from swelld_exporters.names import LAST_RUN_CAPACITY, LAST_RUN_SEARCH_INFO, LAST_RUN_START
from swelld_grafana.dashboards.model import Override, Panel, Query
from swelld_grafana.dashboards.page import typed
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    bars,
    colored,
    columns,
    number,
    over_range,
    table,
    values,
    words,
)
from swelld_grafana.dashboards.promql import series, total
from swelld_grafana.dashboards.runs import moment
from swelld_grafana.dashboards.style import BAD, GOOD, GREY, NEUTRAL, WARNING, Step, rising

PEAK: Final = typed(
    "peak",
    "Peak load",
    "500",
    "The load that all replicas together must carry: users at a time, or requests per second if a rate was searched.",
)
HEADROOM: Final = typed("headroom", "Headroom, %", "20", "Percent of the peak to spare.")
NO_SEARCH: Final = "for runs that are no search, and until a search has ended while swelld was up"
USERS: Final = "suffix: users"
_SEARCH: Final = ("scenario", "run_id", "kind")
_NEEDED: Final = "$peak * (100 + $headroom) / 100"
_KINDS: Final = (
    Override(name="rate", properties={"unit": REQUESTS_PER_SECOND}),
    Override(name="concurrency", properties={"unit": USERS}),
)
_ENDED: Final = {
    "precise": ("known closely", GOOD),
    "max": ("all was carried", WARNING),
    "nothing": ("nothing was carried", BAD),
    "doubt": ("measurement in doubt", BAD),
    "time": ("out of time", WARNING),
    "requests": ("out of requests", WARNING),
    "stopped": ("stopped", GREY),
}
"""Why a search was over, in the order of their numbers."""
_WORDS: Final = words(dict(enumerate(_ENDED.values(), 1)))
_LOADS: Final = {
    "limit_low": ("operate from", GOOD),
    "limit_high": ("operate up to", GOOD),
    "best": ("best", NEUTRAL),
    "carried_for_sure": ("carried for sure", NEUTRAL),
    "carried": ("carried", NEUTRAL),
    "missed": ("missed", WARNING),
    "missed_for_sure": ("missed for sure", BAD),
    "bend": ("saturation", WARNING),
    "errors_begin": ("errors begin", BAD),
}


def found() -> tuple[Panel, ...]:
    """The capacity of the chosen run."""
    return (
        _load("Highest load carried", "The highest load that met the objective.", "carried"),
        _load("Lowest load missed", "The lowest load that did not meet the objective.", "missed"),
        _load(
            "Saturation",
            "Where the rate of good answers stops to grow with the load.",
            "bend",
            empty=f"{NO_SEARCH}, and where it grew up to the highest level",
        ),
        _load(
            "Recommended limit",
            "Operate below it: 80 % of the highest load that was carried.",
            "limit_high",
            thresholds=(Step(GOOD),),
        ),
        over_range(
            "Why the search ended",
            "Only a capacity that is known closely is a number to plan with (swelld_last_run_search_info).",
            _ended(),
            mappings=_WORDS,
            empty=NO_SEARCH,
            width=8,
        ),
        _loads(),
    )


def replicas() -> tuple[Panel, ...]:
    """What the chosen run recommends for the peak that is typed above."""
    users = _capacity("missed_for_sure", 'kind="concurrency"')
    below = f"clamp_min ({users} - 1, 1) or " + _capacity("missed_for_sure", 'kind="rate"')
    return (
        over_range(
            "Replicas for the peak",
            "ceil(peak * (1 + headroom) / highest load carried). Shown where the search knows the capacity closely, "
            "or one replica is enough.",
            f"ceil ({_NEEDED} / ({_known()}) - 1e-9)",
            thresholds=(Step(GOOD),),
            decimals=0,
            empty=f"{NO_SEARCH}, and where the capacity is not known",
            width=6,
        ),
        over_range(
            "At least",
            "With the confidence of the search: for a replica that carries everything below the lowest load that "
            "missed the objective for sure.",
            f"ceil ({_NEEDED} / ({below}) - 1e-9)",
            decimals=0,
            empty=f"{NO_SEARCH}, and where no load missed the objective for sure",
            width=6,
        ),
        over_range(
            "At most",
            "With the confidence of the search: for a replica that carries no more than the highest load that met the "
            "objective for sure.",
            f"ceil ({_NEEDED} / {_capacity('carried_for_sure')} - 1e-9)",
            decimals=0,
            empty=f"{NO_SEARCH}, and where no load met the objective for sure",
            width=6,
        ),
        over_range(
            "Use of each at the peak",
            "Load of a replica at the peak, without the headroom, as a share of what it carries.",
            f"$peak / (({_known()}) * ceil ({_NEEDED} / ({_known()}) - 1e-9))",
            unit=RATIO,
            thresholds=rising(0.85, 0.95),
            empty=f"{NO_SEARCH}, and where the capacity is not known",
            width=6,
        ),
        _searches(),
    )


def _capacity(what: str, *matchers: str, **more: Any) -> str:
    return series(LAST_RUN_CAPACITY, f'what="{what}"', *matchers, **more)


def _known() -> str:
    """What a replica carries, where the search supports a recommendation: as `swelld recommend` has it."""
    carried, on = _capacity("carried"), f"on ({', '.join(_SEARCH)})"
    precise, most = (series(LAST_RUN_SEARCH_INFO, f'ended="{ended}"') for ended in ("precise", "max"))
    enough = f"({carried} >= {_NEEDED}) and {on} {most}"
    return f"({carried} and {on} {precise} or {enough}) and {on} {_capacity('carried_for_sure')}"


def _load(title: str, about: str, what: str, **more: Any) -> Panel:
    query = Query(expr=total(_capacity(what), ("kind",), "max"), legend="{{kind}}", instant=True)
    more = {"empty": NO_SEARCH, "width": 4, **more}
    return number(title, about, query, overrides=_KINDS, **more)


def _ended(free: tuple[str, ...] = (), by: tuple[str, ...] = ()) -> str:
    """The reason as its number."""
    info = (series(LAST_RUN_SEARCH_INFO, f'ended="{name}"', free=free) for name in _ENDED)
    return " or ".join(f"{place} * {total(one, by, 'max')}" for place, one in enumerate(info, 1))


def _loads() -> Panel:
    return bars(
        "Loads that the search found",
        "In the unit of the search: users at a time, or requests per second (swelld_last_run_capacity). Best is where "
        "most good answers per second came; errors are timeouts, 429 and 503.",
        *(
            Query(expr=total(_capacity(what), how="max"), legend=legend, instant=True)
            for what, (legend, _) in _LOADS.items()
        ),
        overrides=colored(dict(_LOADS.values())),
        empty=f"{NO_SEARCH}; single bars for what it did not find",
        width=24,
    )


def _searches() -> Panel:
    """One row for each search of the scenario, so that a capacity that shrinks from night to night is seen."""
    shown = {"carried": "Carried", "missed": "Missed", "bend": "Saturation", "limit_low": "From", "limit_high": "Up to"}
    free = ("run_id",)
    start = f"1000 * {total(series(LAST_RUN_START, free=free), ('scenario', 'run_id'), 'max')}"
    kinds = f"{total(series(LAST_RUN_SEARCH_INFO, free=free), _SEARCH, 'max')}"
    began = f"{kinds} * on (scenario, run_id) group_left () ({start})"
    loads = [total(_capacity(what, free=free), _SEARCH, "max") for what in shown]
    names = {"run_id": "Run", "kind": "Kind"} | values("Began", "Ended because", *shown.values())
    ended = {
        "mappings": list(_WORDS),
        "custom.cellOptions": {"type": "color-text"},
    }
    return table(
        "Searches of the scenario",
        "The latest searches, whichever run is chosen: loads in users or requests per second, as their kind says.",
        *(Query(expr=expr, format="table", instant=True) for expr in (began, _ended(free, _SEARCH), *loads)),
        sort="Began",
        transformations=columns(names, hidden=("Time", "scenario")),
        overrides=(
            Override(name="Run", properties={"custom.width": 190}),
            *moment("Began"),
            Override(name="Ended because", properties=ended),
        ),
        height=6,
        empty=NO_SEARCH,
    )
