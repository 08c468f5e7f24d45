"""The real llama.cpp server, from the xllamacpp wheel, as a process of its own: for tests, or by hand as a script."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import tiny_model

START_SECONDS = 60.0
HTTP_THREADS = 128
"""One is busy with each open request, waiting ones included: beyond it even /health has to wait."""


@dataclass(frozen=True)
class LlamaCpp:
    """A running server with the tiny chain model; `words` are its answer in a chat, token by token."""

    url: str
    slots: int
    context: int
    """Tokens that one slot holds."""
    process: "subprocess.Popen[bytes]"
    words: tuple[str, ...] = tiny_model.CHAT_WORDS
    model: str = "tiny"

    def get(self, path: str) -> bytes:
        """The body of one of its pages."""
        with urllib.request.urlopen(self.url + path, timeout=START_SECONDS) as response:
            body: bytes = response.read()
        return body

    def metrics(self) -> dict[str, float]:
        """Its own counters, by their names without `llamacpp:`."""
        lines = self.get("/metrics").decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name.removeprefix("llamacpp:"): float(value) for name, value in samples}


def require() -> None:
    """Skip the test where the server's packages are missing; under CI=true that is a failure."""
    try:
        import gguf  # noqa: F401
        import xllamacpp  # noqa: F401
    except ImportError as error:
        reason = f"no real llama.cpp server: {error}; install the test extra: pip install -e '.[test]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def running(model: Path, *, slots: int = 4, context: int = 2048, log: Path | None = None) -> Iterator[LlamaCpp]:
    """A server on a free port of the loopback, healthy when this is entered and ended when it is left.

    `context` is the number of tokens for each slot. The server ends with its parent, whatever becomes of that: it reads
    a pipe that nobody ever writes to.
    """
    command = [sys.executable, __file__, str(model), "--slots", str(slots), "--context", str(context)]
    with (log or Path(os.devnull)).open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    try:
        url = _announced_url(process, log)
        server = LlamaCpp(url, slots, context, process)
        _wait_until_healthy(server)
        yield server
    finally:
        _stop(process)


def _announced_url(process: "subprocess.Popen[bytes]", log: Path | None) -> str:
    assert process.stdout is not None
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline().decode().strip()
    finally:
        watchdog.cancel()
    if not line:
        said = (
            log.read_text(errors="replace")[-2000:] if log else "run tests/llamacpp_server.py MODEL by hand to see why"
        )
        raise RuntimeError(f"the llama.cpp server ended with code {process.wait()} before it listened: {said}")
    return line


def _wait_until_healthy(server: LlamaCpp) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if json.loads(server.get("/health"))["status"] == "ok":
                return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # it keeps nothing that would have to be saved
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def _serve(model: str, slots: int, context: int) -> None:
    """Run the server in this process until its standard input ends."""
    import xllamacpp

    threading.Thread(target=_exit_with_parent, daemon=True).start()
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {"tiny"}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = slots
    settings.n_ctx = slots * context
    settings.kv_unified = False
    settings.n_threads_http = HTTP_THREADS
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.endpoint_metrics = settings.endpoint_slots = True
    settings.ui = False
    settings.offline = True
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    threading.Event().wait()


def _exit_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # the server's threads do not end by themselves


if __name__ == "__main__":
    import argparse

    arguments = argparse.ArgumentParser(description="Serve the tiny chain model until standard input ends.")
    arguments.add_argument("model", help="path of the GGUF file")
    arguments.add_argument("--slots", type=int, default=4)
    arguments.add_argument("--context", type=int, default=2048, help="tokens for each slot")
    chosen = arguments.parse_args()
    _serve(chosen.model, chosen.slots, chosen.context)
