"""Figures with intervals."""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval (low, high) of a rate, 95 % by default; (0, 1) when nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    rate, spread = successes / n, z * z / n
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # At the ends the bound is the end itself; rounding would miss it.
    return centre - half if successes else 0.0, centre + half if successes < n else 1.0


def interquartile_mean(values: ArrayLike) -> np.ndarray:
    """The mean of the middle half of values (n, ...) over their first axis; those at the edges of it count in part.

    Robust as the median, from more of the values.
    """
    rows = np.sort(np.asarray(values, float), axis=0)
    n, cut = len(rows), len(rows) / 4
    weight = np.clip(np.minimum(np.arange(1, n + 1) - cut, n - cut - np.arange(n)), 0, 1)
    return np.tensordot(weight, rows, 1) / weight.sum()


def bootstrap_interval(values: ArrayLike, draws: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """A 95 % interval (low, high) of the interquartile mean, by drawing the values (n, ...) again with replacement."""
    rows = np.asarray(values, float)
    drawn = rows[np.random.default_rng(0).integers(len(rows), size=(len(rows), draws))]
    low, high = np.quantile(interquartile_mean(drawn), (0.025, 0.975), axis=0)
    return low, high
