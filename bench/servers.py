"""Servers that know what they truly did."""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loads import Load
from native import program


@dataclass(frozen=True)
class Server:
    """One that is listening; `kind` is `c` or `sim`."""

    kind: str
    url: str

    def truth(self) -> dict[str, Any]:
        """What happened since the start or the last reset: counts, and distributions in seconds."""
        if self.kind == "c":
            return _get(f"{self.url}/truth")
        page = _get(f"{self.url}/sim/truth")
        counts = page["requests"]
        return {
            "requests": counts["started"],
            "completed": counts["completed"],
            "aborted": counts["aborted_by_client"],
            "tokens": page["tokens"]["output"],
            "streams": counts["running"],
            **{name: page[name] for name in ("ttft", "itl", "lateness")},
        }

    def reset(self) -> None:
        """Forget what happened so far."""
        path = "/truth/reset" if self.kind == "c" else "/sim/reset"
        urllib.request.urlopen(urllib.request.Request(self.url + path, method="POST"), timeout=10).close()


@contextlib.contextmanager
def serving(kind: str, load: Load) -> Iterator[Server]:
    """A fresh server that answers as the load says."""
    if kind == "sim":
        from swelld.sim.options import SimOptions
        from swelld.sim.process import simulated

        with simulated(SimOptions(ttft=load.ttft, itl=load.itl, tokens=load.tokens)) as url:
            yield Server("sim", url)
        return
    command = [
        *(str(program("truth")), "--ttft", str(load.ttft)),
        *("--itl", str(load.itl), "--tokens", str(load.tokens)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Server("c", f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()  # it ends with its standard input
            process.wait(10)


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        page: dict[str, Any] = json.load(answer)
    return page
