"""`swelld run` as a user types it: what it asks, says, writes and leaves behind."""

import asyncio
import contextlib
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from command import COMMAND, Done, environment, in_session, kill_session, started, swelld
from raw_server import RawServer, read_request
from sim_client import ask, truth
from swelld.sim import SimOptions, simulated

ROOT = Path(__file__).parents[3]
CONVERSATIONS = ROOT / "tests/testdata/prompts/conversations.json"


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=6)) as url:
        yield url


@pytest.fixture
def sim(process: str) -> str:
    ask(process, "/sim/reset")
    return process


def kept(cwd: Path) -> Path:
    """The one directory below results/."""
    (directory,) = (cwd / "results").iterdir()
    return directory


def result_in(path: Path) -> dict[str, Any]:
    """A result, checked against the published schema."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    jsonschema.validate(document, json.loads((ROOT / "docs/result.schema.json").read_bytes()))
    return document


def fine(done: Done) -> str:
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    return done.out


def test_flags_alone(sim: str, tmp_path: Path) -> None:
    load = ["--concurrency", "1,3", "--num-prompts", "10", "--input-len", "64", "--output-len", "8"]
    goals = ["--stream", "--goodput", "ttft:500,tpot:50,e2e:0.001", "--output", "result.json"]
    done = swelld("run", "--server", sim, "--model", "m", "--api", "openai_chat", *load, *goals, cwd=tmp_path)
    out = fine(done)
    assert re.search(r"concurrency=1 +m", out)
    assert "Goodput: 0.0% (0/10)" in out
    assert "TTFT <= 500ms: 10/10" in out
    assert "E2E <= 1us: 0/10" in out
    assert "Verdict: FAIL" in out
    assert "Result in result.json" in out
    directory = kept(tmp_path)
    assert sorted(file.name for file in directory.iterdir()) == ["metadata.json", "requests.jsonl", "result.json"]
    result = result_in(directory / "result.json")
    assert result == result_in(tmp_path / "result.json")
    assert [(s["stage"], s["requests"]["ok"], s["tokens"]["output"]) for s in result["stages"]] == [
        ("concurrency=1", 10, 80),
        ("concurrency=3", 10, 80),
    ]
    assert result["run"]["state"] == "completed"
    metadata = json.loads((directory / "metadata.json").read_bytes())
    assert metadata["command"][1:4] == ["run", "--server", sim]
    assert len((directory / "requests.jsonl").read_bytes().splitlines()) == 20
    assert truth(sim)["requests"]["completed"] == 20
    # without a terminal a line of progress at once and then one every ten seconds; and nothing else
    assert re.fullmatch(
        r"\ds run concurrency=(1 1|3 2)/2: \d+%, \d+/20 requests, [13] users, .* errors(, \d+s left)?\n", done.err
    )


def test_rates_and_a_dataset(sim: str, tmp_path: Path) -> None:
    load = ["--dataset", str(CONVERSATIONS), "--qps", "10,20", "--duration", "1", "--percentiles", "50,75"]
    asked = ["--max-tokens", "4", "--temperature", "0.7", "--api-key", "sk-very-secret"]
    out = fine(swelld("run", "--server", sim + "/v1", "--model", "m", *asked, *load, cwd=tmp_path))
    assert re.search(r"p50 +p75 +max", out)
    result = result_in(kept(tmp_path) / "result.json")
    assert [(s["stage"], s["requests"]["ok"], s["tokens"]["output"]) for s in result["stages"]] == [
        ("rate=10", 10, 40),
        ("rate=20", 20, 80),
    ]
    assert "p75" in result["stages"][0]["ttft"]["quantiles"]
    lines = [json.loads(line) for line in (kept(tmp_path) / "requests.jsonl").read_bytes().splitlines()]
    assert len({line["prompt"] for line in lines}) == 3
    written = b"".join(file.read_bytes() for file in kept(tmp_path).iterdir())
    assert b"sk-very-secret" not in written
    assert "sk-very-secret" not in out


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_any_way_to_write_the_url(sim: str, tmp_path: Path, path: str) -> None:
    load = ["--concurrency", "1", "--num-prompts", "2", "--no-save", "--shards", "inline"]
    assert "2/2 ok" in fine(swelld("run", "--server", sim + path, "--model", "m", *load, cwd=tmp_path))
    assert truth(sim)["requests"]["by_status"] == {"200": 2}
    assert not list(tmp_path.iterdir())


def test_several_targets_side_by_side(sim: str, tmp_path: Path) -> None:
    targets = ["--target", f"chat={sim},model=a", "--target", f"native={sim},model=b,api=llamacpp"]
    load = ["--mode", "sequential", "--iterations", "10", "--num-prompts", "20"]
    fine(swelld("run", *targets, *load, cwd=tmp_path))
    lines = [json.loads(line) for line in (kept(tmp_path) / "requests.jsonl").read_bytes().splitlines()]
    asked = {name: [line["prompt"] for line in lines if line["target"] == name] for name in ("chat", "native")}
    assert asked["chat"] == asked["native"] == ["synthetic-0"] * 10 + ["synthetic-1"] * 10


def test_weighted_targets(sim: str, tmp_path: Path) -> None:
    targets = ["-t", f"a={sim},weight=0.3", "-t", f"b={sim},weight=0.7"]
    fine(swelld("run", *targets, "--concurrency", "4", "--num-prompts", "50", cwd=tmp_path))
    result = result_in(kept(tmp_path) / "result.json")
    shares = {stage["target"]: stage["requests"]["scheduled"] for stage in result["stages"]}
    assert sum(shares.values()) == 50
    assert abs(shares["a"] - 15) <= 2


def test_a_file_of_scenarios(sim: str, tmp_path: Path) -> None:
    config = tmp_path / "swelld.yaml"
    config.write_text(
        f"targets: {{one: {{url: '{sim}', model: m}}, two: {{url: '{sim}', model: n}}}}\n"
        "scenarios:\n"
        "  first: {load: {concurrency: 2}, requests: 4}\n"
        "  second: {load: 20/s, duration: 500ms}\n"
        "  third: {load: 1/s, duration: 1h}\n"
    )
    choice = ["--scenario", "first", "--scenario", "second", "--target", "two"]
    fine(swelld("run", "--config", "swelld.yaml", *choice, "--results-dir", "elsewhere", cwd=tmp_path))
    results = [result_in(directory / "result.json") for directory in sorted((tmp_path / "elsewhere").iterdir())]
    found = Counter((r["run"]["scenario"], s["target"], s["requests"]["ok"]) for r in results for s in r["stages"])
    assert found == {("first", "two", 4): 1, ("second", "two", 10): 1}


def test_the_quick_preset(tmp_path: Path) -> None:
    with simulated(SimOptions(ttft=0.0, itl=0.0)) as url:
        out = fine(swelld("run", "-s", url, "-m", "m", "--preset", "quick", "--output", "r.json", cwd=tmp_path))
    stages = result_in(tmp_path / "r.json")["stages"]
    assert [(s["stage"], s["requests"]["ok"]) for s in stages] == [(f"concurrency={n}", 50) for n in (1, 5, 10)]
    assert {s["tokens"]["output"] for s in stages} == {50 * 64}
    assert "Overview" in out


@pytest.mark.parametrize(("flags", "code"), [(["--fail-on-slo"], 1), ([], 0)])
def test_a_missed_objective(sim: str, tmp_path: Path, flags: list[str], code: int) -> None:
    load = ["--concurrency", "1", "--num-prompts", "3", "--goodput", "ttft:0.001"]
    done = swelld("run", "-s", sim, "-m", "m", *load, *flags, cwd=tmp_path)
    assert done.code == code, done.err
    assert "Goodput: 0.0% (0/3)" in done.out


def test_a_server_that_is_not_there_is_reported(tmp_path: Path) -> None:
    done = swelld("run", "-s", "http://127.0.0.1:1", "-m", "m", "--concurrency", "2", "-n", "6", cwd=tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "swelld: run: no request of 6 was answered; 6 times connect: cannot connect to 127.0.0.1:1: [Errno 111] "
        "Connection refused; is a server up there? Its address comes from --server or targets.NAME.url"
    )
    assert "0/6 ok" in done.out
    assert re.search(r"connect +unreachable +6", done.out)
    assert "FAIL" in done.out


def refused(done: Done) -> str:
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    return done.err


def test_a_result_is_never_overwritten(sim: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("precious")
    load = ["--concurrency", "1", "-n", "1", "--output", "mine.json"]
    said = refused(swelld("run", "-s", sim, "-m", "m", *load, cwd=tmp_path))
    assert "mine.json exists already and is not overwritten" in said
    assert (tmp_path / "mine.json").read_text() == "precious"
    assert truth(sim)["requests"]["started"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


def test_a_result_that_cannot_be_kept_is_told_and_fails(sim: str, tmp_path: Path) -> None:
    """No file of more than 8 KiB may be written, which a result is: like a disk that is full."""
    limits = (8 << 10, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    command = ["run", "--server", sim, "--model", "m", "--concurrency", "1", "-n", "2", "--output-len", "2"]
    with started(*command, cwd=tmp_path) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "2/2 ok" in out
    assert "Not kept: the result could not be written to results/" in out
    assert "File too large" in err
    assert not (kept(tmp_path) / "result.json").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_trouble(sim: str, tmp_path: Path, closed: str) -> None:
    run = " ".join([*COMMAND, "run", "--server", sim, "--model", "m", "--concurrency", "1", "-n", "2"])
    done = subprocess.run(["sh", "-c", f"{run} {closed}"], cwd=tmp_path, env=environment(), check=False)
    assert done.returncode == 0
    assert result_in(kept(tmp_path) / "result.json")["run"]["state"] == "completed"


def test_a_terminal_without_the_letters_gets_others(sim: str, tmp_path: Path) -> None:
    command = ["run", "--server", sim, "--model", "m", "--concurrency", "1", "-n", "2"]
    out = fine(swelld(*command, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"}))
    assert re.search(r"2/2 ok in \S+ m?s \? \S+ req/s", out)


def test_a_broken_dataset_is_named_by_file_and_line(sim: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"prompt": "one"}\n{"prompt": 2}\n')
    said = refused(swelld("run", "-s", sim, "-m", "m", "--dataset", "bad.jsonl", "-n", "2", cwd=tmp_path))
    assert "bad.jsonl" in said
    assert "line 2" in said
    assert truth(sim)["requests"]["started"] == 0


SLOW = ["--extra-body", '{"sim": {"ttft": 1.5, "tokens": 1}}', "--concurrency", "4", "--shards", "1"]


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Ctrl-C: the whole group hears it."""
    os.killpg(process.pid, signal.SIGINT)


