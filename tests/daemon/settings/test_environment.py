"""Settings from the environment: alone, over a file, and what is said of a wrong variable."""

from pathlib import Path

import pytest

from swelld.config import Secret
from swelld.load.closed import Closed
from swelld.load.open import Open
from swelld.settings import Address, ConfigError, Settings, load_settings
from swelld.settings.environment import variable
from swelld.settings.tree import Tree

ALONE = {
    "SWELLD_TARGETS__MAIN__URL": "http://127.0.0.1:8000",
    "SWELLD_TARGETS__MAIN__MODEL": "m",
    "SWELLD_SCENARIOS__MAIN__LOAD__RATE": "10/s",
    "SWELLD_SCENARIOS__MAIN__DURATION": "1m",
    "SWELLD_SCENARIOS__MAIN__OBJECTIVES__TTFT": "500ms",
}
TARGET = {"SWELLD_TARGET__URL": "http://127.0.0.1:8000"}


def problems(environ: dict[str, str], path: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ)
    return caught.value.problems


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "swelld.yaml"
    file.write_text(text)
    return file


def test_the_environment_alone_is_a_whole_configuration() -> None:
    settings = load_settings(None, ALONE | {"PATH": "/bin", "HOME": "/"})
    target, scenario = settings.targets["main"], settings.scenarios["main"]
    assert (target.url, target.model) == ("http://127.0.0.1:8000", "m")
    assert scenario.load == Open(rate=(10.0,))
    assert (scenario.duration, scenario.objectives.ttft) == (60.0, 0.5)


def test_the_short_form_says_the_same() -> None:
    short = {
        name.replace("TARGETS__MAIN", "TARGET").replace("SCENARIOS__MAIN", "SCENARIO"): value
        for name, value in ALONE.items()
    }
    assert load_settings(None, short) == load_settings(None, ALONE)


def test_the_letters_of_a_variable_may_be_small() -> None:
    assert load_settings(None, {name.lower(): value for name, value in ALONE.items()}) == load_settings(None, ALONE)


def test_values_of_every_kind() -> None:
    settings = load_settings(
        None,
        TARGET
        | {
            "SWELLD_TARGET__STREAM": "false",
            "SWELLD_TARGET__MAX_TOKENS": "5",
            "SWELLD_TARGET__TIMEOUTS__CONNECT": "250ms",
            "SWELLD_TARGET__TLS__CA_FILE": "/etc/ca.pem",
            "SWELLD_TARGET__API_KEY": "sk-1",
            "SWELLD_TARGET__HEADERS": '{"X-Team": "search"}',
            "SWELLD_TARGET__HEADERS__X-NEXT": "1",
            "SWELLD_TARGET__EXTRA_BODY__IGNORE_EOS": "true",
            "SWELLD_TARGET__EXTRA_BODY__STOP": '["a", "b"]',
            "SWELLD_TARGET__EXTRA_BODY__WORD": "plain",
            "SWELLD_SCENARIO__LOAD__CONCURRENCY": "1,10,50",
            "SWELLD_SCENARIO__REQUESTS": "10",
            "SWELLD_SCENARIO__PROMPTS": "suite",
            "SWELLD_SCENARIOS__TWO__LOAD": "5/s",
            "SWELLD_SCENARIOS__TWO__DURATION": "30",
            "SWELLD_SCENARIOS__TWO__TARGETS": '[{"target": "main", "weight": 1}]',
            "SWELLD_SCENARIOS__TWO__PROMPTS__KIND": "synthetic",
            "SWELLD_SCENARIOS__TWO__PROMPTS__INPUT_TOKENS": "64",
            "SWELLD_SHARDS": "2",
            "SWELLD_WEB__LISTEN": "[::1]:0",
            "SWELLD_EXPORTERS__FILES__FORMATS": "jsonl",
            "SWELLD_SEED": "7",
        },
    )
    target, one, two = settings.targets["main"], settings.scenarios["main"], settings.scenarios["two"]
    assert (target.stream, target.max_tokens, target.timeouts.connect) == (False, 5, 0.25)
    assert target.tls.ca_file == Path("/etc/ca.pem")
    assert isinstance(target.api_key, Secret)
    assert target.api_key.reveal() == "sk-1"
    assert target.headers == {"X-Team": "search", "x-next": "1"}
    assert target.extra_body == {"ignore_eos": True, "stop": ["a", "b"], "word": "plain"}
    assert one.load == Closed(concurrency=(1, 10, 50))
    assert one.prompts.kind == "suite"
    assert two.load == Open(rate=(5.0,))
    assert (two.duration, two.mix) == (30.0, "weighted")
    assert two.prompts.model_dump()["input_tokens"] == 64
    assert (settings.shards, settings.seed, settings.web.listen) == (2, 7, Address("::1", 0))
    assert settings.exporters.files.formats == ("jsonl",)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "target: {url: http://a, model: m}\nscenario: {load: 1/s, duration: 1m, requests: 5}\n")
    settings = load_settings(file, {"SWELLD_TARGET__URL": "http://b", "SWELLD_SCENARIO__LOAD__RATE": "2/s"})
    assert (settings.targets["main"].url, settings.targets["main"].model) == ("http://b", "m")
    assert settings.scenarios["main"].load == Open(rate=(2.0,))
    assert settings.scenarios["main"].requests == 5


