"""A slow way to a pose, straight in joint space, and how it ends."""

import math

import numpy as np

from control.governor import TICK_S, Governor
from control.modes import Word

GLIDE_RAD_S, ARRIVED_RAD = 0.5, 0.005
BARRED_TICKS = 40  # on which it got no nearer: fewer than make a stall


class Glide:
    """The farthest joint goes at GLIDE_RAD_S; the others arrive with it."""

    def __init__(self, governor: Governor):
        self._governor = governor

    def set_out(self, goal_rad: np.ndarray) -> None:
        """For `goal_rad` (J,), from wherever the governor is."""
        self._goal_rad, self._nearest_rad, self._ticks_barred = goal_rad, math.inf, 0

    def on(self, pose_rad: np.ndarray) -> Word | None:
        """A tick further, from a measured pose (J,); how it ended, if it did."""
        farthest = float(np.abs(self._goal_rad - self._governor.reference).max())
        if farthest < ARRIVED_RAD:
            return Word.REACHED
        nearer = farthest < self._nearest_rad - GLIDE_RAD_S * TICK_S / 10
        self._ticks_barred = 0 if nearer else self._ticks_barred + 1
        if self._ticks_barred >= BARRED_TICKS:
            self._governor.start(pose_rad)  # what bars it need not be pushed against
            return Word.BARRED
        self._nearest_rad = min(self._nearest_rad, farthest)
        way = self._goal_rad - self._governor.target_rad
        ahead = min(1.0, GLIDE_RAD_S * TICK_S / max(np.abs(way).max(), ARRIVED_RAD))
        self._governor.accept(self._governor.target_rad + ahead * way, pose_rad)
        return None