def wait_for_requests(process: "subprocess.Popen[str]", url: str, number: int) -> None:
    deadline = time.monotonic() + 20
    while truth(url)["requests"]["started"] < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("bound", [["-n", "1000"], ["-d", "5m"]], ids=["requests", "duration"])
def test_ctrl_c_drains_and_reports(sim: str, tmp_path: Path, bound: list[str]) -> None:
    with started("run", "-s", sim, "-m", "m", *SLOW, *bound, cwd=tmp_path) as process:
        wait_for_requests(process, sim, 4)
        interrupt(process)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "run  cancelled" in out
    result = result_in(kept(tmp_path) / "result.json")
    assert result["run"]["state"] == "cancelled"
    assert result["stages"][0]["outcomes"] == {"ok": 4}
    assert truth(sim)["requests"]["completed"] == 4


def test_a_second_ctrl_c_forces(sim: str, tmp_path: Path) -> None:
    slow = [*SLOW[:1], '{"sim": {"fault": "stall", "after": 0}}', *SLOW[2:]]
    with started("run", "-s", sim, "-m", "m", *slow, "-n", "1000", cwd=tmp_path) as process:
        wait_for_requests(process, sim, 4)
        interrupt(process)
        time.sleep(0.5)
        assert process.poll() is None
        interrupt(process)
        began = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 8
    assert process.returncode == 1
    said = "4 times cancelled: given up by swelld before it was complete"
    assert err.splitlines()[-1] == f"swelld: run: no request of 4 was answered; {said}"
    assert "4 cancelled" in out
    assert result_in(kept(tmp_path) / "result.json")["stages"][0]["outcomes"] == {"cancelled": 4}