def test_flags_win_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, "target: {url: http://a, model: m}\n")
    flags = Tree({"targets": {"main": {"url": "http://c"}}})
    settings = load_settings(file, {"SWELLD_TARGET__URL": "http://b"}, flags)
    assert (settings.targets["main"].url, settings.targets["main"].model) == ("http://c", "m")


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "target: {url: http://a}\n")
    assert load_settings(None, {"SWELLD_CONFIG": str(file)}).targets["main"].url == "http://a"
    other = tmp_path / "other.yaml"
    other.write_text("target: {url: http://other}\n")
    assert load_settings(other, {"SWELLD_CONFIG": str(file)}).targets["main"].url == "http://other"


def test_a_name_takes_the_spelling_of_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "targets: {Llama-3.1_70B: {url: http://a}}\n")
    settings = load_settings(
        file, {"SWELLD_TARGETS__LLAMA_3_1_70B__MODEL": "m", "SWELLD_TARGETS__NEW__URL": "http://b"}
    )
    assert {name: target.model for name, target in settings.targets.items()} == {"Llama-3.1_70B": "m", "new": ""}


def test_an_empty_variable_counts_as_not_set() -> None:
    environ = TARGET | {"SWELLD_TARGET__API_KEY": "", "SWELLD_FOO": " "}
    assert load_settings(None, environ).targets["main"].api_key is None


