"""Figures with intervals."""

from math import sqrt


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval (low, high) of a rate, 95 % by default; (0, 1) when nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    rate, spread = successes / n, z * z / n
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # At the ends the bound is the end itself; rounding would miss it.
    return centre - half if successes else 0.0, centre + half if successes < n else 1.0