def test_on_a_terminal_progress_is_drawn_and_then_the_table(sim: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "run", "-s", sim, "-m", "m", "--qps", "20", "--duration", "2", "--no-save"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment({"TERM": "xterm"}), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = read_terminal(ours)
        assert process.wait(20) == 0
        assert not in_session(process.pid)
    finally:
        kill_session(process.pid)
        process.wait()
        os.close(ours)
    drawn, shown, table = seen.partition("\x1b[?25h")
    assert drawn.startswith("\x1b[?25l")  # the cursor is hidden while it is drawn
    assert shown
    plain = without_codes(drawn)
    assert "━" in plain
    assert "run rate=20" in plain
    assert len(set(re.findall(r"(\d+) requests", plain))) >= 3
    assert re.search(r"\ds left", plain)
    assert "40/40 ok" in without_codes(table)


def without_codes(drawn: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)


def read_terminal(descriptor: int) -> str:
    """Everything until the other side closes."""
    data = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and select.select([descriptor], [], [], 10)[0]:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the last process has closed its side
            break
        if not piece:
            break
        data += piece
    return data.decode()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 6\r\n\r\nno key", "3 times http_4xx: HTTP 401: no key; give"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope", "3 times http_4xx: HTTP 404: nope; check"),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\ndead", "3 times http_5xx: HTTP 500: dead; its own log says"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", "is it a server for LLMs"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is it a server for LLMs"),
    ],
    ids=["401", "404", "500", "html", "garbage"],
)
async def test_a_run_without_any_answer_fails(tmp_path: Path, answer: bytes, said: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await read_request(reader)
                writer.write(answer)
                await writer.drain()

    load = ["--concurrency", "1", "-n", "3", "--no-save", "--shards", "inline"]
    async with RawServer(script) as server:
        done = await asyncio.to_thread(swelld, "run", "-s", server.url, "-m", "m", *load, cwd=tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("swelld: run: no request of 3 was answered; ")
    assert said in done.err.splitlines()[-1]


def test_ctrl_c_before_anything_is_measured_fails(sim: str, tmp_path: Path) -> None:
    slow = ["--extra-body", '{"sim": {"fault": "stall", "after": 0}}', "--concurrency", "1", "--warmup", "1"]
    with started("run", "-s", sim, "-m", "m", *slow, "-n", "2", cwd=tmp_path) as process:
        wait_for_requests(process, sim, 1)
        interrupt(process)
        time.sleep(0.5)
        interrupt(process)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "swelld: run: it ended before anything was measured"


def test_max_tokens_holds_for_prompts_that_ask_for_more(sim: str, tmp_path: Path) -> None:
    load = ["--prompts", "suite", "--max-tokens", "3", "--concurrency", "1", "-n", "4"]
    fine(swelld("run", "-s", sim, "-m", "m", *load, cwd=tmp_path))
    (stage,) = result_in(kept(tmp_path) / "result.json")["stages"]
    assert (stage["requests"]["ok"], stage["tokens"]["output"]) == (4, 12)


def test_a_tokenizer_of_a_file_is_named_by_its_path(sim: str, tmp_path: Path) -> None:
    (tmp_path / "swelld.yaml").write_text(
        f"targets: {{a: {{url: '{sim}', tokenizer: nope}}}}\n"
        "scenarios: {s: {load: {iterations: 1}, requests: 1}}\n"
    )
    done = swelld("run", "--config", "swelld.yaml", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "targets.a.tokenizer: 'nope' is neither a file nor one of the encodings cl100k_base" in done.err
