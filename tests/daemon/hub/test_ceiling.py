"""Who is let in on targets with ceilings."""

from typing import Any

import pytest

from runs import settings_for
from swelld.app.spec import specify
from swelld.hub.ceiling import Ceilings, Demand, demands
from swelld.hub.spec import Spec
from swelld.load.stage import ClosedStage, OpenStage

TARGETS = {
    "a": {"url": "http://127.0.0.1:1", "ceiling": {"rate": "10/s", "concurrency": 8}},
    "b": {"url": "http://127.0.0.1:2", "ceiling": {"rate": "600/min"}},
    "free": {"url": "http://127.0.0.1:3"},
}


def spec(tmp_path: Any, load: Any, targets: Any = "a", **more: Any) -> Spec:
    scenario = {"load": load, "targets": targets, "duration": "10s", **more}
    return specify(settings_for(tmp_path, TARGETS, scenario), "test")


def test_what_a_run_asks_for_is_the_most_of_its_stages(tmp_path: Any) -> None:
    ramp = spec(tmp_path, {"rate": "2/s,1/s..5/s"}, "a,b")
    assert demands(ramp, ramp.stages(1)) == {
        "a": Demand(rate=5.0),
        "b": Demand(rate=5.0),
    }
    shares = [{"target": "a", "weight": 1}, {"target": "b", "weight": 3}]
    weighted = spec(tmp_path, "8/s", shares)
    assert demands(weighted, weighted.stages(1)) == {"a": Demand(rate=2.0), "b": Demand(rate=6.0)}
    users = spec(tmp_path, {"concurrency": "1,6"}, shares)
    assert demands(users, users.stages(1)) == {"a": Demand(concurrency=6), "b": Demand(concurrency=6)}


def test_runs_are_let_in_until_the_ceiling_is_reached(tmp_path: Any) -> None:
    ceilings = Ceilings()
    first, second, third = (spec(tmp_path, rate) for rate in ("6/s", "5/s", "4/s"))
    ceilings.admit(first)
    with pytest.raises(
        ValueError, match="the target a has a ceiling of 10/s and 6/s of it are taken by test, but the"
    ) as no:
        ceilings.admit(second)
    assert "asks for 5/s: lower it, or wait" in str(no.value)
    ceilings.admit(third)  # exactly as much as is left
    ceilings.release(first.id)
    ceilings.admit(second)
    ceilings.release("never heard of")


def test_a_load_that_is_too_much_by_itself(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="of 8 at a time, but the load asks for 9 at a time: lower it, or raise"):
        Ceilings().admit(spec(tmp_path, {"concurrency": "1,9"}))
    with pytest.raises(ValueError, match="the target b has a ceiling of 10/s, but the load asks for 11/s"):
        Ceilings().admit(spec(tmp_path, "11/s", "free,b"))
    Ceilings().admit(spec(tmp_path, "11/s", "free"))
    Ceilings().admit(spec(tmp_path, {"concurrency": 500}, "b"))  # how fast they ask, the load processes see to


def test_a_run_that_is_changed_is_held_against_the_others_only(tmp_path: Any) -> None:
    ceilings = Ceilings()
    first, second = spec(tmp_path, "6/s"), spec(tmp_path, {"concurrency": 5})
    ceilings.admit(first)
    ceilings.admit(second)
    ceilings.admit(first, [OpenStage(label="s", rate=10.0)])
    with pytest.raises(ValueError, match=r"asks for 10\.5/s"):
        ceilings.admit(first, [OpenStage(label="s", rate=10.5)])
    with pytest.raises(ValueError, match="asks for 9 at a time"):
        ceilings.admit(second, [ClosedStage(label="c", users=9)])
    third = spec(tmp_path, {"concurrency": 4})
    with pytest.raises(ValueError, match="5 at a time of it are taken by test"):  # the refusal left it as it was
        ceilings.admit(third)


@pytest.mark.parametrize("apart", [(False, True), (True, False), (True, True)])
def test_runs_in_other_processes_cannot_keep_to_a_ceiling_together(tmp_path: Any, apart: tuple[bool, bool]) -> None:
    ceilings = Ceilings()
    ceilings.admit(spec(tmp_path, "1/s", "a,free"), apart=apart[0])
    with pytest.raises(ValueError, match="is under load from test in other processes"):
        ceilings.admit(spec(tmp_path, "1/s", "a"), apart=apart[1])
    ceilings.admit(spec(tmp_path, "1/s", "free"), apart=apart[1])
