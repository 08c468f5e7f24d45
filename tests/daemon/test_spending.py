"""Budgets and prices as they are written."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.engine.target import Target
from swelld.scenario import Scenario
from swelld.settings import Settings, effective
from swelld.settings.file import parse
from swelld.spending import Budget, Limit, Price, unpriced


def budget(**keys: Any) -> Budget:
    return Budget.model_validate(keys)


def message(model: type[Any], **keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(keys)
    return "; ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ("1000/h", (Limit(1000.0, "hour"),)),
        ("2e6/day", (Limit(2e6, "day"),)),
        (" .5 / hour ", (Limit(0.5, "hour"),)),
        ("10/h, 100/d", (Limit(10.0, "hour"), Limit(100.0, "day"))),
        (["10/h", "100/day"], (Limit(10.0, "hour"), Limit(100.0, "day"))),
    ],
)
def test_limits_are_read_and_printed_back(written: Any, limits: tuple[Limit, ...]) -> None:
    made = budget(requests=written)
    assert made.requests == limits
    assert budget(**made.model_dump(mode="json")) == made


def test_limits_are_printed_in_full() -> None:
    assert budget(tokens="2e6/day", cost="0.05/h").model_dump(mode="json") == {
        "requests": [],
        "tokens": ["2000000/day"],
        "cost": ["0.05/hour"],
    }


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (1000, "1000 is no budget: write an amount for an hour or a day, e.g. 1000/h, 2e6/day"),
        ("1000", "'1000' is no budget"),
        ("-5/h", "'-5/h' is no budget"),
        ("10/min", "'min' is no time for a budget; use one of h, hour, d, day"),
        ("0/h", "'0/h' leaves nothing to send"),
        ("1/h, 2/hour", "has two limits of one hour; keep one"),
        (True, "True is no budget"),
    ],
)
def test_what_is_no_limit_is_refused(written: Any, said: str) -> None:
    assert said in message(Budget, requests=written)


def test_the_cost_has_three_prices() -> None:
    price = Price(input=0.5, output=1.5, cached_input=0.05)
    assert price.of(1_000_000, 0) == 0.5
    assert price.of(0, 2_000_000) == 3.0
    assert price.of(1_000_000, 100_000, 400_000) == pytest.approx(0.3 + 0.02 + 0.15)
    assert price.of(100, 0, 200) == pytest.approx(100 * 0.05e-6)  # never more cached ones than there are
    assert Price(input=0.5, output=1.5).of(1000, 0, 400) == Price(input=0.5, output=1.5).of(1000, 0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"input": 0, "output": 0}, "costs nothing at all; leave the price out"),
        ({"input": 1, "output": 1, "currency": "usd"}, "a currency is written in three capital letters: USD, EUR"),
        ({"input": -1, "output": 1}, "greater than or equal to 0"),
        ({"input": 1}, "Field required"),
    ],
)
def test_what_is_no_price_is_refused(keys: dict[str, Any], said: str) -> None:
    assert said in message(Price, **keys)


def test_a_budget_in_money_needs_prices_in_one_currency() -> None:
    usd, eur = Price(input=1, output=2), Price(input=1, output=2, currency="EUR")
    money = budget(cost="5/day")
    assert unpriced(None, {"a": None}) is None
    assert unpriced(budget(requests="5/h"), {"a": None}) is None
    assert unpriced(money, {"a": usd, "b": usd}) is None
    assert unpriced(money, {"a": usd, "b": None}) == (
        "needs the prices of tokens, but the target 'b' has none; give it a `price`"
    )
    assert unpriced(money, {"a": usd, "b": eur}) == (
        "cannot add up EUR and USD; give all its targets a `price` in one currency"
    )


def test_a_target_with_a_budget_in_money_needs_a_price() -> None:
    said = message(Target, url="http://a", budget={"cost": "5/day"})
    assert "budget.cost: needs the prices of tokens; give the target a `price`" in said


@pytest.mark.parametrize(("written", "yields"), [(True, True), (False, False), ({"floor": 0.1}, True)])
def test_yielding_is_a_switch_or_settings(written: Any, yields: bool) -> None:
    made = Scenario.model_validate({"load": "1/s", "duration": "1m", "yield_to_users": written})
    assert (made.yielding is not None) == yields
    if made.yielding is not None:
        assert made.yielding.floor == (0.1 if isinstance(written, dict) else 0.0)
        assert (made.yielding.waiting, made.yielding.on_throttled, made.yielding.recover) == (1, True, 30.0)


def test_all_of_it_is_printed_back_and_loads_again() -> None:
    target = {
        "url": "http://a",
        "price": {"input": 0.5, "output": 1.5},
        "budget": {"cost": "5/day", "tokens": ["1e5/h", "1e6/day"]},
    }
    scenario = {
        "load": "1/s",
        "duration": "1m",
        "budget": {"requests": "1000/h", "cost": "2/day"},
        "checks": {"json": True, "regex": "a+", "sample": 0.1},
        "yield_to_users": {"waiting": 4, "recover": "1m"},
    }
    settings = Settings.model_validate({"targets": {"a": target}, "scenarios": {"s": scenario}})
    assert Settings.model_validate(parse(effective(settings), "effective").data) == settings
