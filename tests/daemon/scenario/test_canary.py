"""The ready-made canaries: what a word expands to, what can be given otherwise, and that the pages tell the truth."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from swelld.app.spec import specify
from swelld.canary import CANARIES
from swelld.scenario import Scenario
from swelld.settings import Settings
from swelld.settings.file import parse

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("canary", ["wedge", "stream"])
def test_one_line_is_a_whole_scenario(canary: str) -> None:
    made = Scenario.model_validate({"canary": canary})
    [stage] = made.stages()
    assert (made.schedule.kind, made.mix, stage.requests, stage.duration) == ("continuous", "each", None, None)


def test_the_wedge_probe_never_holds_two_requests() -> None:
    made = Scenario.model_validate({"canary": "wedge"})
    [stage] = made.stages()
    assert stage.label == f"rate={1 / 15:.6g}"
    assert made.timeout is not None
    assert made.timeout < 15
    assert made.prompts.open(0)[0].max_tokens == 1


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ({"load": {"concurrency": 2}}, "load", {"concurrency": [2], "ramp_up": "0s", "think_time": "0s"}),
        ({"schedule": {"every": "1h"}, "requests": 1}, "schedule", {"kind": "every", "every": "1h"}),
        ({"objectives": {"share": 0.5}}, "objectives", {"e2e": "5s", "share": 0.5}),
        ({"objectives": {"ttft": "1s"}}, "objectives", {"ttft": "1s", "e2e": "5s", "share": 0.99}),
        ({"timeout": "3s"}, "timeout", "3s"),
        ({"drain": "1s"}, "drain", "1s"),
    ],
)
def test_every_key_can_be_given_otherwise(keys: dict[str, Any], field: str, value: Any) -> None:
    data = Scenario.model_validate({"canary": "wedge", **keys}).model_dump(mode="json", exclude_none=True)[field]
    assert data == value if not isinstance(value, dict) else value.items() <= data.items()


def test_what_is_printed_reads_back_to_the_same() -> None:
    for canary in CANARIES:
        made = Scenario.model_validate({"canary": canary, "objectives": {"share": 0.9}})
        printed = made.model_dump(mode="json", exclude_none=True)
        assert Scenario.model_validate(printed) == made


@pytest.mark.parametrize("canary", ["wegde", 5, ["wedge"]])
def test_an_unknown_canary_is_refused(canary: Any) -> None:
    with pytest.raises(ValidationError, match="'wedge' or 'stream'"):
        Scenario.model_validate({"canary": canary, "load": "1/s", "duration": "1s"})


def test_the_timeout_of_a_scenario_shortens_the_targets_deadlines_and_lengthens_none() -> None:
    target = {"url": "http://a", "timeouts": {"connect": "2s", "first_token": "1m"}}
    made = Settings.model_validate({"targets": {"a": target}, "scenarios": {"s": {"canary": "wedge"}}})
    [limited] = specify(made, "s").plan.targets
    assert dict(limited.timeouts) == {"connect": 2.0, "first_token": 14.0, "idle": 14.0, "total": 14.0}
    made = Settings.model_validate({"targets": {"a": target}, "scenarios": {"s": {"load": "1/s", "duration": "1s"}}})
    assert specify(made, "s").plan.targets == (made.targets["a"],)


def test_the_page_writes_the_canaries_out_as_they_are() -> None:
    shown = [Settings.model_validate(parse(block, "page").data) for block in blocks("canaries.md")]
    short, wedge, stream, own = (settings.scenarios for settings in shown)
    assert without_word(short["alive"]) == without_word(wedge["main"])
    assert without_word(short["felt"]) == without_word(stream["main"])
    assert own["alive"].objectives.share == 0.99


def without_word(scenario: Scenario) -> dict[str, Any]:
    return scenario.model_dump(exclude={"canary"})
