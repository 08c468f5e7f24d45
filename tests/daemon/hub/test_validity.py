"""The rule by which the instrument itself is held to have been the bottleneck."""

import numpy as np
import pytest

from pulses import pulse
from swelld.distribution import Distribution
from swelld.hub.validity import Watch
from swelld.result import Validity


def of(*values: float) -> Distribution:
    found = Distribution()
    found.update(np.array(values))
    return found


def verdict(watch: Watch, lag: Distribution | None = None, connect: Distribution | None = None) -> Validity:
    return watch.verdict(lag or of(), connect or of(), None, None)


def test_a_window_is_saturated_where_the_loop_is_late_in_its_median() -> None:
    watch = Watch()
    assert not watch.pulse(pulse(loop_lag=[0.0005, 0.0019, 0.5]), 10.0, 0.0)
    assert watch.pulse(pulse(loop_lag=[0.0005, 0.0021, 0.0022]), 10.2, 0.0)
    assert watch.warning == "the load process is 2.1 ms late: figures show it, not the server"
    assert (watch.windows, watch.saturated_windows) == (2, 1)
    found = verdict(watch)
    assert not found.valid
    assert found.reasons == [
        "the load process was the bottleneck in 1 of 2 windows of 0.2 s: use more shards, more cores or less load"
    ]
    assert (found.event_loop_lag.count, found.event_loop_lag.max) == (6, 0.5)


def test_one_window_in_twenty_may_be_saturated() -> None:
    watch = Watch()
    for number in range(20):
        watch.pulse(pulse(loop_lag=[0.01 if number == 3 else 0.0001]), 10.0 + number, 0.0)
    assert (verdict(watch).valid, verdict(watch).saturated_windows) == (True, 1)


def test_a_window_is_saturated_where_the_process_needs_nearly_all_of_a_core() -> None:
    watch = Watch()
    assert not watch.pulse(pulse(cpu_seconds=5.0, moment=100.0), 100.0, 0.0)  # of what was before nothing is known
    assert not watch.pulse(pulse(cpu_seconds=5.17, moment=100.2), 100.2, 0.0)
    assert watch.pulse(pulse(cpu_seconds=5.36, moment=100.4), 100.4, 0.0)
    assert verdict(watch).cpu_share == pytest.approx(0.95)


def test_pulses_that_waited_for_the_hub_are_judged_by_the_shards_own_clock() -> None:
    watch = Watch()
    for number in range(6):  # all of them are taken within some milliseconds
        said = pulse(cpu_seconds=0.06 * number, moment=100.0 + 0.2 * number)
        assert not watch.pulse(said, 101.0 + 0.001 * number, 0.0)
    assert verdict(watch).cpu_share == pytest.approx(0.3)


def test_a_pulse_close_on_another_tells_nothing_of_the_share_and_is_added_to_the_next() -> None:
    watch = Watch()
    for cpu, moment in ((0.0, 100.0), (0.1, 100.2), (0.102, 100.202), (0.2, 100.4)):
        assert not watch.pulse(pulse(cpu_seconds=cpu, moment=moment), moment, 0.0)
    assert verdict(watch).cpu_share == pytest.approx(0.5)


def test_shards_are_judged_each_by_itself() -> None:
    watch = Watch()
    for number in range(3):
        moment = 100.0 + 0.2 * number
        assert not watch.pulse(pulse(0, cpu_seconds=0.1 * number, moment=moment), moment, 0.0)
        assert not watch.pulse(pulse(1, cpu_seconds=7.0 + 0.1 * number, moment=moment), moment, 0.0)
    watch.died(1, "signal 9", 3)
    assert not watch.pulse(pulse(1, cpu_seconds=0.2, moment=100.6), 100.6, 0.0)  # its successor
    found = verdict(watch)
    assert found.cpu_share == pytest.approx(0.5)
    assert found.reasons == ["load process 1 died (signal 9) and was replaced; 3 requests under way were lost"]


def test_what_the_containers_quota_stops_is_counted_once_however_many_shards_there_are() -> None:
    watch = Watch()
    saturated = []
    for number in range(4):
        for shard in range(3):
            moment = 100.0 + 0.2 * number + 0.01 * shard
            saturated.append(watch.pulse(pulse(shard, moment=moment), moment, 8.0 + 0.05 * number))
    assert verdict(watch).throttled_seconds == pytest.approx(0.15)
    assert saturated == [False] * 3 + [True] * 9
    assert watch.warning == "the container's CPU quota stops swelld 25% of the time: raise its CPU limit"


def test_a_little_throttling_is_no_bottleneck() -> None:
    watch = Watch()
    for number in range(4):
        assert not watch.pulse(pulse(moment=100.0 + 0.2 * number), 100.0 + 0.2 * number, 0.015 * number)
    assert verdict(watch).valid
    assert verdict(watch).throttled_seconds == pytest.approx(0.045)


def test_requests_may_be_late_by_as_much_as_connecting_took() -> None:
    watch = Watch()
    assert verdict(watch, of(0.005), of()).valid
    assert verdict(watch, of(0.040), of(0.035)).valid
    late = verdict(watch, of(0.040), of(0.020))
    assert late.reasons == ["requests left late: p99 of the schedule lag is 40.0 ms"]


def test_what_waited_or_was_lost_is_told() -> None:
    watch = Watch()
    watch.pulse(pulse(waiting=3, lost=2, largest_batch=5), 10.0, 0.0)
    watch.pulse(pulse(waiting=1, lost=1, largest_batch=7), 10.2, 0.0)
    found = verdict(watch)
    assert found.reasons == [
        "3 measurements were lost: swelld could not take them as fast as they came",
        "up to 3 requests waited for a connection: raise the target's `connections`",
    ]
    assert found.largest_read_batch == 7


def test_without_a_pulse_nothing_is_known_and_nothing_is_wrong() -> None:
    found = verdict(Watch())
    assert (found.valid, found.cpu_share, found.windows) == (True, None, 0)
    assert found.event_loop_lag.count == 0
