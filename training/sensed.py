"""The lift judged by feel: joints and load alone, for an arm has nobody who could tell the truth."""

from control.arm import Arm
from control.types import GRIPPER, Command, Observation, Truth, Verdict
from policies.sighted import pressing
from training.lift import CLOSED_RAD, HELD_STEPS, LIFTED_M


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
        self._held = 0

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        """Forget the last episode. Never looks at `truth`."""
        self._gripped_m, self._held = None, 0

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        """Judge a step by its observation. Never looks at `truth`."""
        tool_m = float(self._arm.tool(observation.joints_rad)[0][2])
        if pressing(observation):
            self._gripped_m = tool_m if self._gripped_m is None else min(self._gripped_m, tool_m)
            high = tool_m - self._gripped_m + self._cube_m / 2 > LIFTED_M
            self._held = self._held + 1 if high and observation.joints_rad[GRIPPER] < CLOSED_RAD else 0
        else:
            self._gripped_m, self._held = None, 0
        success = self._held >= HELD_STEPS
        return Verdict(float(success), 0.0 if success else 1.0, success, {"success": float(success)})
