"""Fixtures for all tests: the real llama.cpp server. No test is judged by how long it takes."""

import atexit
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import hypothesis
import pytest

import llamacpp_server
import tiny_model

hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

atexit.register(gc.freeze)  # as the command does, or the last collection may die of the types of msgspec

logging.getLogger("asyncio").setLevel(logging.ERROR)  # its warnings may be of what an earlier test began

StartLlamaCpp = Callable[..., AbstractContextManager[llamacpp_server.LlamaCpp]]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that ran in this process leaves no stream of its test behind in the log."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = [one for one in root.handlers if one in before]
    root.setLevel(level)


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The path of the tiny chain model with so many layers; each is written once."""
    folder = tmp_path_factory.mktemp("tiny-model")

    def path(layers: int) -> Path:
        file = folder / f"{layers}.gguf"
        if not file.exists():
            tiny_model.write_gguf(file, layers)
        return file

    return path


@pytest.fixture(scope="session")
def start_llamacpp(tiny_gguf: Callable[[int], Path], tmp_path_factory: pytest.TempPathFactory) -> StartLlamaCpp:
    """Starts a llama.cpp server of its own: `with start_llamacpp(layers=1, slots=4, context=2048) as server`."""
    llamacpp_server.require()
    log = tmp_path_factory.mktemp("llamacpp") / "server.log"

    @contextmanager
    def start(*, layers: int = 1, slots: int = 4, context: int = 2048) -> Iterator[llamacpp_server.LlamaCpp]:
        with llamacpp_server.running(tiny_gguf(layers), slots=slots, context=context, log=log) as server:
            yield server

    return start


@pytest.fixture(scope="session")
def llamacpp(start_llamacpp: StartLlamaCpp) -> Iterator[llamacpp_server.LlamaCpp]:
    """The real llama.cpp server with four slots and the tiny chain model, shared by all tests that do not end it."""
    with start_llamacpp() as server:
        yield server
