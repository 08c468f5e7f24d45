"""The book of what was used: windows, limits, and what survives a restart."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from swelld.hub.ledger import Ledger, Owner
from swelld.spending import Budget, Limit

CANARY = Owner("scenario", "canary")
LLAMA = Owner("target", "llama")


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = unix("2026-11-22T12:00:00")
HOUR, DAY = 3600.0, 86400.0


def ledger(owner: Owner = CANARY, **limits: str) -> Ledger:
    made = Ledger()
    made.configure({owner: Budget.model_validate(limits)})
    return made


def used(book: Ledger, moment: float, owner: Owner = CANARY) -> dict[tuple[str, str], float]:
    return {(what, limit.window): ratio for what, limit, ratio in book.ratios(owner, moment)}


def test_a_budget_is_used_up_exactly_at_its_amount() -> None:
    book = ledger(requests="100/h")
    book.use(CANARY, "requests", 99, NOON)
    assert used(book, NOON) == {("requests", "hour"): 0.99}
    assert book.exhausted(CANARY, NOON) is None
    book.use(CANARY, "requests", 1, NOON)
    found = book.exhausted(CANARY, NOON)
    assert found is not None
    assert (found.owner, found.what, found.limit, found.until) == (
        CANARY, "requests", Limit(100.0, "hour"), NOON + HOUR,
    )  # fmt: skip
    assert str(found) == ("the budget of scenario canary, 100 requests an hour, is used up until 2026-11-22 13:00 UTC")


def test_a_cost_is_told_as_one() -> None:
    book = ledger(LLAMA, cost="0.5/day")
    book.use(LLAMA, "cost", 0.75, NOON)
    assert used(book, NOON, LLAMA) == {("cost", "day"): 1.5}
    assert str(book.exhausted(LLAMA, NOON)) == (
        "the budget of target llama, a cost of 0.5 a day, is used up until 2026-11-23 00:00 UTC"
    )


def test_windows_begin_at_whole_hours_and_days_of_utc() -> None:
    book = ledger(requests="10/h, 15/day")
    book.use(CANARY, "requests", 10, unix("2026-11-22T12:59:59"))
    assert book.exhausted(CANARY, unix("2026-11-22T12:59:59.9")) is not None
    assert used(book, unix("2026-11-22T13:00:00")) == {("requests", "hour"): 0.0, ("requests", "day"): 10 / 15}
    book.use(CANARY, "requests", 5, unix("2026-11-22T13:00:00"))
    found = book.exhausted(CANARY, unix("2026-11-22T13:00:01"))
    assert found is not None
    assert (found.limit.window, found.until) == ("day", unix("2026-11-23T00:00:00"))
    assert book.exhausted(CANARY, unix("2026-11-23T00:00:00")) is None


def test_of_several_the_one_that_lasts_longest_is_named() -> None:
    book = ledger(requests="1/h, 1/day", tokens="1/h")
    book.use(CANARY, "requests", 1, NOON)
    book.use(CANARY, "tokens", 1, NOON)
    found = book.exhausted(CANARY, NOON)
    assert found is not None
    assert (found.what, found.limit.window) == ("requests", "day")


def test_a_month_of_hours() -> None:
    """Ten requests a minute of 100 an hour: used up after ten minutes of every hour, whatever the day."""
    book = ledger(requests="100/h")
    sent, moment = 0, NOON
    for _ in range(30 * 24 * 60):
        if book.exhausted(CANARY, moment) is None:
            book.use(CANARY, "requests", 10, moment)
            sent += 10
        moment += 60
    assert sent == 30 * 24 * 100


@pytest.mark.parametrize(("back", "left"), [(60.0, 0.5), (HOUR, 0.5), (3 * HOUR, 0.0), (4000 * DAY, 0.0)])
def test_a_clock_set_back_a_little_gives_nothing_away_and_one_set_back_far_does_not_stop_it_for_good(
    back: float, left: float
) -> None:
    book = ledger(requests="10/h")
    book.use(CANARY, "requests", 5, NOON + 10)
    assert used(book, NOON + 10 - back) == {("requests", "hour"): left}


def test_who_has_no_budget_is_not_counted() -> None:
    book = ledger(requests="10/h")
    book.use(LLAMA, "requests", 5, NOON)
    assert book.exhausted(LLAMA, NOON) is None
    assert book.snapshot(NOON) == []


def test_other_limits_find_what_was_used_already() -> None:
    book = ledger(requests="100/h")
    book.use(CANARY, "requests", 60, NOON)
    book.use(CANARY, "tokens", 500, NOON)
    book.configure({CANARY: Budget.model_validate({"requests": "50/h", "tokens": "1000/day"})})
    assert used(book, NOON) == {("requests", "hour"): 1.2, ("tokens", "day"): 0.5}


def test_one_budget_can_come_and_go_by_itself() -> None:
    book = ledger(requests="100/h")
    book.limit(LLAMA, Budget.model_validate({"requests": "1/h"}))
    book.use(LLAMA, "requests", 1, NOON)
    assert set(book.owners()) == {CANARY, LLAMA}
    assert book.exhausted(LLAMA, NOON) is not None
    book.limit(LLAMA, None)
    assert book.owners() == [CANARY]
    assert book.exhausted(LLAMA, NOON) is None


def test_a_snapshot_goes_through_json_into_another_process() -> None:
    book = ledger(requests="10/h", cost="5/day")
    book.use(CANARY, "requests", 10, NOON)
    book.use(CANARY, "cost", 1.25, NOON)
    again = ledger(requests="10/h", cost="5/day")
    again.restore(json.loads(json.dumps(book.snapshot(NOON))))
    assert used(again, NOON + 5) == {("requests", "hour"): 1.0, ("cost", "day"): 0.25}
    assert used(again, NOON + HOUR) == {("requests", "hour"): 0.0, ("cost", "day"): 0.25}


def test_a_snapshot_holds_nothing_that_is_over() -> None:
    book = ledger(requests="10/h")
    book.use(CANARY, "requests", 10, NOON)
    assert {entry["window"] for entry in book.snapshot(NOON + HOUR)} == {"day"}
    assert book.snapshot(NOON + DAY) == []


@pytest.mark.parametrize("saved", [None, {}, [{"kind": "scenario"}], [{"kind": "x", "name": 1}], "text"])
def test_a_snapshot_that_cannot_be_read_is_told_and_left_out(saved: Any, caplog: pytest.LogCaptureFixture) -> None:
    book = ledger(requests="10/h")
    book.restore(saved)
    assert used(book, NOON) == {("requests", "hour"): 0.0}
    assert "the budgets begin at nothing used: their saved state cannot be read" in caplog.text
