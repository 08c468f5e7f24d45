"""Figures as people read them: `45.6 ms`, `1.23 s`, `87.0%`, `1,234`; a missing one is `-`."""

from typing import Final

MISSING: Final = "-"


def seconds(value: float | None) -> str:
    """Three digits and the unit that fits: `0.23 ms`, `45.6 ms`, `1.23 s`, `1m 05s`, `2h 03m`."""
    if value is None:
        return MISSING
    if abs(value) < 0.9995:
        return f"{_three_digits(value * 1000)} ms"
    if abs(value) < 59.95:
        return f"{_three_digits(value)} s"
    return clock(value)


def clock(value: float | None) -> str:
    """A length of time in whole seconds: `9s`, `1m 05s`, `2h 03m`."""
    if value is None:
        return MISSING
    whole = round(value)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def percent(share: float | None) -> str:
    """One decimal, and more where one would turn almost none into `0.0%` or almost all into `100.0%`."""
    if share is None:
        return MISSING
    for decimals in (1, 2, 3):
        text = f"{share:.{decimals}%}"
        if (share == 0 or float(text[:-1]) != 0) and (share >= 1 or float(text[:-1]) < 100):
            return text
    return "<0.001%" if share < 0.5 else ">99.999%"


def rate(value: float | None) -> str:
    """Events per second, without the unit: `0.45`, `12.3`, `1,234`."""
    return MISSING if value is None else _three_digits(value)


def count(value: float | None) -> str:
    """A number of things: `1,234`."""
    return MISSING if value is None else f"{value:,.0f}"


def money(amount: float | None) -> str:
    """Two decimals, and three digits of what is less than one."""
    if amount is None:
        return MISSING
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:#.3g}"


def _three_digits(value: float) -> str:
    size = abs(value)
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{decimals}f}"
