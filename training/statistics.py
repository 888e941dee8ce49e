"""Figures with intervals."""

from collections.abc import Sequence
from math import sqrt

import numpy as np


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval (low, high) of a rate, 95 % by default; (0, 1) when nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    rate, spread = successes / n, z * z / n
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # At the ends the bound is the end itself; rounding would miss it.
    return centre - half if successes else 0.0, centre + half if successes < n else 1.0


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half: robust as the median, from more of the values; those at its edges count in part."""
    rows, cut = np.sort(np.asarray(values, float)), len(values) / 4
    weight = np.clip(np.minimum(np.arange(1, len(rows) + 1) - cut, len(rows) - cut - np.arange(len(rows))), 0, 1)
    return float(weight @ rows / weight.sum())


def bootstrap_interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """A 95 % interval (low, high) of the interquartile mean, by drawing the values again with replacement."""
    rng, rows = np.random.default_rng(0), np.asarray(values, float)
    means = [interquartile_mean(rng.choice(rows, len(rows)).tolist()) for _ in range(draws)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
