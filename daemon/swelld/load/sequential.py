"""One request at a time, every prompt several times in a row."""

from typing import Annotated

from pydantic import Field

from swelld.config import Config
from swelld.load.bounds import Bounds
from swelld.load.stage import ClosedStage, Stage


class Sequential(Config):
    """One request at a time, every prompt `iterations` times in a row."""

    iterations: Annotated[int, Field(gt=0)]
    """How often each prompt is asked; the stage ends after the last prompt of the set, or by the scenario's bounds."""

    def levels(self) -> list[str]:
        """The label of the only stage."""
        return ["sequential"]

    def stages(self, bounds: Bounds) -> list[Stage]:
        """One stage; ValueError if neither the prompt set nor the scenario has an end."""
        common = bounds.common()
        if common["requests"] is None and bounds.prompts is not None:
            common["requests"] = self.iterations * bounds.prompts
        if common["requests"] is None and common["duration"] is None:
            raise ValueError("`iterations` needs a finite set of prompts, or `requests`, or `duration`")
        return [ClosedStage(label="sequential", users=1, repeat=self.iterations, **common)]
