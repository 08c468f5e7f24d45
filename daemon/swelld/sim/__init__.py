"""A simulated LLM server that knows the truth about its own timing; it shares no code with what measures it."""

from swelld.sim.batch import Capacity, capacity
from swelld.sim.options import Fault, SimOptions
from swelld.sim.process import simulated
from swelld.sim.server import SimServer, run, serve

__all__ = ["Capacity", "Fault", "SimOptions", "SimServer", "capacity", "run", "serve", "simulated"]
