"""One scripted simulator in a process of its own for a module's tests, its ledger empty before each."""

from collections.abc import Iterator

import pytest

from sim_client import ask
from swelld.sim import SimOptions, simulated


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.002, tokens=6, model="sim-model")) as url:
        yield url


@pytest.fixture
def sim(process: str) -> str:
    ask(process, "/sim/reset")
    return process
