"""Keeps the simulated batch going in real time: a step begins when the last one was due to end, however late we are."""

from swelld.sim.answer import Answer
from swelld.sim.batch import Batch, Sequence, prefix_hashes
from swelld.sim.ledger import Ledger
from swelld.sim.options import SimOptions
from swelld.sim.plan import Plan, Refused
from swelld.sim.wheel import Wheel
from swelld.sim.wire import Wire


class Scheduler:
    """Feeds answers with the tokens of a `Batch`."""

    def __init__(self, options: SimOptions, wheel: Wheel, ledger: Ledger) -> None:
        self.batch = Batch(options)
        self._options = options
        self._wheel = wheel
        self._ledger = ledger
        self._due = 0.0
        self._idle = True

    def check(self, plan: Plan) -> None:
        """Raise Refused if it does not fit, or if too many wait already."""
        longest, limit = self._options.max_model_len, self._options.queue_limit
        if plan.prompt_tokens + plan.tokens > longest:
            asked = f"{plan.prompt_tokens} prompt tokens and {plan.tokens} for the answer"
            raise Refused(400, f"{asked} are more than the model's {longest}: shorten the prompt or lower max_tokens")
        if limit is not None and len(self.batch.waiting) >= limit:
            raise Refused(503, f"{len(self.batch.waiting)} requests wait already: try again later")

    def submit(self, answer: Answer, wire: Wire, arrived: float) -> None:
        """Queue it; the first one of an idle server begins at once."""
        plan = answer.plan
        hashes = prefix_hashes(plan.prompt, self._options.block_size) if self._options.prefix_caching else []
        sequence = Sequence(plan.prompt_tokens, plan.tokens, hashes, owner=(answer, wire))
        answer.on_over = lambda: self.batch.remove(sequence)
        self.batch.add(sequence)
        if self._idle:
            due = self._begin(arrived)
            if due is not None:
                self._wheel.add(due, self)

    def fire(self, moment: float) -> float | None:
        """The step that was under way is over: hand out its tokens, begin the next."""
        due = self._due
        for sequence in self.batch.end():
            answer, wire = sequence.owner
            if sequence.produced == 1:
                wire.cached = sequence.cached
                self._ledger.tick("cached_tokens", sequence.cached)
            answer.feed(due, sequence.over)
        return self._begin(due)

    def _begin(self, start: float) -> float | None:
        seconds = self.batch.begin()
        self._idle = seconds is None
        if seconds is None:
            return None
        self._due = start + seconds
        return self._due
