"""A person as a policy: what they want becomes an action in the spaces that a network acts in, so both can be learned
from, and either can take over from the other.
"""

import math
from dataclasses import replace

import numpy as np

from control.arm import heading
from control.interfaces import Robot
from control.operating import Intent, Operator
from control.types import GRIPPER, Command, Observation, Who
from policies.spaces import Spaces

NEAR_RAD = np.array([0.2, 0.2, 0.2, 0.2, 0.3, 0.5])  # (J,) how far off a leader may be when it begins to be followed


class Teleoperated:
    """Acts as an operator wants, and halts the robot when the dead-man is let go.

    Args:
        robot: the one that is driven.
        speed: share of a full action that full motion means.
    """

    def __init__(self, operator: Operator, robot: Robot, spaces: Spaces, speed: float = 0.5):
        self._operator, self._robot, self._spaces, self._speed = operator, robot, spaces, speed
        self.held = False  # whether somebody held the dead-man at the last action
        self.forwards_rad = 0.0  # where the operator's x points, about the vertical from the base's
        self.apart_rad: np.ndarray | None = None  # (J,) what keeps a leader from being followed; 0 where it is near

    def reset(self) -> None:
        """Forwards is away from the base again."""
        self.held, self.forwards_rad = False, 0.0

    def face(self, observation: Observation) -> None:
        """Forwards is from now on where the tool points."""
        self.forwards_rad = heading(self._spaces.arm.tool(observation.target_rad)[1])

    def act(self, observation: Observation) -> Command:
        intent = self._operator.intent()
        self.apart_rad = None if intent is None or self.held else too_far(intent, observation)
        if intent is None or self.apart_rad is not None:
            return self.rest(observation)
        self.held = True
        return replace(self._spaces.command(self.action(intent, observation), observation), who=Who.PERSON)

    def rest(self, observation: Observation) -> Command:
        """The command that stands still, after what was under way is stopped."""
        if self.held:
            self._robot.halt()
            self.held, observation = False, self._robot.observe()  # for the target that the halt left
        nothing = (0.0,) * self._spaces.action_size
        return Command(observation.target_rad, observation.seq, action=nothing, who=Who.PERSON)

    def action(self, intent: Intent, observation: Observation) -> np.ndarray:
        """The action (A,) in [-1, 1] that comes nearest to what is wanted after `observation`."""
        if intent.joints_rad is not None:
            return np.clip(self._spaces.aim(intent.joints_rad, observation), -1.0, 1.0)
        config, target = self._spaces.config, observation.target_rad
        x, y, z, roll, grip = (self._speed * share for share in intent.motion)
        tool, rotation = self._spaces.arm.tool(target)
        c, s = math.cos(self.forwards_rad), math.sin(self.forwards_rad)
        goal = tool + config.step_m * np.array([c * x - s * y, s * x + c * y, z])
        turned = heading(rotation) + config.step_roll_rad * roll
        opened = float(target[GRIPPER]) + config.step_gripper_rad * grip
        return np.clip(self._spaces.toward(goal, turned, opened, observation), -1.0, 1.0)


def too_far(intent: Intent, observation: Observation) -> np.ndarray | None:
    """(J,) by how much a leader's joints have to move before they may be followed, 0 where they need not."""
    if intent.joints_rad is None:
        return None
    way = observation.target_rad - intent.joints_rad
    far = np.abs(way) > NEAR_RAD
    return np.where(far, way, 0.0) if far.any() else None