def test_what_kubernetes_and_secrets_put_there_is_left_alone() -> None:
    settings = load_settings(
        None,
        TARGET
        | {
            "SWELLD_SERVICE_HOST": "10.0.0.1",
            "SWELLD_SERVICE_PORT": "9464",
            "SWELLD_SERVICE_PORT_HTTP": "9464",
            "SWELLD_PORT": "tcp://10.0.0.1:9464",
            "SWELLD_PORT_9464_TCP": "tcp://10.0.0.1:9464",
            "SWELLD_PORT_9464_TCP_ADDR": "10.0.0.1",
            "SWELLD_CANARY_SERVICE_HOST": "10.0.0.2",
            "SWELLD_TARGET__API_KEY": '{"env": "SWELLD_KEY_OF_LLAMA"}',
            "SWELLD_KEY_OF_LLAMA": "sk-1",
        },
    )
    assert settings.targets["main"].api_key == Secret(env="SWELLD_KEY_OF_LLAMA")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SWELLD_TARGET_URL", "did you mean SWELLD_TARGET__URL?"),
        ("SWELLD_TARGT__URL", "did you mean SWELLD_TARGET__URL?"),
        ("SWELLD_TARGETS__LLAMA__ULR", "did you mean SWELLD_TARGETS__LLAMA__URL?"),
        ("SWELLD_SCENARIO__LOAD__RAET", "did you mean SWELLD_SCENARIO__LOAD__RATE?"),
        ("SWELLD_LOG_LEVEL", "did you mean SWELLD_LOG__LEVEL?"),
        ("SWELLD_TARGET__TIMEOUTS__CONECT", "did you mean SWELLD_TARGET__TIMEOUTS__CONNECT?"),
        (
            "SWELLD_XYZZY",
            (
                "settings begin with SWELLD_TARGET, SWELLD_SCENARIO, SWELLD_TARGETS, SWELLD_DISCOVERY, "
                "SWELLD_SCENARIOS, SWELLD_EXPORTERS, SWELLD_STORE, SWELLD_WEB, SWELLD_PROBE, SWELLD_SHARDS, "
                "SWELLD_SHARE, SWELLD_ANALYSIS, SWELLD_WATCH, SWELLD_GRACE, SWELLD_LOG, SWELLD_SEED"
            ),
        ),
    ],
)
def test_an_unknown_variable_is_told_the_nearest(name: str, remedy: str) -> None:
    assert problems(TARGET | {name: "sk-canary"}) == [f"{name}: there is no such setting; {remedy}"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SWELLD_SCENARIO__LOAD__RATE", "fast", "scenarios.main.load.rate: 'fast' is no rate: write a number over a"),
        ("SWELLD_TARGET__STREAM", "maybe", "targets.main.stream: 'maybe' is neither true nor false"),
        ("SWELLD_TARGET__HEADERS", "{x", "targets.main.headers: begins like JSON but is not: Expecting property name"),
        ("SWELLD_TARGET__HEADERS", '{"a": "\\ud83d"}', "targets.main.headers: begins like JSON but is not: 'utf-8'"),
        ("SWELLD_TARGET__MODEL", "caf\udce9", "targets.main.model: is not UTF-8"),
        ("SWELLD_WEB__LISTEN", "9464", "web.listen: '9464' is no address; write HOST:PORT"),
        ("SWELLD_TARGET__TLS", "off", "targets.main.tls: 'off' is not a mapping; its keys are verify, ca_file"),
        ("SWELLD_TARGETS", '["a"]', 'targets: ["a"] is not a mapping; write key: value'),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str, message: str) -> None:
    environ = {name: value, "SWELLD_SCENARIO__DURATION": "1m"} if "SCENARIO" in name else {name: value}
    environ |= {} if name == "SWELLD_TARGETS" else TARGET
    [problem] = problems(environ)
    assert problem.startswith(f"{name}: {message}")


def test_a_whole_and_its_part_cannot_both_be_given() -> None:
    environ = TARGET | {"SWELLD_SCENARIO__LOAD": "5/s", "SWELLD_SCENARIO__LOAD__RATE": "6/s"}
    environ["SWELLD_SCENARIO__DURATION"] = "1m"
    [problem] = problems(environ)
    assert problem == (
        "SWELLD_SCENARIO__LOAD__RATE: scenarios.main.load.rate: load is given as a whole by another variable; "
        "keep one of the two"
    )


def test_problems_of_the_file_and_of_the_environment_are_told_together(tmp_path: Path) -> None:
    file = written(tmp_path, "log: {level: loud}\ntarget:\n  url: http://a\n  stream: maybe\n")
    assert problems({"SWELLD_TARGET__MAX_TOKENS": "0", "SWELLD_SED": "1"}, file) == [
        f"{file}:1: log.level: 'loud' is not allowed; use one of debug, info, warning, error",
        f"{file}:4: targets.main.stream: 'maybe' is neither true nor false",
        "SWELLD_SED: there is no such setting; did you mean SWELLD_SEED?",
        "SWELLD_TARGET__MAX_TOKENS: targets.main.max_tokens: '0' is too small; it must be above 0",
    ]


def test_what_was_never_written_has_the_environment_as_its_place() -> None:
    assert problems({}) == [
        "environment: targets: there is no target; name one under `targets:` or set SWELLD_TARGET__URL"
    ]
    assert problems({"SWELLD_TARGET__MODEL": "m"}) == [
        "environment: targets.main.url: is missing; write it there or set SWELLD_TARGET__URL"
    ]


def test_making_settings_directly_does_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "9")
    monkeypatch.setenv("SWELLD_SEED", "9")
    assert Settings.model_validate({"targets": {"a": {"url": "http://a"}}}).seed == 0


def test_the_variable_of_a_path() -> None:
    assert variable(("targets", "main", "url")) == "SWELLD_TARGET__URL"
    assert variable(("targets", "llama", "url")) == "SWELLD_TARGETS__LLAMA__URL"
    assert variable(("web", "listen")) == "SWELLD_WEB__LISTEN"
