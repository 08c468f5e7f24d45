"""Do the scenarios do what they were told, when they were told?"""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import HOUR, MINUTE, Options
from swelld_grafana.rules.promql import by, on

_SCENARIO: Final = ("job", "instance", "scenario")
_ON: Final = "scenario {{ $labels.scenario }} on {{ $labels.instance }}"


def scenario_groups(options: Options) -> tuple[Group, ...]:
    """Runs, schedules, and what runs may cost."""
    return (Group("swelld-scenarios", options.interval, (*_runs(), *_schedules(), _paused(), _budget())),)


def _runs() -> tuple[Alert, ...]:
    due = (
        f"sum {by(_SCENARIO)} (swelld_offered_requests_per_second) > 0.005\n"
        f"  or sum {by(_SCENARIO)} (swelld_active_users) > 0"
    )
    return (
        Alert(
            name="SwelldScenarioFailed",
            severity="ticket",
            expr='swelld_run_state{state="failed"} == 1',
            summary="The latest run of a scenario failed.",
            description="The latest run of scenario {{ $labels.scenario }} on {{ $labels.instance }} could not be "
            "carried out.",
            dashboard="run",
            pending=5 * MINUTE,
        ),
        Alert(
            name="SwelldScenarioStalled",
            severity="ticket",
            expr=f'swelld_run_state{{state="running"}} == 1\n'
            f"and {on(*_SCENARIO)} (\n  {due}\n)\n"
            f"unless {on(*_SCENARIO)}\n"
            f"sum {by(_SCENARIO)} (increase(swelld_requests_started_total[15m])) > 0\n"
            f"unless {on(*_SCENARIO)}\n"
            f"sum {by(_SCENARIO)} (increase(swelld_requests_withheld_total[15m])) > 0\n"
            f"unless {on(*_SCENARIO)} swelld_scenario_paused == 1\n"
            f"unless {on(*_SCENARIO)} swelld_yield_factor == 0\n"
            f"unless {on(*_SCENARIO)} swelld_budget_exhausted == 1",
            summary="A run goes on but sends nothing.",
            description="Scenario {{ $labels.scenario }} on {{ $labels.instance }} has begun no request for 15 "
            "minutes, though some were due.",
            dashboard="run",
            pending=5 * MINUTE,
        ),
    )


def _schedules() -> tuple[Alert, ...]:
    return (
        Alert(
            name="SwelldScenarioOverdue",
            severity="ticket",
            expr="time() - swelld_scenario_next_fire_timestamp_seconds > 300",
            summary="A run that was due has not begun.",
            description="The next run of " + _ON + " has been due for {{ $value | humanizeDuration }}.",
            dashboard="run",
            pending=5 * MINUTE,
        ),
        Alert(
            name="SwelldScheduleMissed",
            severity="ticket",
            expr="increase(swelld_schedule_missed_total[1h]) > 0",
            summary="A schedule's moments went by unnoticed.",
            description="About {{ $value | humanize }} moments of the schedule of " + _ON + " were missed: swelld was "
            "down or its clock was set.",
            dashboard="run",
        ),
        Alert(
            name="SwelldRunsSkipped",
            severity="ticket",
            expr="increase(swelld_schedule_skipped_total[1d]) > 1",
            summary="Runs are left out because others are still under way.",
            description="About {{ $value | humanize }} runs of " + _ON + " were left out in the last day.",
            dashboard="run",
        ),
    )


def _paused() -> Alert:
    return Alert(
        name="SwelldScenarioPaused",
        severity="ticket",
        expr="min_over_time(swelld_scenario_paused[1d]) == 1",
        summary="A scenario has been paused for a day: is it forgotten?",
        description="S" + _ON[1:] + " begins nothing by itself.",
        dashboard="overview",
        pending=HOUR,
    )


def _budget() -> Alert:
    return Alert(
        name="SwelldBudgetUsedUp",
        severity="ticket",
        expr="swelld_budget_exhausted == 1",
        summary="What may be spent on load is spent: nothing is sent until the next window.",
        description="The budget of {{ $labels.what }} for the {{ $labels.window }} is used up on {{ $labels.instance }}"
        " ({{ with $labels.scenario }}scenario {{ . }}{{ end }}{{ with $labels.target }}target {{ . }}{{ end }}).",
        dashboard="overview",
        pending=MINUTE,
    )
