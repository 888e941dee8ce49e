"""The scripted grasp for an arm that nobody tells where the cube is: it looks, and it feels."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, repeat

import numpy as np

from control.arm import Arm
from control.types import GRIPPER, Command, Observation
from policies.finder import Finder, Sighting
from policies.scripted import ScriptedGrasp
from policies.spaces import Spaces

EMPTY_RAD = -0.1  # a gripper closed further than this has nothing between its pads: its stop is at -0.17
PRESSING = -0.15  # of the full load: closing, and something is in the way
STILL_RAD_S = 0.3  # faster than this it is still closing
OPEN_RAD = 0.4  # a gripper closed further may hide the cube, or have moved it
SWAYS, SWAY, PEEK_STEPS = (1, -1, -1, 1), 0.4, 6  # one way, the other and back, while there is no cube to be seen
SLOW_RAD_S = 0.15  # a picture is a little late; at this speed of any joint that is a millimetre


def sways(spaces: Spaces) -> Iterator[np.ndarray]:
    """Actions (A,) that move the tool to either side and back, then out and in."""
    for axis in (spaces.sideways, spaces.outwards):
        for way in SWAYS:
            action = np.zeros(spaces.action_size)
            action[axis] = SWAY * way
            yield from repeat(action, PEEK_STEPS)


def pressing(observation: Observation) -> bool:
    """Whether the fingers press on something and have come to rest there."""
    angle, load, speed = (
        float(rows[GRIPPER]) for rows in (observation.joints_rad, observation.load, observation.speed_rad_s)
    )
    return angle > EMPTY_RAD and load < PRESSING and abs(speed) < STILL_RAD_S


class SightedGrasp:
    """Follows the waypoints of the scripted grasp with the cube where it was last seen, or in the hand.

    It looks while the gripper is open and the arm slow. Until it has seen the cube it turns a little to either side,
    for the moving finger may stand before it.
    """

    def __init__(self, spaces: Spaces, arm: Arm, finder: Finder):
        self._spaces, self._arm, self._finder = spaces, arm, finder
        self._grasp = ScriptedGrasp(spaces, arm, self._cube)
        self.reset()

    def reset(self) -> None:
        self._grasp.reset()
        self._seen: Sighting | None = None
        self._in_hand_m: np.ndarray | None = None  # (3,) from the tool to the cube, once it is gripped
        self._tool_m, self._peeks = np.zeros(3), cycle(sways(self._spaces))

    @property
    def sighting(self) -> Sighting | None:
        """The last one of this episode."""
        return self._seen

    def act(self, observation: Observation) -> Command:
        self._look(observation)
        if self._seen is None:
            return self._peek(observation)
        return self._grasp.act(observation)

    def _peek(self, observation: Observation) -> Command:
        action = next(self._peeks)
        return replace(self._spaces.command(action, observation), label=tuple(action.tolist()))

    def _look(self, observation: Observation) -> None:
        self._tool_m = self._arm.tool(observation.joints_rad)[0]
        if pressing(observation) and self._seen is not None:
            if self._in_hand_m is None:
                self._in_hand_m = self._seen.cube_m - self._tool_m
            return
        self._in_hand_m = None
        slow = np.abs(observation.speed_rad_s[:GRIPPER]).max() < SLOW_RAD_S
        if self._seen is None or (slow and observation.joints_rad[GRIPPER] > OPEN_RAD):
            self._seen = self._finder.find(observation) or self._seen

    def _cube(self) -> tuple[np.ndarray, float, np.ndarray]:
        assert self._seen is not None
        held = self._in_hand_m
        cube_m = self._seen.cube_m if held is None else self._tool_m + held
        return cube_m, self._seen.yaw_rad, self._tool_m
