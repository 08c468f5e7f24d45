"""Do the scenarios do what they were told, when they were told?"""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import HOUR, MINUTE, Options
from swelld_grafana.rules.promql import by, increased, on

SCENARIO: Final = ("job", "instance", "scenario")
"""What tells a scenario of one daemon from all others."""
ON: Final = "scenario {{ $labels.scenario }} on {{ $labels.instance }}"
"""Names it in a description."""


def scenario_groups(options: Options) -> tuple[Group, ...]:
    """Runs, schedules, and what runs may cost."""
    return (Group("swelld-scenarios", options.interval, (*_RUNS, *_SCHEDULES, *_HELD_BACK)),)


def _stalled() -> str:
    due = (
        f"sum {by(SCENARIO)} (swelld_offered_requests_per_second) > 0.005\n"
        f"  or sum {by(SCENARIO)} (swelld_active_users) > 0"
    )
    return (
        f'swelld_run_state{{state="running"}} == 1\n'
        f"and {on(*SCENARIO)} (\n  {due}\n)\n"
        f"unless {on(*SCENARIO)}\n"
        f"{increased('swelld_requests_started_total', SCENARIO, '15m')} > 0\n"
        f"unless {on(*SCENARIO)}\n"
        f"{increased('swelld_requests_withheld_total', SCENARIO, '15m')} > 0\n"
        f"unless {on(*SCENARIO)} swelld_scenario_paused == 1\n"
        f"unless {on(*SCENARIO)} max {by(SCENARIO)} (swelld_yield_factor) == 0\n"
        f"unless {on(*SCENARIO)} swelld_budget_exhausted == 1"
    )


_RUNS: Final = (
    Alert(
        name="SwelldScenarioFailed",
        severity="ticket",
        expr='swelld_run_state{state="failed"} == 1',
        summary="The latest run of a scenario failed.",
        description="The latest run of " + ON + " could not be carried out.",
        dashboard="run",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldScenarioStalled",
        severity="ticket",
        expr=_stalled(),
        summary="A run goes on but sends nothing.",
        description="S" + ON[1:] + " has begun no request for 15 minutes, though some were due.",
        dashboard="run",
        pending=5 * MINUTE,
    ),
)

_SCHEDULES: Final = (
    Alert(
        name="SwelldScenarioOverdue",
        severity="ticket",
        expr="time() - swelld_scenario_next_fire_timestamp_seconds > 300",
        summary="A run that was due has not begun.",
        description="The next run of " + ON + " has been due for {{ $value | humanizeDuration }}.",
        dashboard="run",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldScheduleMissed",
        severity="ticket",
        expr="increase(swelld_schedule_missed_total[1h]) > 0",
        summary="A schedule's moments went by unnoticed.",
        description="About {{ $value | humanize }} moments of the schedule of " + ON + " were missed: swelld was "
        "down or its clock was set.",
        dashboard="run",
    ),
    Alert(
        name="SwelldRunsSkipped",
        severity="ticket",
        expr="increase(swelld_schedule_skipped_total[1d]) > 1",
        summary="Runs are left out because others are still under way.",
        description="About {{ $value | humanize }} runs of " + ON + " were left out in the last day.",
        dashboard="run",
    ),
)

_HELD_BACK: Final = (
    Alert(
        name="SwelldScenarioPaused",
        severity="ticket",
        expr="min_over_time(swelld_scenario_paused[1d]) == 1",
        summary="A scenario has been paused for a day: is it forgotten?",
        description="S" + ON[1:] + " begins nothing by itself.",
        dashboard="overview",
        pending=HOUR,
    ),
    Alert(
        name="SwelldBudgetUsedUp",
        severity="ticket",
        expr="swelld_budget_exhausted == 1",
        summary="What may be spent on load is spent: nothing is sent until the next window.",
        description="The budget of {{ $labels.what }} for the {{ $labels.window }} is used up on {{ $labels.instance }}"
        " ({{ with $labels.scenario }}scenario {{ . }}{{ end }}{{ with $labels.target }}target {{ . }}{{ end }}).",
        dashboard="overview",
        pending=MINUTE,
    ),
)
