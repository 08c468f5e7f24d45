"""How far chance moves a figure: standard errors from stretches of time, which keep what neighbouring requests share.

Requests of one run are no independent draws: those that are open together meet the same queue. Errors that ignore this
are too small, and differences that mean nothing look sure. So a figure's error is taken from how it differs between
blocks of the run, and made larger by what blocks next to each other still have in common.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from swelld.distribution import Floats

BLOCKS: Final = 10
"""Into which a run is cut: fewer say little of their own scatter, more have too much in common."""
FEWEST: Final = 5
"""Blocks without which nothing is said."""
MOST_SHARED: Final = 0.7
"""The correlation of neighbouring blocks that is believed at most."""
LARGE: Final = 1000
"""Degrees of freedom from which Student's distribution is taken for the normal one."""


def blocks(series: Floats) -> Floats:
    """Sums over about `BLOCKS` parts of equal length; the last one may be shorter."""
    size = max(1, round(series.size / BLOCKS))
    return np.add.reduceat(series, np.arange(0, series.size, size)) if series.size else series


def ratio_error(parts: Floats, wholes: Floats) -> tuple[float, int] | None:
    """The standard error of sum(parts) / sum(wholes) over stretches of time, and the number of blocks that it is from.

    None for too few of them. A mean is the sum of values over their number; a share, the number of some over all.
    """
    held = wholes > 0
    part, whole = blocks(parts[held]), blocks(wholes[held])
    count = int(whole.size)
    if count < FEWEST:
        return None
    rest = part - part.sum() / whole.sum() * whole
    square = float(rest @ rest)
    variance = count / (count - 1) * square / float(whole.sum()) ** 2
    return math.sqrt(variance * _shared(rest, square)), count


def rate_error(amounts: Floats, width: float) -> tuple[float, int] | None:
    """The same of an amount per second, from the amounts in stretches of `width` seconds each."""
    size = max(1, round(amounts.size / BLOCKS))
    whole = amounts[: amounts.size // size * size]
    return ratio_error(whole, np.full(whole.size, width))


def share_floor(part: float, whole: float) -> float:
    """The least that chance moves a share of so many: where all or none were, it could have been otherwise too."""
    share = (part + 1) / (whole + 2)
    return math.sqrt(share * (1 - share) / whole)


def _shared(rest: Floats, square: float) -> float:
    """By how much the variance of a sum is larger for what neighbouring blocks have in common; never smaller."""
    if not square:
        return 1.0
    found = float(rest[1:] @ rest[:-1]) / square + 1 / rest.size  # the estimate is too low by about that
    shared = min(MOST_SHARED, max(0.0, found))
    return (1 + shared) / (1 - shared)


@lru_cache(maxsize=256)
def student(confidence: float, freedom: float) -> float:
    """How many standard errors to both sides hold a share `confidence` of Student's distribution."""
    if freedom >= LARGE:
        return NormalDist().inv_cdf((1 + confidence) / 2)
    angles = np.linspace(0.0, math.pi / 2, 20001)  # t = sqrt(freedom) * tan(angle) makes the density a power of cos
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp(confidence, mass / mass[-1], angles)))
