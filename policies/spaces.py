"""Where observations become network input and actions become joint targets: one place for training and deployment.

An action is a delta on the target in force, never on the measured pose: (x, y, z, roll, gripper) of the tool, or one
per joint. In the `tool` frame x and y turn with the tool's heading: what the wrist camera sees says where to go.
"""

import math
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from control.arm import Arm, heading, turn, within
from control.config import require
from control.errors import CommandRefused
from control.types import GRIPPER, JOINTS, ROLL, Command, Observation


class SpacesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy sees and what its actions in [-1, 1] mean."""

    actions: Literal["tool", "world", "joints"] = "tool"
    step_m: float = 0.02  # tool travel of a full action
    step_roll_rad: float = 0.3
    step_gripper_rad: float = 0.35
    step_joints_rad: float = 0.1  # of a full action in `joints`
    camera: str = "wrist_cam"
    camera_px: int = 84
    frame_stack: int = 3
    senses: tuple[str, ...] = ("posture", "lag")  # what it feels of the arm besides: names in SENSES
    action_repeat: int = 1  # control steps an action is kept for
    # The tool stays inside; metres.
    low_m: tuple[float, float, float] = (0.1, -0.3, 0.008)
    high_m: tuple[float, float, float] = (0.5, 0.3, 0.4)

    def __post_init__(self) -> None:
        require(0 < self.step_m <= 0.1, f"step_m must be 0 to 0.1 metres, got {self.step_m}; is it in mm?")
        require(0 < self.step_roll_rad <= 1.6, f"step_roll_rad must be 0 to 1.6 radians, got {self.step_roll_rad}")
        require(0 < self.step_gripper_rad <= 1.9, f"step_gripper_rad must be 0 to 1.9, got {self.step_gripper_rad}")
        require(0 < self.step_joints_rad <= 0.5, f"step_joints_rad must be 0 to 0.5, got {self.step_joints_rad}")
        room = all(low < high for low, high in zip(self.low_m, self.high_m, strict=True))
        require(room, f"low_m must lie below high_m, got {self.low_m} and {self.high_m}")
        require(1 <= self.action_repeat <= 10, f"action_repeat must be 1 to 10, got {self.action_repeat}")
        unknown = [name for name in self.senses if name not in SENSES]
        require(not unknown, f"no sense {', '.join(unknown)}; there are: {', '.join(SENSES)}")
        require(1 <= self.frame_stack <= 8, f"frame_stack must be 1 to 8, got {self.frame_stack}")


class Spaces:
    """Both directions of the border between robot and network."""

    def __init__(self, config: SpacesConfig, arm: Arm):
        self.config, self.arm = config, arm
        self.action_size = len(JOINTS) if config.actions == "joints" else 5
        self.blur = np.concatenate([SENSES[name][1] for name in config.senses]).astype(np.float32)
        self.proprio_size = len(self.blur)
        # Dimensions of an action that move the tool aside, and out from the base.
        self.sideways, self.outwards = (0, 3) if config.actions == "joints" else (1, 0)
        self._low, self._high = np.array(config.low_m), np.array(config.high_m)

    def pixels(self, observation: Observation) -> np.ndarray:
        """The policy's picture (H, W, 3) uint8."""
        return observation.frames[self.config.camera].rgb

    def proprio(self, observation: Observation) -> np.ndarray:
        """What the arm feels, by the senses that are in force: (P,) float32 of order one."""
        felt = [SENSES[name][0](self.arm, observation, self.config.camera) for name in self.config.senses]
        return np.concatenate(felt).astype(np.float32)

    def command(self, action: np.ndarray, observation: Observation, travel_rad: np.ndarray | None = None) -> Command:
        """The command that an action (A,) in [-1, 1] means after `observation`; an action of the tool's as far as it
        comes with no joint going farther than `travel_rad` (J,), if that is given.

        Raises:
            CommandRefused: the action has another shape or is not finite.
        """
        if action.shape != (self.action_size,) or not np.isfinite(action).all():
            raise CommandRefused(
                f"an action must be {self.action_size} finite numbers, got {action}; nothing was moved"
            )
        action = np.minimum(np.maximum(action, -1.0), 1.0).astype(np.float64)
        if self.config.actions == "joints":
            target = observation.target_rad + action * self.config.step_joints_rad
        else:
            target = self._cartesian(action, observation.target_rad, travel_rad)
        return Command(target, answers=observation.seq, action=tuple(action.tolist()))

    def toward(
        self, tool_m: np.ndarray, heading_rad: float, gripper_rad: float, observation: Observation
    ) -> np.ndarray:
        """The action (A,), unclipped, whose target is this tool point, heading and gripper angle."""
        config, target_rad = self.config, observation.target_rad
        tool, rotation = self.arm.tool(target_rad)
        now = heading(rotation)
        if config.actions == "joints":
            joints = self.arm.solve(target_rad, tool_m, heading_rad, iterations=20)
            joints[GRIPPER] = gripper_rad
            return (joints - target_rad) / config.step_joints_rad
        delta = _turned(tool_m - tool, -now) if config.actions == "tool" else tool_m - tool
        roll = turn(heading_rad - now) / config.step_roll_rad
        return np.array([*(delta / config.step_m), roll, (gripper_rad - target_rad[GRIPPER]) / config.step_gripper_rad])

    def aim(self, joints_rad: np.ndarray, observation: Observation) -> np.ndarray:
        """The action (A,), unclipped, whose target is `joints_rad` (J,); in tool and world its tool point, heading and
        gripper."""
        if self.config.actions == "joints":
            return (joints_rad - observation.target_rad) / self.config.step_joints_rad
        tool, rotation = self.arm.tool(joints_rad)
        return self.toward(tool, heading(rotation), float(joints_rad[GRIPPER]), observation)

    def _cartesian(self, action: np.ndarray, target_rad: np.ndarray, travel_rad: np.ndarray | None) -> np.ndarray:
        joints = self.arm.solve(target_rad, *self.goal(action, target_rad), travel_rad=travel_rad)
        joints[GRIPPER] += action[4] * self.config.step_gripper_rad
        return joints

    def goal(self, action: np.ndarray, target_rad: np.ndarray) -> tuple[np.ndarray, float]:
        """Tool point (3,) and heading that an action (A,) of the tool's means after this target (J,)."""
        config = self.config
        tool, rotation = self.arm.tool(target_rad)
        now = heading(rotation)
        delta = action[:3] * config.step_m
        if config.actions == "tool":
            delta = _turned(delta, now)
        return within(tool + delta, self._low, self._high), now + action[3] * config.step_roll_rad


