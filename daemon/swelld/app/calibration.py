"""The simulator beside a run whose scenario asks for a calibration."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final, Literal

from swelld.components import ADAPTERS
from swelld.engine.calibrator import TOKENS
from swelld.engine.plan import Calibration
from swelld.engine.target import Target
from swelld.hub.spec import RunFailed, Spec
from swelld.sim.options import SimOptions
from swelld.sim.process import simulating

SERVER: Final = SimOptions(model="calibration", ttft=0.02, itl=0.005, tokens=TOKENS)


@contextlib.asynccontextmanager
async def calibrated(spec: Spec, when: Literal["off", "before", "beside"]) -> AsyncIterator[Spec]:
    """The run, with a simulator of its own for as long as the block lasts unless `when` is off."""
    if when == "off":
        yield spec
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(simulating(SERVER))
        except RuntimeError as error:
            raise RunFailed(f"no calibration: {error}; set `calibration: off` to go without") from None
        calibration = Calibration(
            target=Target(url=url, model=SERVER.model, connections=1024),
            adapter=ADAPTERS["openai_chat"],
            ttft=SERVER.ttft,
            beside=when == "beside",
        )
        yield replace(spec, plan=replace(spec.plan, calibration=calibration))
