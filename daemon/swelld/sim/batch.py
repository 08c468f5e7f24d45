"""Continuous batching in discrete steps, after the manner of vLLM's scheduler: a state machine without a clock."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from swelld.sim.kv import BlockPool, Holding
from swelld.sim.options import SimOptions
from swelld.sim.plan import CHARACTERS_PER_TOKEN


@dataclass(slots=True, eq=False)
class Sequence:
    """One request in the batch; `owner` is handed back with every token."""

    prompt_tokens: int
    output_tokens: int
    hashes: list[int] = field(default_factory=list)
    owner: Any = None
    computed: int = 0
    produced: int = 0
    cached: int = 0
    holding: Holding = field(default_factory=Holding)
    over: bool = False

    @property
    def remaining(self) -> int:
        """Tokens to compute before the next one comes out: 1 when it decodes."""
        return self.prompt_tokens + self.produced - self.computed


def prefix_hashes(prompt: str, block_size: int) -> list[int]:
    """A hash per full block, each of the whole prompt up to there; the last token is always computed."""
    width = block_size * CHARACTERS_PER_TOKEN
    hashes, chain = [], 0
    for start in range(0, len(prompt) - width, width):
        chain = hash((chain, prompt[start : start + width]))
        hashes.append(chain)
    return hashes


class Batch:
    """`begin` plans a step and tells how long it takes; `end` gives a token to everyone whose turn it was.

    A step takes step_base + step_per_sequence * (sequences in it) + step_per_prefill_token * (prompt tokens in it).
    Waiting is first come, first served. When the KV cache is full the youngest running sequence is preempted: it loses
    its blocks, goes back to the head of the queue and is computed again.
    """

    def __init__(self, options: SimOptions) -> None:
        self.options = options
        self.pool = BlockPool(options.kv_blocks, options.prefix_caching)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.preemptions = 0
        self.prefix_queries = 0
        self.prefix_hits = 0
        self._step: list[tuple[Sequence, int]] = []
        self._prefill_tokens = 0

    def add(self, sequence: Sequence) -> None:
        """Join the queue."""
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """It is no longer wanted; nothing if it is over."""
        if not sequence.over:
            self._finish(sequence)

    def begin(self) -> float | None:
        """Seconds of the step that begins now; None when there is nothing to do."""
        self._step = []
        self._prefill_tokens = 0
        budget, preempted = self._continue_running(self.options.max_batched_tokens)
        if not preempted:
            self._admit(budget)
        if not self._step:
            return None
        costs = self.options
        return (
            costs.step_base
            + costs.step_per_sequence * len(self._step)
            + costs.step_per_prefill_token * self._prefill_tokens
        )

    def end(self) -> list[Sequence]:
        """Those who got a token in the step, finished ones included (`over`), in the order of the batch."""
        fed = []
        for sequence, tokens in self._step:
            if sequence.over:
                continue
            if sequence.computed < sequence.prompt_tokens:
                full = (sequence.computed + tokens) // self.options.block_size
                self.pool.publish(sequence.holding, sequence.hashes[:full])
            sequence.computed += tokens
            if not sequence.remaining:
                sequence.produced += 1
                fed.append(sequence)
                if sequence.produced == sequence.output_tokens:
                    self._finish(sequence)
        return fed

    def _continue_running(self, budget: int) -> tuple[int, bool]:
        preempted, place = False, 0
        while place < len(self.running) and budget:
            sequence = self.running[place]
            tokens = min(sequence.remaining, budget)
            while not self._grow(sequence, tokens):
                victim = self.running.pop()
                self._preempt(victim)
                preempted = True
                if victim is sequence:
                    return budget, preempted
            self._plan(sequence, tokens)
            budget -= tokens
            place += 1
        return budget, preempted

    def _admit(self, budget: int) -> None:
        while self.waiting and budget and len(self.running) < self.options.max_num_seqs:
            sequence = self.waiting[0]
            sequence.holding = self.pool.claim(sequence.hashes)
            sequence.computed = len(sequence.holding.shared) * self.options.block_size
            tokens = min(sequence.remaining, budget)
            if not self._grow(sequence, tokens):
                self.pool.release(sequence.holding)
                sequence.computed = 0
                return
            if not sequence.produced:
                self.prefix_queries += sequence.prompt_tokens
                self.prefix_hits += sequence.computed
                sequence.cached = sequence.computed
            self.running.append(self.waiting.popleft())
            self._plan(sequence, tokens)
            budget -= tokens

    def _plan(self, sequence: Sequence, tokens: int) -> None:
        if sequence.remaining > 1:
            self._prefill_tokens += tokens
        self._step.append((sequence, tokens))

    def _grow(self, sequence: Sequence, tokens: int) -> bool:
        return self.pool.grow(sequence.holding, -(-(sequence.computed + tokens) // self.options.block_size))

    def _preempt(self, sequence: Sequence) -> None:
        self.pool.release(sequence.holding)
        sequence.computed = 0
        self.preemptions += 1
        self.waiting.appendleft(sequence)

    def _finish(self, sequence: Sequence) -> None:
        sequence.over = True
        self.pool.release(sequence.holding)
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the realistic mode can do at most."""

    requests_per_second: float
    output_tokens_per_second: float
    sequences: float
    """Mean sequences in a step at that rate."""


def capacity(options: SimOptions, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Capacity:
    """The theoretical limit for requests of these lengths, `cached_tokens` of each prompt found in the prefix cache.

    A request takes part in `turns` steps and has `computed` tokens computed. With room for B sequences it costs
    turns / B steps, or more if what binds is the token budget of a step; the costs of a step give the time. Where the
    KV cache binds, B is what fits on average: preemption makes the truth a little worse.
    """
    prefill = input_tokens - cached_tokens
    turns = -(-prefill // options.max_batched_tokens) + output_tokens - 1
    computed = prefill + output_tokens - 1
    blocks = (input_tokens + output_tokens / 2) / options.block_size
    room = min(float(options.max_num_seqs), options.kv_blocks / blocks)
    steps = max(turns / room, computed / options.max_batched_tokens)
    seconds = options.step_base * steps + options.step_per_sequence * turns + options.step_per_prefill_token * prefill
    return Capacity(1 / seconds, output_tokens / seconds, turns / steps)
