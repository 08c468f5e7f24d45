"""Starting the shards of runs: inside the hub's event loop, in processes of their own, or in those of a fleet."""

from swelld.engine.crew import Crew
from swelld.engine.fleet import Fleet, available_cores, crew

__all__ = ["Crew", "Fleet", "available_cores", "crew"]
