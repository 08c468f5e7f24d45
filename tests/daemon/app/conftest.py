"""A simulator for all tests of a module, its ledger empty for each."""

from collections.abc import Iterator

import pytest

from sim_client import ask
from swelld.sim import SimOptions, simulated


@pytest.fixture(scope="module")
def quick_server() -> Iterator[str]:
    """It answers within 10 ms."""
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=6)) as url:
        yield url


@pytest.fixture
def sim(quick_server: str) -> str:
    """Its URL."""
    ask(quick_server, "/sim/reset")
    return quick_server
