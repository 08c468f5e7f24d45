"""Budgets of a daemon: listeners that count what runs use, and stop them where nothing is left."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from swelld.analysis import figures
from swelld.columns import Columns
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.holding import Hold
from swelld.hub.ledger import Exhausted, Ledger, Owner
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.measurement import Measurement, Outcome
from swelld.result import Finding, Result
from swelld.spending import Budget, Price, What
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)

REASON: Final = "budget"


class Budgets:
    """The ledger of a daemon, and its gauges; `clock` tells Unix seconds."""

    def __init__(self, registry: Registry | None = None, clock: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        self._registry = registry
        self._clock = clock
        self._shown: set[tuple[str, ...]] = set()

    def configure(self, scenarios: Mapping[str, Budget | None], targets: Mapping[str, Budget | None]) -> None:
        """What may be used from now on, by name; what was used already stays."""
        budgets = {Owner("scenario", name): budget for name, budget in scenarios.items() if budget is not None}
        budgets |= {Owner("target", name): budget for name, budget in targets.items() if budget is not None}
        self.ledger.configure(budgets)
        self.show()

    def exhausted(self, spec: Spec) -> list[Exhausted | None]:
        """The budget that keeps this run from sending anything now, then for each of its targets the one that keeps it
        from sending there; None where none does."""
        moment = self._clock()
        return [self.ledger.exhausted(owner, moment) for owner in owners(spec)]

    def use(self, spec: Spec, target: int, what: What, amount: float) -> None:
        """Count for the run's scenario and for one of its targets."""
        scenario, *targets = owners(spec)
        for owner in (scenario, targets[target]):
            self.ledger.use(owner, what, amount, self._clock())

    def show(self, some: Iterable[Owner] | None = None) -> None:
        """Bring the gauges up to date, of all owners if not said.

        To be called now and then also while nothing runs: windows begin anew by themselves.
        """
        if self._registry is None:
            return
        used, over = self._registry.gauge(names.BUDGET_USED), self._registry.gauge(names.BUDGET_EXHAUSTED)
        shown: set[tuple[str, ...]] = set()
        for owner in self.ledger.owners() if some is None else some:
            for what, limit, ratio in self.ledger.ratios(owner, self._clock()):
                labels = (*owner.labels, what, limit.window)
                used.labels(*labels).set(ratio)
                over.labels(*labels).set(ratio >= 1.0)
                shown.add(labels)
        if some is None:
            for gone in self._shown - shown:
                for gauge in (used, over):
                    gauge.remove(**dict(zip(names.BUDGET_USED.labels, gone, strict=True)))
        self._shown = shown if some is None else self._shown | shown


class Spending:
    """One run's way into the ledger: counts what it uses, stops it and lets it go on. A listener and a witness.

    A scenario's budget stops all of it, a target's what goes there.
    """

    def __init__(self, budgets: Budgets, spec: Spec, throttle: Hold) -> None:
        self._budgets = budgets
        self._spec = spec
        self._throttle = throttle
        self._in_flight: Counter[tuple[int, int]] = Counter()  # by shard and target
        self._stopped: list[Exhausted | None] = [None] * (1 + len(spec.plan.names))  # the scenario, then its targets
        self._stops: Counter[tuple[Owner, str]] = Counter()  # by owner and budget

    # --- the listener

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        self._judge()

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        self._budgets.use(spec, target, "tokens", tokens(found.columns) + broken_off(found.measurements))
        price = spec.plan.targets[target].price
        if price is not None:
            self._budgets.use(spec, target, "cost", cost(found.columns, price))

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        ended = Counter(m.target for m in pulse.measurements if m.outcome is not Outcome.DROPPED)
        for target, in_flight in enumerate(pulse.in_flight):
            before = self._in_flight[pulse.shard, target]
            self._in_flight[pulse.shard, target] = in_flight
            # Below zero only after a load process died: what it had under way was counted when it began.
            self._budgets.use(spec, target, "requests", max(0, ended[target] + in_flight - before))
        self._judge()

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """The calibration has a server of its own."""

    # --- the witness

    async def begin(self) -> None:
        """Nothing may be sent where nothing is left."""
        self._judge()

    async def end(self) -> None:
        """All was counted as it came."""

    def complete(self, result: Result) -> Result:
        """With the budgets that stopped it."""
        if not self._stops:
            return result
        findings = [_finding(owner, budget, count) for (owner, budget), count in self._stops.items()]
        return msgspec.structs.replace(result, verdict=[*result.verdict, *findings])

    def _judge(self) -> None:
        found = self._budgets.exhausted(self._spec)
        for place, (stopped, before) in enumerate(zip(found, self._stopped, strict=True)):
            if stopped != before:
                self._turn(place - 1 if place else None, stopped, before)
        self._stopped = found
        self._budgets.show(owners(self._spec))

    def _turn(self, target: int | None, stopped: Exhausted | None, before: Exhausted | None) -> None:
        """Of one target, or of all."""
        where = "" if target is None else f" to {self._spec.plan.names[target]}"
        if stopped is not None:
            self._stops[stopped.owner, stopped.budget] += 1
            log.warning("scenario %s sends nothing%s: %s", self._spec.scenario, where, stopped)
        if stopped is None or before is None:
            self._throttle(REASON, 1.0 if stopped is None else 0.0, target)
        if stopped is None:
            log.info("scenario %s sends%s again: the budget begins anew", self._spec.scenario, where)


def owners(spec: Spec) -> list[Owner]:
    """Whose budgets a run uses: the scenario's, and those of its targets in order."""
    return [Owner("scenario", spec.scenario), *(Owner("target", name) for name in spec.plan.names)]


def tokens(columns: Columns) -> int:
    """Of good answers and their prompts."""
    return sum(columns.input_tokens_by_source.values()) + sum(columns.output_tokens_by_source.values())


def broken_off(measurements: Sequence[Measurement]) -> int:
    """Events with tokens of answers that did not end well: the least that they have used."""
    return sum(len(m.tokens_at) // 8 for m in measurements if m.outcome is not Outcome.OK)


def cost(columns: Columns, price: Price) -> float:
    """Of good answers."""
    inputs, outputs = columns.input_tokens_by_source, columns.output_tokens_by_source
    return price.of(sum(inputs.values()), sum(outputs.values()), columns.cached_tokens)


def _finding(owner: Owner, budget: str, count: int) -> Finding:
    target = owner.name if owner.kind == "target" else None
    reason = "nothing was sent there meanwhile" if target else "nothing was sent meanwhile"
    return Finding("WARNING", REASON, f"{budget}, was used up {_times(count)}", target=target, reason=reason)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{figures.count(count)} times")
