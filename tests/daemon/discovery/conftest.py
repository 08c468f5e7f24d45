"""A watch whose news are kept."""

from collections.abc import AsyncIterator

import pytest

from watching import Watching


@pytest.fixture
async def watching() -> AsyncIterator[Watching]:
    watching = Watching()
    yield watching
    await watching.watch.aclose()
