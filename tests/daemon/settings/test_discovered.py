"""Settings, and targets that were found."""

from pathlib import Path
from typing import Any

import pytest

from swelld.app.reload import compare
from swelld.engine.target import Target
from swelld.settings import ConfigError, Settings, effective, load_settings
from swelld.settings.discovered import with_targets

LOAD = {"load": "1/s", "duration": "1m"}
DISCOVERY = [{"file_sd": "targets.json"}]


def settings(**data: Any) -> Settings:
    return Settings.model_validate({"discovery": DISCOVERY, **data})


def found(*names: str, **more: Any) -> dict[str, Target]:
    return {name: Target(url=f"http://{name}:1", **more) for name in names}


def test_configured_targets_keep_their_names() -> None:
    before = settings(targets={"a": {"url": "http://configured"}})
    after = with_targets(before, found("a", "b"))
    assert {name: target.url for name, target in after.targets.items()} == {
        "a": "http://configured",
        "b": "http://b:1",
    }
    assert list(before.targets) == ["a"]


def test_a_scenario_loads_everything_that_is_found() -> None:
    before = settings(scenarios={"all": LOAD})
    after = with_targets(before, found("x", "y"))
    assert after.shares(after.scenarios["all"]) == {"x": 1.0, "y": 1.0}


@pytest.mark.parametrize(("targets", "shares"), [
    (["gpu-*"], {"gpu-1": 1.0, "gpu-2": 1.0}),
    (["gpu-[2-9]", "a"], {"gpu-2": 1.0, "a": 1.0}),
    (["a", "*"], {"a": 1.0, "gpu-1": 1.0, "gpu-2": 1.0, "cpu": 1.0}),
    ([{"target": "a", "weight": 2}, {"target": "gpu-?", "weight": 1}], {"a": 0.5, "gpu-1": 0.25, "gpu-2": 0.25}),
    ([{"target": "*-1", "weight": 3}, {"target": "gpu-*", "weight": 1}], {"gpu-1": 0.75, "gpu-2": 0.25}),
])  # fmt: skip
def test_patterns_choose_among_them(targets: list[Any], shares: dict[str, float]) -> None:
    scenario = {**LOAD, "targets": targets}
    before = settings(targets={"a": {"url": "http://a"}}, scenarios={"s": scenario})
    after = with_targets(before, found("gpu-1", "gpu-2", "cpu"))
    assert after.shares(after.scenarios["s"]) == shares


def test_a_pattern_may_stand_for_configured_targets_too() -> None:
    plain = Settings.model_validate(
        {"targets": {"a-1": {"url": "http://a"}}, "scenarios": {"s": {**LOAD, "targets": "a*"}}}
    )
    assert plain.shares(plain.scenarios["s"]) == {"a-1": 1.0}


@pytest.mark.parametrize(("data", "text"), [
    ({"targets": {"a": {"url": "http://a"}}, "scenarios": {"s": {**LOAD, "targets": "gpu-*"}}},
     "scenarios.s.targets.0: there is no target 'gpu-*'; known here: a"),
    ({"discovery": DISCOVERY, "targets": {"a": {"url": "http://a"}}, "scenarios": {"s": {**LOAD, "targets": "gpu"}}},
     "there is no target 'gpu'; known here: a; name those that a discovery finds by a pattern, e.g. `gpu-*`"),
    ({}, "targets: there is no target; name one under `targets:` or set SWELLD_TARGET__URL"),
])  # fmt: skip
def test_a_typo_is_an_error(data: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Settings.model_validate(data)
    assert text in str(caught.value)


def test_scenarios_come_and_go_with_their_targets() -> None:
    scenarios = {
        "gpus": {**LOAD, "targets": "gpu-*"},
        "all": LOAD,
        "fixed": {**LOAD, "targets": "a"},
        "other": {**LOAD, "targets": "cpu-*"},
    }
    before = settings(targets={"a": {"url": "http://a"}}, scenarios=scenarios)
    nothing, one, two = (with_targets(before, found(*names)) for names in ((), ("gpu-1",), ("gpu-1", "gpu-2")))
    assert list(nothing.scenarios) == ["all", "fixed"]
    first, second, back = compare(nothing, one), compare(one, two), compare(two, nothing)
    assert (first.added, first.changed, first.removed, first.restart) == (("gpus",), ("all",), (), ())
    assert (second.added, second.changed, second.removed) == ((), ("gpus", "all"), ())
    assert (back.added, back.changed, back.removed) == ((), ("all",), ("gpus",))


def test_what_contradicts_a_scenario_is_told() -> None:
    before = settings(scenarios={"s": {**LOAD, "targets": "gpu-*", "objectives": {"ttft": "1s"}}})
    with pytest.raises(ConfigError) as caught:
        with_targets(before, found("gpu-1", stream=False))
    assert caught.value.problems == [
        (
            "discovery: scenarios.s.objectives.ttft: needs a streamed answer, but the target 'gpu-1' has "
            "`stream: false`; drop one of them"
        )
    ]


def test_no_secret_is_printed_back() -> None:
    secrets = {
        "discovery": [
            {
                "http_sd": {
                    "url": "http://sd/x?token=s3cret",
                    "bearer_token": "s3cret",
                    "headers": {"X-Key": "s3cret"},
                },
                "target": {"api_key": "s3cret", "headers": {"Cookie": "s3cret"}, "extra_body": {"api_key": "s3cret"}},
            }
        ],
        "probe": {
            "modules": {
                "m": {"api_key": "s3cret", "headers": {"Authorization": "s3cret"}, "extra_body": {"token": "s3cret"}}
            }
        },
    }
    printed = effective(Settings.model_validate(secrets))
    assert "s3cret" not in printed
    assert printed.count("***") == 9


def test_it_is_printed_so_that_it_can_be_read_again(tmp_path: Path) -> None:
    entries = [
        {"file_sd": ["a.json", "b/*.yaml"], "refresh": "10s", "target": {"url": "http://{__address__}/{x}/v1"}},
        {"dns_sd": {"names": "a.b", "type": "a", "port": 80, "server": "[::1]:53"}, "target": {"model": "m"}},
        {"http_sd": {"url": "https://sd", "tls": {"verify": False}}},
    ]
    probe = {"modules": {"m": {"stream": False, "checks": {"json": True}, "tls": {}}}, "targets": "10.0.0.0/8, *.a.b"}
    made = Settings.model_validate({"discovery": entries, "probe": probe})
    file = tmp_path / "swelld.yaml"
    file.write_text(effective(made))
    assert load_settings(file, {}) == made


def test_the_environment_can_say_it() -> None:
    found = load_settings(None, {"SWELLD_DISCOVERY": '[{"file_sd": "a.json"}]', "SWELLD_PROBE__TARGETS": "10.0.0.0/8"})
    assert (found.discovery[0].kind, found.probe.targets) == ("file", ("10.0.0.0/8",))
