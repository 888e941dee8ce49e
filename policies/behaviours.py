"""What an agent may settle on instead of lifting: the behaviours that a reward is audited against.

All but the blind one are the scripted grasp with other waypoints, so each does well what it does.
"""

from dataclasses import replace

import numpy as np

from control.types import Command, Observation
from policies.scripted import WAYPOINTS, View, Waypoint
from policies.spaces import Spaces

BELOW_M = 0.010  # how far under the goal the cube is held
UNDER_M = 0.004  # how far a dipping cube sinks before it turns
LEAD_M = 0.008  # how far above the cube a dipping arm reaches: it creeps up, or it could not turn in time
SWING_M = 0.02  # how far under the goal it is then sent, to be there soon
LIFT, CLOSE, DESCEND, APPROACH = WAYPOINTS

HOVER = (DESCEND, APPROACH)
"""Stay at the cube with the gripper open, as the experiment's agent did."""


def hold_below(goal_m: float) -> tuple[Waypoint, ...]:
    """Grasp the cube and keep its centre a little under `goal_m` for ever."""
    return replace(LIFT, height_m=lambda view: goal_m - BELOW_M + view.rise_m), CLOSE, DESCEND, APPROACH


def dip(goal_m: float, turn_m: float) -> tuple[Waypoint, ...]:
    """Lift the cube to `turn_m`, let it sink under `goal_m`, and lift it again, for ever."""
    return replace(LIFT, height_m=Dip(goal_m, turn_m)), CLOSE, DESCEND, APPROACH


class Dip:
    """The tool's height that dips the cube. It remembers which way it goes, so it serves one episode."""

    def __init__(self, goal_m: float, turn_m: float):
        self._goal_m, self._turn_m, self._way = goal_m, turn_m, 1

    def __call__(self, view: View) -> float:
        cube_m = view.height_m - view.rise_m
        if cube_m > self._turn_m:
            self._way = -1
        elif cube_m < self._goal_m - UNDER_M:
            self._way = 1
        return (cube_m + LEAD_M if self._way > 0 else self._goal_m - SWING_M) + view.rise_m


class Blind:
    """Acts without looking: uniformly random actions of a size, or none."""

    def __init__(self, spaces: Spaces, size: float, seed: int):
        self._spaces, self._size, self._rng = spaces, size, np.random.default_rng(seed)

    def reset(self) -> None:
        """Nothing is remembered."""

    def act(self, observation: Observation) -> Command:
        return self._spaces.command(self._size * self._rng.uniform(-1, 1, self._spaces.action_size), observation)
