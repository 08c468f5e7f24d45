"""What load processes spend is counted once, however many runs are in them."""

from pulses import pulse
from swelld.hub import instrument
from swelld.hub.instrument import Instrument
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry


class Watched:
    """An instrument and what it left in its registry."""

    def __init__(self) -> None:
        self._registry = Registry()
        self.instrument = Instrument(self._registry)

    def pulse(self, process: int, cpu: float, ticks: int, lags: list[float], shard: int = 0) -> None:
        self.instrument.take(pulse(shard, cpu_seconds=cpu, loop_lag=lags, ticks=ticks, process=process))

    def cpu(self, shard: str = "0") -> float:
        return round(self._registry.counter(names.SHARD_CPU).labels(shard).value, 6)

    def lags(self, shard: str = "0") -> tuple[int, float]:
        found = self._registry.histogram(names.EVENT_LOOP_LAG).labels(shard)
        return found.count, round(found.sum, 6)


def test_two_runs_of_one_process_tell_of_the_same() -> None:
    seen = Watched()
    seen.pulse(7, 1.0, 0, [0.001, 0.002])
    seen.pulse(7, 1.1, 1, [0.002, 0.003])  # another run, whose pulses come in between
    seen.pulse(7, 1.2, 2, [0.003, 0.004])
    assert (seen.cpu(), seen.lags()) == (1.2, (4, 0.01))


def test_a_pulse_that_comes_late_takes_nothing_back() -> None:
    seen = Watched()
    seen.pulse(7, 2.0, 0, [0.001] * 5)
    seen.pulse(7, 1.5, 0, [0.001] * 3)
    seen.pulse(7, 2.5, 5, [0.001])
    assert (seen.cpu(), seen.lags()) == (2.5, (6, 0.006))


def test_a_replacement_begins_anew_and_another_shard_is_another() -> None:
    seen = Watched()
    seen.pulse(7, 2.0, 0, [0.001] * 5)
    seen.pulse(8, 0.5, 0, [0.002])
    seen.pulse(9, 4.0, 0, [], shard=1)
    assert (seen.cpu(), seen.lags()[0], seen.cpu("1")) == (2.5, 6, 4.0)


def test_of_many_processes_only_the_latest_are_remembered() -> None:
    seen = Watched()
    for process in range(2 * instrument.MOST_PROCESSES):
        seen.pulse(process, 1.0, 0, [])
    assert len(seen.instrument._known) == instrument.MOST_PROCESSES
    seen.pulse(2 * instrument.MOST_PROCESSES - 1, 1.5, 0, [])
    assert seen.cpu() == 2 * instrument.MOST_PROCESSES + 0.5