def _turned(vector: np.ndarray, angle_rad: float) -> np.ndarray:
    """`vector` (3,) turned about the vertical."""
    (x, y, z), c, s = vector.tolist(), math.cos(angle_rad), math.sin(angle_rad)
    return np.array([c * x - s * y, s * x + c * y, z])


def _posture(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    """Tool height, roll and gripper; where the arm stands over the table it must see."""
    tool, _ = arm.tool(seen.joints_rad)
    return np.array([tool[2] / 0.1, seen.joints_rad[ROLL], seen.joints_rad[GRIPPER] / 0.5])


def _lag(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    """How far the joints that gravity loads, and the gripper, are behind their targets."""
    lag = seen.target_rad - seen.joints_rad
    return np.array([*(lag[1:ROLL] / 0.05), lag[GRIPPER] / 0.2])


def _lead(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    """How far the target's tool point and heading are ahead of the tool's, as the tool sees it."""
    return _beyond(arm, seen.joints_rad, seen.target_rad)


def _ahead(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    """As lead, but ahead of where the tool was when the picture was taken: less what the picture says is left to do."""
    then = seen.joints_rad - seen.speed_rad_s * (seen.stamp_s - seen.frames[camera].stamp_s)
    return _beyond(arm, then, seen.target_rad)


def _beyond(arm: Arm, joints_rad: np.ndarray, target_rad: np.ndarray) -> np.ndarray:
    (tool, rotation), (ahead, ahead_rotation) = arm.tool(joints_rad), arm.tool(target_rad)
    now = heading(rotation)
    return np.array([*(_turned(ahead - tool, -now) / 0.02), turn(heading(ahead_rotation) - now) / 0.3])


def _speed(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    return seen.speed_rad_s


def _age(arm: Arm, seen: Observation, camera: str) -> np.ndarray:
    """How long ago the picture was taken."""
    return np.array([(seen.stamp_s - seen.frames[camera].stamp_s) / 0.1])


# How each is felt; and of each number, whether learning may blur it. A gripper that holds a cube is hardly less open
# than one that does not, so its angle stays sharp.
SENSES: dict[str, tuple[Callable[[Arm, Observation, str], np.ndarray], tuple[int, ...]]] = {
    "posture": (_posture, (1, 1, 0)),
    "lag": (_lag, (1, 1, 1, 0)),
    "lead": (_lead, (1, 1, 1, 1)),
    "ahead": (_ahead, (1, 1, 1, 1)),
    "speed": (_speed, (1,) * len(JOINTS)),
    "age": (_age, (1,)),
}
