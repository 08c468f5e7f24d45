"""Starting and stopping: in a loop of one's own, in a process, from the command line."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from sim_client import CHAT, Peer, ask, chat, encoded
from swelld.sim import SimOptions, serve, simulated
from swelld.sim.__main__ import main
from swelld.sim.process import simulating


def gone(pid: int) -> bool:
    """Whether a process ends within a few seconds (a zombie has)."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def children() -> set[int]:
    """Processes under this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def test_serve_in_this_loop_and_close_under_load() -> None:
    import asyncio

    server = await serve(SimOptions(itl=10.0))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(encoded(CHAT, chat()))
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.truth()["requests"]["running"] == 1
    await server.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", server.port)
    page = server.truth()
    assert (page["requests"]["running"], page["connections"]["open"]) == (0, 0)
    writer.close()


async def test_a_port_in_use_is_an_error_that_leaves_nothing_open() -> None:
    server = await serve(SimOptions())
    with pytest.raises(OSError, match="address already in use"):
        await serve(SimOptions(port=server.port))
    await server.close()


def test_simulated_leaves_nothing_behind() -> None:
    before = children()
    with simulated() as url, Peer(url) as peer:
        assert len(children() - before) == 1
        peer.socket.sendall(encoded(CHAT, chat(sim={"itl": 60})))
        peer.socket.recv(100)
    assert children() == before


def test_simulated_ends_with_its_block_whatever_is_raised() -> None:
    before = children()
    with pytest.raises(KeyError), simulated():
        raise KeyError
    assert children() == before


async def test_simulating_does_the_same_in_an_event_loop() -> None:
    before = children()
    async with simulating(SimOptions(tokens=3, ttft=0.0)) as url:
        assert len(children() - before) == 1
        assert len(ask(url, CHAT, chat()).events) == 6
    assert children() == before
    with pytest.raises(KeyError):
        async with simulating():
            raise KeyError
    assert children() == before


async def test_simulating_says_when_it_cannot_start(capfd: pytest.CaptureFixture[str]) -> None:
    before = children()
    async with simulating() as url:
        with pytest.raises(RuntimeError, match="ended before it was ready"):
            async with simulating(SimOptions(port=int(url.rsplit(":", 1)[1]))):
                pass
    assert "cannot listen" in capfd.readouterr().err
    assert children() == before


def test_the_simulator_does_not_outlive_a_killed_parent() -> None:
    code = (
        "import psutil, time\nfrom swelld.sim import simulated\n"
        "with simulated() as url:\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        simulator = int(parent.stdout.readline())
        parent.kill()
    assert gone(simulator)


def test_simulated_says_when_it_cannot_start(capfd: pytest.CaptureFixture[str]) -> None:
    with simulated() as url:
        second = simulated(SimOptions(port=int(url.rsplit(":", 1)[1])))
        with pytest.raises(RuntimeError, match="ended before it was ready"), second:
            pass
    assert "cannot listen" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_cleanly(number: int) -> None:
    command = [sys.executable, "-m", "swelld.sim", "--tokens", "3", "--ttft", "0", "--prefix-caching", "false"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        assert len(ask(url, CHAT, chat()).events) == 6
        with Peer(url) as peer:
            peer.socket.sendall(encoded(CHAT, chat(sim={"itl": 60})))
            peer.socket.recv(100)
            os.kill(process.pid, number)
            assert process.wait(10) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--ttft", "-1"], ">= 0.0 - at `$.ttft`"),
        (["--mode", "magic"], "'magic'"),
        (["--faults", '{"meteor": {}}'], "'meteor'"),
        (["--options", "{"], "--options takes a JSON object"),
        (["--options", '{"ttf": 1}'], "unknown field `ttf`"),
        (["--mode", "realistic", "--kv-blocks", "1"], "raise kv_blocks"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


def test_help_describes_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    for name in SimOptions.__struct_fields__:
        assert f"--{name.replace('_', '-')} VALUE" in text
