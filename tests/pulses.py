"""Pulses made by hand."""

from typing import Any

from swelld.engine.plan import Pulse


def pulse(shard: int = 0, *, begun: int = 0, in_flight: int = 0, connections: int = 0, **known: Any) -> Pulse:
    """One of a shard with one target that has nothing to tell but what is `known`."""
    plain: dict[str, Any] = {
        "measurements": [],
        "begun": [begun],
        "in_flight": [in_flight],
        "connections": [connections],
        "waiting": 0,
        "largest_batch": 0,
        "cpu_seconds": 0.0,
        "loop_lag": [],
    }
    return Pulse(shard=shard, **{**plain, **known})
