"""The experiment's scripted grasp: open-loop, by the clock.

It asks once where the cube is, then descends, closes, lifts and holds for fixed times, and never looks again. It does
not turn to the cube, nor know that the arm sags.
"""

from dataclasses import dataclass

import numpy as np

from control.arm import Arm, heading
from control.types import GRIPPER, Command, Observation
from policies.scripted import LOW_M, SHUT_RAD, Cube
from policies.spaces import Spaces


@dataclass(frozen=True)
class Phase:
    """Go to a height over where the cube was, and to a gripper angle, in a given time."""

    seconds: float
    height_m: float
    shut: bool


# 25, 20, 25 and 60 of the experiment's steps at 50 Hz, stretched twice: its arm moved 2 cm in one of them.
TOP_M = 0.105
PHASES = (Phase(1.0, LOW_M, False), Phase(0.8, LOW_M, True), Phase(1.0, TOP_M, True), Phase(1.2, TOP_M, True))


class CrudeGrasp:
    """Plays PHASES from the first observation's clock.

    Args:
        cube: asked once an episode.
    """

    def __init__(self, spaces: Spaces, arm: Arm, cube: Cube):
        self._spaces, self._arm, self._cube = spaces, arm, cube
        self.reset()

    def reset(self) -> None:
        self._start: tuple[float, np.ndarray, float, float] | None = None

    def act(self, observation: Observation) -> Command:
        start_s, path, heading_rad, open_rad = self._start = self._start or self._plan(observation)
        elapsed_s = round(observation.stamp_s - start_s, 9)  # the same however late the clock when the episode began
        ends = np.cumsum([phase.seconds for phase in PHASES])
        done = min(int(np.searchsorted(ends, elapsed_s + 1e-6, side="right")), len(PHASES) - 1)
        phase = PHASES[done]
        share = np.clip((elapsed_s - (ends[done] - phase.seconds)) / phase.seconds, 0, 1)
        goal = path[done] + share * (path[done + 1] - path[done])
        gripper = SHUT_RAD if phase.shut else open_rad
        action = self._spaces.toward(goal, heading_rad, gripper, observation)
        return self._spaces.command(np.clip(action, -1.0, 1.0), observation)

    def _plan(self, observation: Observation) -> tuple[float, np.ndarray, float, float]:
        """Start time, corners of the tool's path (1 + phases, 3), heading and open gripper angle."""
        tool, rotation = self._arm.tool(observation.target_rad)
        cube_m, *_ = self._cube()
        corners = [tool, *(np.array([*cube_m[:2], phase.height_m]) for phase in PHASES)]
        return observation.stamp_s, np.array(corners), heading(rotation), float(observation.target_rad[GRIPPER])
