"""The command line in this process: what flags become, and what is said to those that cannot be."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

import sample_results
from swelld.app import commands, once
from swelld.app.conductor import Finished
from swelld.app.flags import Flags
from swelld.cli.application import app
from swelld.settings import Settings

ROOT = Path(__file__).parents[2]
SERVER = ["--server", "http://127.0.0.1:1", "--model", "m"]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWELLD_CONFIG", raising=False)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of runs that are not carried out."""
    found: list[Settings] = []

    def run(settings: Settings, *_: Any, fail_on_slo: bool) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(commands, "run", run)
    return found


def swelld(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def scenario(made: list[Settings], *arguments: str) -> dict[str, Any]:
    """The one scenario that flags come to, as a file would hold it."""
    done = swelld("run", *arguments)
    assert done.exit_code == 0, done.output
    (settings,) = made
    (only,) = settings.scenarios.values()
    return only.model_dump(mode="json", exclude_unset=True)


@pytest.mark.parametrize(
    ("preset", "levels", "requests", "lengths"),
    [
        ("quick", (1, 5, 10), 50, (128, 64)),
        ("standard", (1, 10, 50, 100), 200, (256, 128)),
        ("stress", (10, 50, 100, 200, 500), 500, (512, 256)),
    ],
)
def test_presets(
    made: list[Settings], preset: str, levels: tuple[int, ...], requests: int, lengths: tuple[int, int]
) -> None:
    found = scenario(made, *SERVER, "--preset", preset)
    assert tuple(found["load"]["concurrency"]) == levels
    assert found["requests"] == requests
    assert (found["prompts"]["input_tokens"], found["prompts"]["output_tokens"]) == lengths


def test_a_flag_goes_over_a_preset(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--preset", "quick", "--concurrency", "7", "--num-prompts", "3")
    assert (found["load"]["concurrency"], found["requests"]) == ([7], 3)


def test_a_server_alone_is_a_quick_look(made: list[Settings]) -> None:
    assert scenario(made, *SERVER)["load"]["concurrency"] == [1, 5, 10]


def test_the_flags_of_the_first_example(made: list[Settings]) -> None:
    found = scenario(
        made, *SERVER, "--api", "llamacpp", "--concurrency", "1,10,50", "--num-prompts", "100", "--input-len", "256",
        "--output-len", "128", "--goodput", "ttft:500,tpot:50,e2e:5000",
    )  # fmt: skip
    assert found["load"]["concurrency"] == [1, 10, 50]
    assert found["requests"] == 100
    assert made[0].scenarios["run"].objectives.thresholds() == {"ttft": 0.5, "tpot": 0.05, "e2e": 5.0}
    target = made[0].targets["m"]
    assert (target.url, target.api, target.model, target.stream) == ("http://127.0.0.1:1", "llamacpp", "m", True)


def test_the_flags_of_the_second_example(made: list[Settings]) -> None:
    dataset = ROOT / "tests/testdata/prompts/conversations.json"
    found = scenario(
        made, *SERVER, "--api-key", "K", "--dataset", str(dataset), "--qps", "1,5,10,20", "--duration", "60",
        "--percentiles", "50,95,99", "--max-tokens", "512", "--temperature", "0.7",
    )  # fmt: skip
    assert found["load"]["rate"] == ["1/s", "5/s", "10/s", "20/s"]
    assert made[0].scenarios["run"].duration == 60.0
    assert found["prompts"]["kind"] == "conversations"
    target = made[0].targets["m"]
    assert (target.max_tokens, target.temperature) == (512, 0.7)
    assert target.api_key is not None
    assert target.api_key.reveal() == "K"


def test_one_at_a_time(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--mode", "sequential", "--iterations", "10")
    assert found["load"] == {"iterations": 10}
    assert found["prompts"] == {"kind": "suite"}


def test_the_rest_of_the_flags(made: list[Settings]) -> None:
    found = scenario(
        made, *SERVER, "--qps", "600/min", "--arrivals", "gamma", "--burstiness", "0.5", "--duration", "2m", "--warmup",
        "5", "--max-in-flight", "100", "--seed", "9", "--shards", "3", "--no-stream", "--timeout", "5m", "--insecure",
        "-H", "X-Team: a:b", "--extra-body", '{"ignore_eos": true}', "--tokenizer", "o200k_base", "--results-dir", "r",
        "--goodput", "e2e:250",
    )  # fmt: skip
    assert found["load"] == {"rate": ["10/s"], "arrivals": "gamma", "burstiness": 0.5}
    assert (found["warmup"], found["max_in_flight"]) == ({"requests": 5}, 100)
    settings = made[0]
    target = settings.targets["m"]
    assert (settings.seed, settings.shards, settings.store.dir) == (9, 3, Path("r"))
    assert (target.stream, target.timeouts.total, target.tls.verify) == (False, 300.0, False)
    assert (target.headers, target.extra_body) == ({"X-Team": "a:b"}, {"ignore_eos": True})
    assert target.tokenizer == "o200k_base"


def test_a_trace_is_replayed_at_its_own_moments(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--trace", "t.csv")
    assert found["prompts"] == {"kind": "trace", "file": "t.csv"}
    assert found["load"] == {"replay": {"speed": ["1x"]}}
    assert "requests" not in found


def test_a_trace_at_several_speeds_and_within_bounds(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--trace", "t.csv", "--trace-speed", "1x,2.5x", "--duration", "30s")
    assert found["load"] == {"replay": {"speed": ["1x", "2.5x"]}}
    assert found["duration"] == "30s"


def test_lengths_of_a_trace_under_another_load(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--trace", "t.csv", "--qps", "3", "-n", "5")
    assert found["prompts"] == {"kind": "trace", "file": "t.csv"}
    assert found["load"]["rate"] == ["3/s"]


@pytest.mark.parametrize(("turns", "found"), [("4", 4), ("2..8", {"kind": "uniform", "min": 2, "max": 8})])
def test_sessions_of_several_turns(made: list[Settings], turns: str, found: Any) -> None:
    made_up = scenario(made, *SERVER, "--turns", turns, "--think-time", "2s", "--input-len", "40", "--concurrency", "3")
    assert made_up["prompts"] == {"kind": "sessions", "turns": found, "input_tokens": 40, "think_time": "2s"}
    assert made_up["load"]["concurrency"] == [3]


def test_sessions_of_a_file(made: list[Settings]) -> None:
    found = scenario(made, *SERVER, "--turns", "6", "--dataset", "d.json", "--qps", "2")
    assert found["prompts"] == {"kind": "dialogues", "file": "d.json", "max_turns": 6}


def test_users_that_think(made: list[Settings]) -> None:
    assert scenario(made, *SERVER, "--concurrency", "3", "--think-time", "2s")["load"]["think_time"] == "2s"


def test_each_target_alone_first(made: list[Settings]) -> None:
    two = ["--target", "a=http://127.0.0.1:1,model=m", "--target", "b=http://127.0.0.1:2,model=m"]
    assert scenario(made, *two, "--solo-first")["contention"] == "solo_first"


def test_several_targets_and_their_weights(made: list[Settings]) -> None:
    targets = ["-t", "a=http://x:1,model=org/big,weight=0.3", "-t", "b=http://y:2,api=llamacpp,weight=0.7"]
    found = scenario(made, *targets, "--concurrency", "1")
    assert found["targets"] == [{"target": "a", "weight": 0.3}, {"target": "b", "weight": 0.7}]
    assert made[0].scenarios["run"].mix == "weighted"
    assert (made[0].targets["a"].model, made[0].targets["b"].api) == ("org/big", "llamacpp")


def test_list_targets() -> None:
    done = swelld("run", "-t", "a=http://x:1,model=big", "-t", "b=http://y:2/v1,api=llamacpp", "--list-targets")
    assert (done.exit_code, done.output) == (
        0,
        "a\thttp://x:1\topenai_chat\tbig\nb\thttp://y:2/v1\tllamacpp\t-\n",
    )


def test_nothing_is_kept_if_that_is_wished(made: list[Settings]) -> None:
    scenario(made, *SERVER, "--no-save")
    assert made[0].exporters.files.enabled is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no target: give --server URL"),
        (["--server", "127.0.0.1:1"], "starts with http://"),
        (["--target", "a"], "write NAME=URL"),
        (["--target", "a=http://x:1,mode=m"], "use model=, api= or weight="),
        ([*SERVER, "--preset", "huge"], "--preset huge: use one of quick, standard, stress"),
        ([*SERVER, "--mode", "parallel"], "--mode parallel: use sequential or concurrent"),
        ([*SERVER, "--qps", "1", "--concurrency", "1"], "give one of --concurrency, --qps"),
        ([*SERVER, "--qps", "fast"], "fast"),
        ([*SERVER, "--concurrency", "0"], "--concurrency"),
        ([*SERVER, "--qps", "1..5", "--num-prompts", "5"], "set `duration`"),
        ([*SERVER, "--concurrency", "1", "--ramp-up", "soon"], "'soon' is no duration"),
        ([*SERVER, "--qps", "1", "--ramp-up", "5s"], "`ramp_up` (closed)"),
        ([*SERVER, "--concurrency", "1", "--burstiness", "0.5"], "`burstiness` (open)"),
        ([*SERVER, "--api", "openai-chat"], "did you mean openai_chat?"),
        ([*SERVER, "--goodput", "ttft=500"], "write NAME:MILLISECONDS"),
        ([*SERVER, "--goodput", "ttf:500"], "did you mean ttft?"),
        ([*SERVER, "--goodput", "ttft:500", "--no-stream"], "needs a streamed answer"),
        ([*SERVER, "--percentiles", "50,x"], "numbers between 0 and 100"),
        ([*SERVER, "--percentiles", "100"], "between 0 and 100"),
        ([*SERVER, "--header", "nonsense"], "write NAME: VALUE"),
        ([*SERVER, "--extra-body", "{"], "--extra-body: no JSON"),
        ([*SERVER, "--extra-body", "[]"], "write a JSON object"),
        ([*SERVER, "--dataset", "nowhere.json"], "nowhere.json"),
        ([*SERVER, "--prompts", "suit"], "did you mean suite?"),
        ([*SERVER, "--trace", "t.csv", "--dataset", "d.json"], "--trace: its prompts are made up; leave out --dataset"),
        ([*SERVER, "--trace", "t.csv", "--input-len", "8"], "--input-len and --output-len are for synthetic prompts"),
        ([*SERVER, "--trace", "t.csv", "--trace-speed", "fast"], "'fast' is no speed"),
        ([*SERVER, "--trace-speed", "2x"], "--trace-speed: needs --trace"),
        ([*SERVER, "--trace", "t.csv", "--trace-speed", "2x", "--qps", "3"], "none of --concurrency, --qps"),
        ([*SERVER, "--turns", "3", "--prompts", "suite"], "--turns: sessions are made up"),
        ([*SERVER, "--turns", "many"], "--turns"),
        ([*SERVER, "--turns", "8..2"], "`min` 8 is above `max` 2"),
        ([*SERVER, "--turns", "3", "--mode", "sequential"], "has no meaning for sessions"),
        ([*SERVER, "--qps", "1", "--think-time", "1s"], "`think_time` (closed)"),
        ([*SERVER, "--solo-first"], "needs two targets at least"),
        ([*SERVER, "--output", "no/such/dir/r.json"], "the directory no/such/dir does not exist"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--config", "two.yaml", "--scenario", "c"], "--scenario c: there is none of that name; known are a, b"),
        (["--config", "two.yaml", "--target", "y"], "--target y: there is none of that name; known are x"),
        (["--config", "two.yaml", "--concurrency", "5"], "--concurrency"),
        (["--config", "two.yaml", "--goodput", "ttft:1"], "--goodput"),
        (["--config", "two.yaml", "--api-key", "K"], "--api-key"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_remedy(arguments: list[str], said: str) -> None:
    Path("two.yaml").write_text(
        "target: {url: 'http://127.0.0.1:1'}\nscenarios: {a: {load: 1/s, duration: 1s}, b: {load: 1/s, duration: 1s}}\n"
        .replace("target: {", "targets: {x: {").replace("1'}\n", "1'}}\n")
    )  # fmt: skip
    done = swelld("run", *arguments)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("state", "good", "flags", "code"),
    [
        ("completed", True, [], 0),
        ("completed", True, ["--fail-on-slo"], 0),
        ("completed", False, [], 0),
        ("completed", False, ["--fail-on-slo"], 1),
        ("cancelled", True, [], 0),
        ("failed", True, [], 1),  # its figures are not those of what was asked for
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, state: Any, good: bool, flags: list[str], code: int) -> None:
    goodput = sample_results.goodput(100 if good else 10, 100)
    found = sample_results.result([sample_results.stage(goodput=goodput)])
    run = msgspec.structs.replace(found.run, state=state)

    async def run_scenarios(*_: Any) -> list[Finished]:
        return [Finished(msgspec.structs.replace(found, run=run), None)]

    monkeypatch.setattr(once, "run_scenarios", run_scenarios)
    monkeypatch.setattr(commands, "configure_plain", lambda _: None)
    done = swelld("run", *SERVER, "--preset", "quick", *flags)
    assert done.exit_code == code, done.output


def test_check_prints_what_it_comes_to_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("c.yaml").write_text("target: {url: 'http://x:1', api_key: sk-1}\nscenario: {load: 5/s, duration: 1m}\n")
    monkeypatch.setenv("SWELLD_SEED", "3")
    done = swelld("check", "c.yaml")
    assert done.exit_code == 0
    assert "sk-1" not in done.output
    assert "***" in done.output
    assert "seed: 3" in done.output
    assert "5/s" in done.output


def test_check_tells_everything_that_is_wrong() -> None:
    bad = ROOT / "tests/testdata/config/bad/several_at_once.yaml"
    done = swelld("check", str(bad))
    assert done.exit_code == 2
    assert done.output.count(f"{bad}:") >= 2


def test_check_of_nothing() -> None:
    done = swelld("check")
    assert done.exit_code == 2
    assert "targets" in done.output


def test_info_says_what_there_is() -> None:
    done = swelld("info")
    assert done.exit_code == 0
    for word in ("openai_chat, openai_completions, llamacpp", "closed, open, sequential", "uvloop", "open files"):
        assert word in done.output


def test_help_names_every_command_and_flag() -> None:
    assert {"run", "daemon", "check", "sim", "demo", "info"} <= set(swelld("--help").output.split())
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", "--help"]).output
    flags = {f"--{name.replace('_', '-')}" for name in Flags.__dataclass_fields__}
    renamed = {"--targets", "--headers", "--results"}
    assert not [flag for flag in flags - renamed if flag not in shown]


def test_sim_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    done = swelld("sim", "--help")
    assert done.exit_code == 0
    said = done.output + capsys.readouterr().out
    assert said.startswith("usage: swelld sim [-h]")
    assert "--ttft" in said


def test_the_schema_in_the_docs_is_json() -> None:
    assert json.loads((ROOT / "docs/result.schema.json").read_text())["title"]


def test_the_version() -> None:
    import swelld as package

    done = swelld("--version")
    assert (done.exit_code, done.output) == (0, f"swelld {package.__version__}\n")


def test_check_warns_of_a_secret_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "swelld.yaml"
    file.write_text("targets: {a: {url: 'http://a', api_key: {env: NO_SUCH_KEY}}}\n")
    done = swelld("check", str(file))
    assert done.exit_code == 0
    assert done.stderr == (
        "swelld: warning: targets.a.api_key: the environment variable NO_SUCH_KEY is not set; put it there, or name "
        "another place: {env: NAME} or {file: PATH}\n"
    )
    assert "env: NO_SUCH_KEY" in done.stdout


@pytest.mark.parametrize("command", [["run", "--config"], ["daemon"]])
def test_nothing_begins_without_a_secret(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "swelld.yaml"
    file.write_text(
        "targets: {a: {url: 'http://127.0.0.1:1', api_key: {env: NO_SUCH_KEY}}}\n"
        "scenarios: {s: {load: {iterations: 1}, targets: a}}\nweb: {listen: '127.0.0.1:0'}\n"
    )
    done = swelld(*command, str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("swelld: targets.a.api_key: the environment variable NO_SUCH_KEY is not set; ")


def test_a_tokenizer_that_is_none_is_refused_by_its_flag() -> None:
    done = swelld("run", *SERVER, "--tokenizer", "nope")
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "swelld: --tokenizer: 'nope' is neither a file nor one of the encodings cl100k_base, "
    )
