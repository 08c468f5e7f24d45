"""Shapes of a rate: what may be written, what it comes to, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from swelld.load.bounds import Bounds
from swelld.load.open import Open
from swelld.load.shapes import Constant, Day, Points, Product, Shape, Sine, Sum
from swelld.load.stage import OpenStage
from swelld.settings import Settings, effective

SINE = {"sine": {"mean": "10/s", "amplitude": "300/min", "period": "1h", "phase": "15m"}}


def stage_of(rate: Any) -> OpenStage:
    [stage] = Open.model_validate({"rate": rate}).stages(Bounds(duration=60.0))
    assert isinstance(stage, OpenStage)
    return stage


@pytest.mark.parametrize(
    ("written", "shape", "peak"),
    [
        (SINE, Sine(10.0, 5.0, 3600.0, 900.0), 15.0),
        ({"square": {"high": "6/s", "period": "10s"}}, Points((0.0, 5.0), (6.0, 0.0), period=10.0), 6.0),
        (
            {"square": {"low": 1, "high": 6, "period": 10, "duty": 0.2, "phase": 2}},
            Points((0.0, 2.0), (6.0, 1.0), period=10.0, phase=2.0),
            6.0,
        ),
        ({"steps": [{"at": 0, "rate": 0}, {"at": "1m", "rate": "60/min"}]}, Points((0.0, 60.0), (0.0, 1.0)), 1.0),
        (
            {"steps": [{"at": 0, "rate": 5}, {"at": 10, "rate": 1}], "lines": True, "repeat": "20s"},
            Points((0.0, 10.0), (5.0, 1.0), True, 20.0),
            5.0,
        ),
        (
            {"day": {"8:00": 20, "00:30": "1/s"}, "timezone": "Europe/Berlin", "lines": True},
            Day((1800.0, 28800.0), (1.0, 20.0), "Europe/Berlin", True),
            20.0,
        ),
        (
            {"sum": ["5/s", {"product": [SINE, 0.5]}]},
            Sum((Constant(5.0), Product((Sine(10.0, 5.0, 3600.0, 900.0), Constant(0.5))))),
            12.5,
        ),
    ],
)  # fmt: skip
def test_a_shape_by_its_key(written: Any, shape: Shape, peak: float) -> None:
    load = Open.model_validate({"rate": written})
    stage = stage_of(written)
    assert (stage.shape, stage.peak, stage.label) == (shape, peak, f"rate={next(iter(written))}")
    assert load.levels() == [stage.label]
    assert Open.model_validate(load.model_dump(mode="json", by_alias=True)) == load
    assert not load.ramps()


def test_shapes_rates_and_ramps_can_follow_each_other() -> None:
    load = Open.model_validate({"rate": ["5/s", "1/s..5/s", SINE]})
    assert load.levels() == ["rate=5", "rate=1..5", "rate=sine"]


def test_a_shape_is_printed_and_read_back_in_a_whole_configuration(tmp_path: Path) -> None:
    recorded = tmp_path / "rates.csv"
    recorded.write_text("time,rate\n0,5\n60,7\n")
    part = {"recorded": {"file": str(recorded), "speed": 2}}
    rate = {"sum": [part, {"day": {"00:00": 1}}]}
    data = {"targets": {"a": {"url": "http://h"}}, "scenarios": {"s": {"load": {"rate": rate}, "duration": "1h"}}}
    settings = Settings.model_validate(data)
    import yaml

    assert Settings.model_validate(yaml.safe_load(effective(settings))).scenarios == settings.scenarios


def test_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("when,how many\n2026-01-01T00:00:00Z,5\n2026-01-01T00:01:00Z,0\n2026-01-01 00:03:00,7.5\n")
    columns = {"file": str(file), "time": "when", "rate": "how many"}
    assert stage_of({"recorded": columns}).shape == Points((0.0, 60.0, 180.0), (5.0, 0.0, 7.5))
    faster = {**columns, "speed": 2, "factor": 10, "lines": True, "repeat": True}
    assert stage_of({"recorded": faster}).shape == Points((0.0, 30.0, 90.0), (50.0, 0.0, 75.0), True, 135.0)
    file.write_text("when,how many\n5,1\n6,2\n")
    import os

    os.utime(file, (1, 1))
    assert stage_of({"recorded": columns}).shape == Points((0.0, 1.0), (1.0, 2.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,rate\n1,5\n1,5\n", "line 3: the moment is not after the one before it"),
        ("time,rate\n1,-5\n", "line 2: '-5' is no rate"),
        ("time,rate\n1,much\n", "line 2: could not convert"),
        ("time,rate\nlater,5\n", "line 2: 'later' is no moment"),
        ("time,rate\n1\n", "line 2: "),
        ("time,rate\n1,0\n", "has no rate above 0"),
        ("a,b\n1,2\n", "has no column 'time'; it has a, b"),
        (None, "cannot read the rates in .*: No such file"),
    ],
)
def test_a_broken_recording_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "rates.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValidationError, match=message):
        stage_of({"recorded": {"file": str(file)}})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"sine": {"mean": 1, "amplitude": 2, "period": 5}}, r"above the mean \(1/s\)"),
        ({"sine": {"mean": 1, "amplitude": 1, "period": "10ms"}}, "greater than or equal to 0.1"),
        ({"square": {"high": 0, "period": 5}}, "rate=square never sends anything"),
        ({"steps": [{"at": 5, "rate": 1}, {"at": 5, "rate": 2}]}, "is not after the step before it"),
        ({"steps": [{"at": 5, "rate": 1}], "repeat": "5s"}, "comes before the last step"),
        ({"day": {"8": 1}}, "'8' is no time of day: write \"08:00\""),
        ({"day": {"24:00": 1}}, "is no time of day"),
        ({"day": {"08:00": 1}, "timezone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"sum": [1, {"sinus": 1}]}, "is no shape of a rate; write a rate, or a mapping with one of sine"),
        ({"sum": [1]}, "at least 2 items"),
        ({"product": [1, -2]}, "not below zero|is no rate"),
        ([{"sine": {"mean": 1, "amplitude": 1, "period": 5}}, SINE], "rate=sine is listed twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_rate_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Open.model_validate({"rate": written})
