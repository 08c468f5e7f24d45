"""What scenarios and targets have used up in the present hour and day: a book, on a clock that it is handed."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from swelld.spending import WHATS, WINDOWS, Budget, Limit, What, Window

log = logging.getLogger(__name__)


class Owner(NamedTuple):
    """Whose budget it is."""

    kind: Literal["scenario", "target"]
    name: str

    @property
    def labels(self) -> tuple[str, str]:
        """`scenario` and `target`, one of them empty."""
        return (self.name, "") if self.kind == "scenario" else ("", self.name)


class Exhausted(NamedTuple):
    """A budget that is used up."""

    owner: Owner
    what: What
    limit: Limit
    until: float
    """Unix seconds of the end of its window."""

    @property
    def budget(self) -> str:
        """In words: `the budget of scenario canary, 1000 requests an hour`."""
        size = f"{self.limit.amount:.12g}"
        amount = f"a cost of {size}" if self.what == "cost" else f"{size} {self.what}"
        article = "an" if self.limit.window == "hour" else "a"
        return f"the budget of {self.owner.kind} {self.owner.name}, {amount} {article} {self.limit.window}"

    def __str__(self) -> str:
        return f"{self.budget}, is used up until {datetime.fromtimestamp(self.until, UTC):%Y-%m-%d %H:%M} UTC"


class _Meter:
    """One amount over windows that begin at whole hours or days of UTC."""

    def __init__(self, window: Window) -> None:
        self.begin = 0.0
        self.used = 0.0
        self._seconds = WINDOWS[window]

    def at(self, moment: float) -> float:
        """What is used of the window that `moment` is in.

        A clock set back into the window before goes on with this one; one set back by more begins anew.
        """
        begin = moment // self._seconds * self._seconds
        if begin > self.begin or begin < self.begin - self._seconds:
            self.begin, self.used = begin, 0.0
        return self.used

    def add(self, amount: float, moment: float) -> None:
        self.at(moment)
        self.used += amount

    @property
    def end(self) -> float:
        return self.begin + self._seconds


class Account:
    """What one owner has used, of everything and in every window, whether it is limited or not."""

    def __init__(self) -> None:
        self.meters: dict[tuple[What, Window], _Meter] = {
            (what, window): _Meter(window) for what in WHATS for window in WINDOWS
        }

    def add(self, what: What, amount: float, moment: float) -> None:
        """Use up."""
        for window in WINDOWS:
            self.meters[what, window].add(amount, moment)


class Ledger:
    """The accounts of a daemon, by Unix time; it outlives runs, reloads and, by way of a snapshot, the process."""

    def __init__(self) -> None:
        self._accounts: dict[Owner, Account] = {}
        self._budgets: dict[Owner, Budget] = {}

    def configure(self, budgets: Mapping[Owner, Budget]) -> None:
        """The budgets from now on; what was used stays, also of an owner that has none for the moment."""
        self._budgets = dict(budgets)

    def limit(self, owner: Owner, budget: Budget | None) -> None:
        """The budget of one more owner, or none."""
        if budget is None:
            self._budgets.pop(owner, None)
        else:
            self._budgets[owner] = budget

    def use(self, owner: Owner, what: What, amount: float, moment: float) -> None:
        """Count for an owner that has a budget."""
        if amount > 0 and owner in self._budgets:
            self._accounts.setdefault(owner, Account()).add(what, amount, moment)

    def owners(self) -> list[Owner]:
        """Everyone with a budget."""
        return [*self._budgets]

    def ratios(self, owner: Owner, moment: float) -> Iterator[tuple[What, Limit, float]]:
        """Every limit of an owner, and the share of it that is used."""
        budget = self._budgets.get(owner)
        for what, limit in budget.limits() if budget else ():
            yield what, limit, self._meter(owner, what, limit).at(moment) / limit.amount

    def exhausted(self, owner: Owner, moment: float) -> Exhausted | None:
        """The budget of an owner that is used up; of several the one that is so for longest."""
        found = [
            Exhausted(owner, what, limit, self._meter(owner, what, limit).end)
            for what, limit, ratio in self.ratios(owner, moment)
            if ratio >= 1.0
        ]
        return max(found, key=lambda one: one.until, default=None)

    def snapshot(self, moment: float) -> list[dict[str, Any]]:
        """What was used of the windows that are not over, as plain JSON data; the others are forgotten."""
        for owner, account in [*self._accounts.items()]:
            if not any(meter.at(moment) for meter in account.meters.values()):
                del self._accounts[owner]
        return [
            {"kind": owner.kind, "name": owner.name, "what": what, "window": window, "begin": m.begin, "used": m.used}
            for owner, account in self._accounts.items()
            for (what, window), m in account.meters.items()
            if m.used
        ]

    def restore(self, snapshot: object) -> None:
        """Take over what a snapshot says; what cannot be read is told and left out."""
        try:
            entries = msgspec.convert(snapshot, list[_Entry])
        except msgspec.ValidationError as error:
            log.warning("the budgets begin at nothing used: their saved state cannot be read: %s", error)
            return
        for entry in entries:
            account = self._accounts.setdefault(Owner(entry.kind, entry.name), Account())
            meter = account.meters[entry.what, entry.window]
            meter.begin, meter.used = entry.begin, entry.used

    def _meter(self, owner: Owner, what: What, limit: Limit) -> _Meter:
        return self._accounts.setdefault(owner, Account()).meters[what, limit.window]


class _Entry(msgspec.Struct, frozen=True):
    """One meter of a snapshot."""

    kind: Literal["scenario", "target"]
    name: str
    what: What
    window: Window
    begin: float
    used: float
