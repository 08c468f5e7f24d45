"""What a GPU used within a window, from looks at it."""

import pytest

from swelld.hub.gpu import MOST_LOOKS, History
from swelld_exporters.nvml.reading import Gpu


def gpu(energy: float | None = None, utilization: float | None = None, memory: int | None = None) -> Gpu:
    return Gpu(
        index="0",
        uuid="GPU-0",
        name="Fake",
        pci_bus_id="",
        driver="",
        energy=energy,
        utilization=utilization,
        memory_used=memory,
        clocks={},
        pcie={},
        throttled={},
        ecc={},
    )


def test_energy_is_read_between_the_looks() -> None:
    history = History()
    for moment in range(11):
        history.add(float(moment), gpu(1000.0 + 300 * moment, 0.5, 100 * moment))
    joules, busy, memory = history.used([(2.25, 7.5)])
    assert joules == pytest.approx(300 * 5.25)
    assert busy == pytest.approx(0.5 * 5.25)
    assert memory == 800  # of the look after the end: it may have been reached inside


def test_windows_add_up_and_what_lies_between_them_does_not_count() -> None:
    history = History()
    for moment, joules in enumerate((0.0, 100.0, 10_000.0, 10_100.0)):
        history.add(float(moment), gpu(joules, 1.0, 7))
    assert history.used([(0.0, 1.0), (2.0, 3.0)]) == (200.0, 2.0, 7.0)


@pytest.mark.parametrize("window", [(-1.0, 2.0), (2.0, 11.0)])
def test_a_window_that_the_looks_do_not_reach_over_is_unknown(window: tuple[float, float]) -> None:
    history = History()
    for moment in range(11):
        history.add(float(moment), gpu(300.0 * moment, 0.5, 1))
    assert history.used([window]) == (None, None, None)


def test_a_gpu_that_was_lost_inside_the_window_is_unknown_and_known_afterwards() -> None:
    history = History()
    for moment in range(12):
        history.add(float(moment), None if moment == 4 else gpu(300.0 * moment, 0.5, 9))
    assert history.used([(2.0, 6.0)]) == (None, None, None)
    assert history.used([(6.0, 10.0)]) == (1200.0, 2.0, 9.0)


def test_a_meter_that_starts_again_leaves_the_energy_unknown() -> None:
    history = History()
    for moment, joules in enumerate((900.0, 1000.0, 10.0, 110.0, 210.0)):
        history.add(float(moment), gpu(joules, 0.5, 9))
    assert history.used([(0.5, 2.5)])[0] is None
    assert history.used([(3.0, 4.0)]) == (100.0, 0.5, 9.0)


def test_what_a_gpu_does_not_say_is_unknown_alone() -> None:
    history = History()
    for moment in range(4):
        history.add(float(moment), gpu(None, None, 9))
    assert history.used([(1.0, 2.0)]) == (None, None, 9.0)


def test_a_long_run_is_thinned_out_and_stays_right() -> None:
    history = History()
    for moment in range(3 * MOST_LOOKS):
        history.add(float(moment), gpu(300.0 * moment, 0.25, 50 if moment == 1001 else 5))
    assert len(history._looks) <= MOST_LOOKS
    joules, busy, memory = history.used([(1000.0, 21000.0)])
    assert joules == pytest.approx(300 * 20000)
    assert busy == pytest.approx(0.25 * 20000)
    assert memory == 50
