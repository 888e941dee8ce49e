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

FULL_M_S = 0.1  # of the tool at full motion: what a person can follow who sees a picture late
SHARES = (1.0, 0.5, 0.25, 0.125)  # of what is wanted, tried in turn
MISSED = 0.3  # of the way to where an action means the tool to be: if more is left, the arm does not reach that far
STILL_M, TURNS = 0.001, 0.05  # of a tool that turns where it is; an action's roll from which on it does
NEAR_RAD = np.array([0.2, 0.2, 0.2, 0.2, 0.3, 0.5])  # (J,) how far off a leader may be when it begins to be followed


class Teleoperated:
    """Acts as an operator wants, and halts the robot when the dead-man is let go.

    Args:
        robot: the one that is driven.
        speed_m_s: of the tool at full motion, as far as a full action goes; roll and gripper keep their share with it.
        asked_hz: how often this acts; by default in every control period.
    """

    def __init__(
        self,
        operator: Operator,
        robot: Robot,
        spaces: Spaces,
        speed_m_s: float = FULL_M_S,
        asked_hz: float | None = None,
    ):
        self._operator, self._robot, self._spaces = operator, robot, spaces
        fastest_m_s = spaces.config.step_m * (asked_hz or robot.spec.hz)
        self._speed = min(1.0, speed_m_s / fastest_m_s)  # share of a full action that full motion means
        self._travel_rad = robot.spec.speed_rad_s / robot.spec.hz  # (J,) of a control period
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
        return replace(self._reachable(self.action(intent, observation), observation), who=Who.PERSON)

    def rest(self, observation: Observation) -> Command:
        """The command that stands still, after what was under way is stopped."""
        if self.held:
            self._robot.halt()
            self.held, observation = False, self._robot.observe()  # for the target that the halt left
        nothing = (0.0,) * self._spaces.action_size
        return Command(observation.target_rad, observation.seq, action=nothing, who=Who.PERSON)

    def _reachable(self, action: np.ndarray, observation: Observation) -> Command:
        """The command of as much of `action` (A,) as the arm can do in a period with its tool going where it says. At
        the edge of its reach the arm would otherwise be thrown from one posture into another and back."""
        command = self._spaces.command(action, observation)
        way = np.abs(command.target_rad - observation.target_rad)
        if self._spaces.config.actions == "joints" or (way <= self._travel_rad)[:GRIPPER].all():
            return command
        for share in SHARES:
            tried = np.append(share * action[:-1], action[-1])  # the gripper's is no matter of reach
            command = self._spaces.command(tried, observation, self._travel_rad)
            goal, _ = self._spaces.goal(tried, observation.target_rad)
            ends_m = [self._spaces.arm.tool(rad)[0] for rad in (observation.target_rad, command.target_rad)]
            before, missed = (float(np.linalg.norm(goal - end)) for end in ends_m)
            # Where the tool has nowhere to go only the posture would change, to and fro.
            if missed < MISSED * before or (missed < STILL_M and abs(tried[3]) > TURNS):
                return command
        return self._hold(float(action[-1]), observation)

    def _hold(self, grip: float, observation: Observation) -> Command:
        """Move the gripper alone. Even an action that wants nothing of the tool would look for a better posture."""
        target = observation.target_rad.copy()
        target[GRIPPER] += grip * self._spaces.config.step_gripper_rad
        nothing = (0.0,) * (self._spaces.action_size - 1)
        return Command(target, observation.seq, action=(*nothing, grip))

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
