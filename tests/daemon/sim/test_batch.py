"""The simulated batch on a clock of its own: costs, queue, cache, preemption, capacity."""

from collections.abc import Sequence as Series
from itertools import pairwise

import pytest

from swelld.sim.batch import Batch, Sequence, capacity, prefix_hashes
from swelld.sim.kv import BlockPool, Holding
from swelld.sim.options import SimOptions


def options(**changed: object) -> SimOptions:
    """Round figures: a step is 10 ms + 1 ms per sequence + 0.1 ms per prompt token."""
    return SimOptions(
        mode="realistic",
        **{
            "step_base": 0.01,
            "step_per_sequence": 0.001,
            "step_per_prefill_token": 0.0001,
            "max_num_seqs": 4,
            "max_batched_tokens": 100,
            **changed,
        },  # type: ignore[arg-type]
    )


def played(batch: Batch, sequences: Series[Sequence]) -> tuple[float, list[list[float]]]:
    """(seconds until all are over, the moments of each one's tokens), all of them there from the start."""
    for sequence in sequences:
        batch.add(sequence)
    moment, moments = 0.0, {id(sequence): list[float]() for sequence in sequences}
    while (seconds := batch.begin()) is not None:
        moment += seconds
        for sequence in batch.end():
            moments[id(sequence)].append(moment)
    return moment, [moments[id(sequence)] for sequence in sequences]


def test_step_costs() -> None:
    _, ((first, second, third),) = played(Batch(options()), [Sequence(50, 3)])
    assert first == pytest.approx(0.01 + 0.001 + 0.005)
    assert [second - first, third - second] == pytest.approx([0.011, 0.011])


def test_a_long_prompt_is_computed_in_chunks() -> None:
    _, ((first,),) = played(Batch(options()), [Sequence(250, 1)])
    assert first == pytest.approx(3 * 0.011 + 250 * 0.0001)


def test_the_queue_is_first_come_first_served() -> None:
    batch = Batch(options(max_num_seqs=2))
    _, moments = played(batch, [Sequence(10, 5) for _ in range(8)])
    firsts = [tokens[0] for tokens in moments]
    assert firsts == sorted(firsts)
    assert firsts[0] == firsts[1] < firsts[2] == firsts[3] < firsts[4]
    assert firsts[2] > moments[0][-1]
    assert [len(tokens) for tokens in moments] == [5] * 8
    assert (batch.pool.used, batch.running, list(batch.waiting)) == (0, [], [])


def test_a_known_prefix_is_not_computed_again() -> None:
    batch, prompt = Batch(options(block_size=4)), "x" * 90  # 23 tokens: five full blocks, the last token apart
    hashes = prefix_hashes(prompt, 4)
    assert len(hashes) == 5
    first, second = Sequence(23, 2, list(hashes)), Sequence(23, 2, list(hashes))
    played(batch, [first])
    _, ((moment, _),) = played(batch, [second])
    assert (first.cached, second.cached) == (0, 20)
    assert (batch.prefix_queries, batch.prefix_hits) == (46, 20)
    assert moment == pytest.approx(0.011 + 3 * 0.0001)
    other = Sequence(23, 1, prefix_hashes("x" * 40 + "y" * 50, 4))
    played(batch, [other])
    assert other.cached == 8


def test_a_prompt_is_never_wholly_cached() -> None:
    assert len(prefix_hashes("x" * 32, 4)) == 1  # 8 tokens, two blocks: the last token must be computed


def test_a_full_cache_makes_others_wait() -> None:
    batch = Batch(options(kv_blocks=10, block_size=4, max_model_len=40))
    _, moments = played(batch, [Sequence(30, 2), Sequence(30, 2)])
    assert moments[1][0] > moments[0][-1]
    assert batch.preemptions == 0


def test_the_youngest_is_preempted_and_loses_no_token() -> None:
    batch = Batch(options(kv_blocks=10, block_size=4, max_model_len=40))
    _, moments = played(batch, [Sequence(16, 20), Sequence(16, 20)])
    assert [len(tokens) for tokens in moments] == [20, 20]
    assert batch.preemptions == 1
    gaps = [[b - a for a, b in pairwise(tokens)] for tokens in moments]
    assert max(gaps[0]) < 0.013
    assert max(gaps[1]) > 0.1
    assert batch.pool.used == 0


def test_those_who_leave_give_their_room_back() -> None:
    batch = Batch(options(max_num_seqs=1))
    running, waiting = Sequence(10, 5), Sequence(10, 5)
    batch.add(running)
    batch.add(waiting)
    batch.begin()
    batch.remove(running)
    batch.remove(waiting)
    batch.remove(waiting)
    assert (batch.end(), batch.begin(), batch.pool.used) == ([], None, 0)


@pytest.mark.parametrize(
    ("changed", "lengths"),
    [
        ({}, (50, 20)),
        ({"max_num_seqs": 32}, (400, 50)),
        ({"max_num_seqs": 64, "max_batched_tokens": 40}, (10, 100)),
        ({"max_num_seqs": 16}, (1, 64)),
    ],
)
def test_capacity_is_what_a_full_batch_reaches(changed: dict[str, int], lengths: tuple[int, int]) -> None:
    given, count = options(**changed), 600
    seconds, _ = played(Batch(given), [Sequence(*lengths) for _ in range(count)])
    limit = capacity(given, *lengths)
    assert count / seconds == pytest.approx(limit.requests_per_second, rel=0.05)
    assert limit.output_tokens_per_second == pytest.approx(limit.requests_per_second * lengths[1])


def test_capacity_counts_the_cache() -> None:
    small = options(kv_blocks=200, block_size=16, max_num_seqs=1000, max_model_len=400)
    assert capacity(small, 100, 120).sequences == pytest.approx(20)
    plain, cached = capacity(options(), 100, 20), capacity(options(), 100, 20, cached_tokens=80)
    assert 1 / plain.requests_per_second - 1 / cached.requests_per_second == pytest.approx(80 * 0.0001)


def test_shared_blocks_are_counted_once_and_evicted_last_used_first_out() -> None:
    pool = BlockPool(6)
    first, second = Holding(), pool.claim([1, 2])
    assert second.shared == []
    assert pool.grow(first, 3)
    pool.publish(first, [1, 2])
    second = pool.claim([1, 2, 3])
    assert (second.shared, first.private, pool.used) == ([1, 2], 1, 3)
    assert not pool.grow(second, 6)
    assert pool.grow(second, 5)
    pool.release(first)
    assert pool.used == 5
    pool.release(second)
    assert pool.used == 0
    third = Holding()
    assert pool.grow(third, 5)  # one of the two kept blocks has to go: the end of the prefix
    assert pool.claim([1, 2]).shared == [1]


def test_without_prefix_caching_nothing_is_kept() -> None:
    pool, holding = BlockPool(4, keep_prefixes=False), Holding()
    pool.grow(holding, 2)
    pool.publish(holding, [1, 2])
    pool.release(holding)
    assert pool.claim([1, 2]).shared == []
