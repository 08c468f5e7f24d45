"""GPUs as users see them: `swelld gpu`, the result of a run, /metrics; with the real nvidia-ml-py on a fake driver."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

import fake_nvml
from command import started, swelld
from fake_nvml import FakeNvml
from swelld.sim import SimOptions, simulated

ROOT = Path(__file__).parents[3]
LOAD = ("--concurrency", "2", "--duration", "3s", "--input-len", "32", "--output-len", "8", "--shards", "1")


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.01, itl=0.005, tokens=8)) as url:
        yield url


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeNvml:
    return fake_nvml.build(tmp_path_factory.mktemp("nvml"))


def test_the_table_of_the_gpus(fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer("0 power 412300", "0 memory_used 61440", "1 utilization !3", "1 temperature 83", "1 throttle 1")
    done = swelld("gpu", cwd=tmp_path, env={**fake.environment, "COLUMNS": "300"})
    assert (done.code, done.err) == (0, "")
    head, _, *rows = done.out.splitlines()
    assert head.split()[:3] == ["gpu", "name", "used"]
    cells = [row.split() for row in rows]
    assert cells[0][:11] == ["0", "Fake", "H200", "60.0", "78.1", "40%", "20%", "55", "412", "700", "1,980"]
    assert cells[0][-2:] == ["sw_power_cap", "GPU-0"]
    assert cells[1][:11] == ["1", "Fake", "H200", "1.0", "78.1", "-", "-", "83", "300", "700", "1,980"]
    assert cells[1][-2:] == ["-", "GPU-1"]


def test_no_driver_is_said_with_what_to_do(fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer("-1 init !9")
    done = swelld("gpu", cwd=tmp_path, env=fake.environment)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("swelld: no GPU: the NVIDIA driver does not answer (Driver Not Loaded): load the ")


def test_a_run_says_what_its_gpus_used(sim: str, fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer("0 power 300000", "1 power 100000", "1 utilization 80", "1 memory_used 2000")
    done = swelld("run", "--server", sim, *LOAD, "--output", "result.json", cwd=tmp_path, env=fake.environment)
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "result.json").read_bytes())
    jsonschema.validate(result, json.loads((ROOT / "docs/result.schema.json").read_bytes()))
    use, (stage,) = result["gpu"], result["stages"]
    seconds = stage["window_seconds"]
    assert use["window_seconds"] == pytest.approx(seconds)
    assert [(one["gpu"], one["uuid"], one["name"]) for one in use["gpus"]] == [
        ("0", "GPU-0", "Fake H200"),
        ("1", "GPU-1", "Fake H200"),
    ]
    assert [one["mean_power_watts"] for one in use["gpus"]] == pytest.approx([300, 100], rel=0.01)  # its meter runs
    assert [one["mean_utilization"] for one in use["gpus"]] == pytest.approx([0.4, 0.8])
    assert [one["max_memory_bytes"] for one in use["gpus"]] == [1000 * 2**20, 2000 * 2**20]
    assert use["energy_joules"] == pytest.approx(400 * seconds, rel=0.01)
    assert use["joules_per_output_token"] == pytest.approx(400 / stage["output_token_rate"], rel=0.01)
    assert use["tokens_per_second_per_watt"] == pytest.approx(stage["output_token_rate"] / 400, rel=0.01)
    assert "GPU 1 Fake H200: 100 W · 80.0% busy · 2.0 GiB at most" in done.out
    assert "J per output token" in done.out


def test_a_gpu_that_is_lost_in_mid_run_leaves_the_rest_known(sim: str, fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer()
    arguments = ("run", "--server", sim, *LOAD, "--output", "result.json")
    with started(*arguments, cwd=tmp_path, env=fake.environment) as process:
        assert wait_for(tmp_path / "results", "requests.jsonl")
        fake.answer("1 state !15")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "GPU 1 (GPU-1) is lost; looking for it again from time to time" in said
    use = json.loads((tmp_path / "result.json").read_bytes())["gpu"]
    whole, lost = use["gpus"]
    assert whole["mean_power_watts"] == pytest.approx(300, rel=0.01)
    assert lost == {
        "gpu": "1",
        "uuid": "GPU-1",
        "name": "Fake H200",
        "energy_joules": None,
        "mean_power_watts": None,
        "mean_utilization": None,
        "max_memory_bytes": None,
    }
    assert (use["energy_joules"], use["joules_per_output_token"], use["tokens_per_second_per_watt"]) == (None,) * 3


def wait_for(folder: Path, name: str) -> bool:
    """Until a file of that name has something in it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(file.stat().st_size for file in folder.glob(f"*/{name}")):
            return True
        time.sleep(0.05)
    return False


def test_without_gpus_a_run_says_nothing_of_them(sim: str, tmp_path: Path) -> None:
    arguments = ("--num-prompts", "4", "--concurrency", "2", "--output", "result.json")
    done = swelld("run", "--server", sim, *arguments, cwd=tmp_path, env={"SWELLD_EXPORTERS__NVML__ENABLED": "false"})
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "result.json").read_bytes())["gpu"] is None
    assert "GPU" not in done.out + done.err


def test_gpus_that_are_wanted_and_not_there_are_worth_a_warning(sim: str, fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer("-1 init !9")
    arguments = ("run", "--server", sim, "--num-prompts", "4", "--concurrency", "2", "--output", "result.json")
    for wanted, warnings in (("true", 1), ("auto", 0)):
        (tmp_path / wanted).mkdir()
        env = {**fake.environment, "SWELLD_EXPORTERS__NVML__ENABLED": wanted}
        done = swelld(*arguments, cwd=tmp_path / wanted, env=env)
        assert done.code == 0, done.err
        assert done.err.count("WARNING no GPU metrics: the NVIDIA driver does not answer") == warnings
        assert json.loads((tmp_path / wanted / "result.json").read_bytes())["gpu"] is None


def test_the_daemon_shows_them_and_outlives_a_driver_that_hangs(sim: str, fake: FakeNvml, tmp_path: Path) -> None:
    fake.answer("0 power 123000", "-1 count 1")
    env = {
        **fake.environment,
        "SWELLD_TARGETS__A__URL": sim,
        "SWELLD_WEB__LISTEN": "127.0.0.1:0",
        "SWELLD_EXPORTERS__NVML__INTERVAL": "50ms",
    }
    with started("daemon", cwd=tmp_path, env=env) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        assert 'swelld_gpu_power_watts{gpu="0",uuid="GPU-0"} 123\n' in until(url, "swelld_gpu_power_watts")
        fake.answer("-1 count 1", "0 hang 1")  # the next call never comes back
        time.sleep(0.2)
        until(url, "swelld_gpu_power_watts")  # the event loop does not notice
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            pytest.fail("a thread that hangs in the driver kept the daemon from ending")
    assert process.returncode == 0


def until(url: str, word: str) -> str:
    """The page of metrics, once it holds a word."""
    deadline = time.monotonic() + 30
    page = ""
    while word not in page:
        assert time.monotonic() < deadline, page
        with urllib.request.urlopen(url, timeout=10) as answer:
            page = answer.read().decode()
        time.sleep(0.05)
    return page
