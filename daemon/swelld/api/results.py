"""Results of runs, for those who ask for them by the id of the run."""

from swelld.api.control import Control
from swelld.api.problems import Problem
from swelld.result import Result
from swelld.store.base import OVER


async def result_of(control: Control, run_id: str, *, over: bool = False) -> Result:
    """What is known of a run; with `over` a Problem while it goes on. NotFound, or a Problem where nothing is known."""
    found = await control.run(run_id)
    ended = found.run.state in OVER
    if over and not ended:
        raise Problem(409, f"run {run_id} is {found.run.state}; wait for its end: GET /api/v1/runs/{run_id}/events")
    if found.result is None and ended:
        raise Problem(409, f"run {run_id} is {found.run.state} and has left no result; start another one")
    if found.result is None:
        raise Problem(409, f"run {run_id} has no result yet; wait for its end")
    return found.result
