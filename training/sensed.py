"""The lift judged by feel: joints and load alone, for an arm has nobody who could tell the truth."""

import math

from control.arm import Arm
from control.types import GRIPPER, Command, Observation, Truth, Verdict
from policies.sighted import pressing
from training.lift import CLOSED_RAD, LIFTED_M, LiftState


class SensedLift:
    """Says when something of the cube's size is held high, and pays 1 for it.

    The fingers are closed and press on something, and the tool has risen since they do. Where they first pressed the
    cube stood on the table, so how far it is above the table is known without knowing where in the grip it sits.

    Args:
        cube_m: the cube's edge.
    """

    def __init__(self, arm: Arm, cube_m: float):
        self._arm, self._cube_m = arm, cube_m
        self._gripped_m: float | None = None  # the tool's height when the fingers first pressed
        self.states: list[LiftState] = []  # as felt: how far the cube is from the tool nobody knows

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        """Forget the last episode. Never looks at `truth`."""
        self._gripped_m, self.states = None, []

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        """Judge a step by its observation. Never looks at `truth`."""
        last = self.states[-1] if self.states else None
        cube_m, gripper = self._cube_height(observation), float(observation.joints_rad[GRIPPER])
        grasping = self._gripped_m is not None and gripper < CLOSED_RAD
        held = (last.held_steps if last else 0) + 1 if grasping and cube_m > LIFTED_M else 0
        state = LiftState(
            tool_to_cube_m=math.nan,
            pad_to_cube_m=math.nan,
            cube_m=cube_m,
            gripper_rad=gripper,
            grasping=grasping,
            was_grasping=bool(last and last.grasping),
            held_steps=held,
            step=len(self.states) + 1,
        )
        self.states.append(state)
        reward = float(state.success)
        return Verdict(reward, 1.0 - reward, state.success, {"success": reward})

    def _cube_height(self, observation: Observation) -> float:
        """Metres, of the cube's centre: on the table until it is gripped, then as far above as the tool has risen."""
        tool_m = float(self._arm.tool(observation.joints_rad)[0][2])
        if not pressing(observation):
            self._gripped_m = None
            return self._cube_m / 2
        self._gripped_m = tool_m if self._gripped_m is None else min(self._gripped_m, tool_m)
        return self._cube_m / 2 + tool_m - self._gripped_m
