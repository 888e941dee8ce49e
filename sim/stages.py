"""Curriculum: how an episode starts. The experiment's numbers are aliases of the stages' names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from control import arm as kinematics
from control.arm import REACH_M, Arm, turn, within_reach
from control.errors import UserError
from control.types import AS_FOUND, GRIPPER, ResetRequest, Truth

if TYPE_CHECKING:
    from sim.robot import SimRobot

STAGES = {"home": 0, "lifted": 1, "grasped": 2, "near": 3, "far": 4}
OPEN_RAD = 0.8
CLOSED_RAD = 0.0
NEAR_M = 0.03  # fingertips above the top of the cube
FAR_M = (0.08, 0.12)  # tool point to cube, along the table
FAR_HEIGHT_M = (0.07, 0.11)
GRASP_OFFSET_M = 0.002  # cube centre to tool point along the tool's x axis, as the pads leave it
NEAR_ASIDE_M = 0.01
CLEAR_RAD = 0.45  # open enough to stand around the cube without touching it
LIFT_M = 0.035
SETTLE_S, GRASP_S, LIFT_S = 0.3, 0.6, 0.8
BASE_M = 0.0388  # x of the shoulder_pan axis
HOME_HEADING_RAD = np.pi / 2  # of the tool at home, from the way out from the base
ITERATIONS = 60
Tool = tuple[np.ndarray, float, float]  # tool point (3,), heading, gripper angle


def stage_name(text: str) -> str:
    """The stage that a name or one of the experiment's numbers means. Raises UserError for neither."""
    if text == AS_FOUND:
        return text
    names = {**{name: name for name in STAGES}, **{str(number): name for name, number in STAGES.items()}}
    if text not in names:
        known = ", ".join(f"{number} {name}" for name, number in STAGES.items())
        raise UserError(f"no curriculum stage {text}; there are: {known}")
    return names[text]


@dataclass(frozen=True)
class Start:
    """Where everything is put before an episode."""

    joints_rad: np.ndarray  # (J,)
    cube_m: np.ndarray  # (3,) centre
    yaw_rad: float


def start(request: ResetRequest, arm: Arm, home_rad: np.ndarray, cube_m: float) -> Start:
    """The start of a stage, everything random drawn from the request's seed.

    Args:
        cube_m: edge of the cube.
    Raises:
        UserError: an unknown stage, or a cube out of reach.
    """
    stage = stage_name(request.stage)
    rng = np.random.default_rng(request.seed)
    x, y, yaw = request.spawn.draw(rng)
    if not within_reach(x, y):
        low, high = REACH_M
        raise UserError(
            f"a cube at ({x:.2f}, {y:.2f}) m is out of reach; keep the spawn box {low} to {high} m from the base"
        )
    cube = np.array([x, y, cube_m / 2])
    if stage == "home":
        return Start(home_rad, cube, yaw)
    tool, heading, gripper = _TOOLS[stage](rng, cube, yaw)
    return Start(_joints(arm, home_rad, tool, heading, gripper), cube, yaw)


def found(truth: Truth, home_rad: np.ndarray) -> Start:
    """The arm at home, and the cube where it is."""
    return Start(home_rad, truth.cube_m, truth.cube_yaw_rad)


def _near(rng: np.random.Generator, cube_m: np.ndarray, yaw_rad: float) -> Tool:
    tool = cube_m + np.append(rng.uniform(-NEAR_ASIDE_M, NEAR_ASIDE_M, 2), cube_m[2] + NEAR_M)
    return tool, neutral_heading(tool), OPEN_RAD


def _far(rng: np.random.Generator, cube_m: np.ndarray, yaw_rad: float) -> Tool:
    tool = _aside(rng, cube_m)
    while not within_reach(tool[0], tool[1]) or tool[0] < 0.1:
        tool = _aside(rng, cube_m)
    return tool, neutral_heading(tool), OPEN_RAD


def _around(rng: np.random.Generator, cube_m: np.ndarray, yaw_rad: float) -> Tool:
    straight = neutral_heading(cube_m)
    heading = straight + turn(yaw_rad - straight, np.pi / 2)
    along = np.array([np.cos(heading), np.sin(heading), 0.0])
    return cube_m + GRASP_OFFSET_M * along, heading, CLEAR_RAD


_TOOLS = {"near": _near, "far": _far, "grasped": _around, "lifted": _around}


class Stager:
    """Prepares a SimRobot for an episode."""

    def __init__(self, robot: "SimRobot", home_rad: np.ndarray):
        self._robot, self._home_rad = robot, home_rad

    def start(self, request: ResetRequest, cube_m: float) -> Start:
        """Where an episode begins. Raises UserError for an unknown stage or a cube out of reach."""
        if stage_name(request.stage) == AS_FOUND:
            return found(self._robot.truth(), self._home_rad)
        return start(request, self._robot.arm, self._home_rad, cube_m)

    def prepare(self, name: str, begin: Start) -> None:
        """Place the arm and the cube there, and let the stage of that name come about."""
        robot, stage = self._robot, stage_name(name)
        robot.place(begin.joints_rad, begin.cube_m, begin.yaw_rad)
        if stage in ("grasped", "lifted"):
            self._drive(lambda joints: _with_gripper(joints, CLOSED_RAD), GRASP_S)
        else:
            self._drive(lambda target_rad: target_rad, SETTLE_S)
        if stage == "lifted":
            self._drive(self._raise, LIFT_S)

    def _raise(self, target_rad: np.ndarray) -> np.ndarray:
        tool, rotation = self._robot.arm.tool(target_rad)
        step = np.array([0.0, 0.0, LIFT_M / (LIFT_S * self._robot.config.hz)])
        return self._robot.arm.solve(target_rad, tool + step, kinematics.heading(rotation))

    def _drive(self, next_target: Callable[[np.ndarray], np.ndarray], seconds: float) -> None:
        for _ in range(round(seconds * self._robot.config.hz)):
            self._robot.govern(next_target(self._robot.governor.target_rad))


def _joints(arm: Arm, home_rad: np.ndarray, tool_m: np.ndarray, heading_rad: float, gripper_rad: float) -> np.ndarray:
    begin = _with_gripper(home_rad, gripper_rad)
    begin[0] = -np.arctan2(tool_m[1], tool_m[0] - BASE_M)
    return arm.solve(begin, tool_m, heading_rad, ITERATIONS)


def neutral_heading(tool_m: np.ndarray) -> float:
    """The heading (radians) of a tool at `tool_m` with the wrist rolled as at home: across the way from the base."""
    return float(np.arctan2(tool_m[1], tool_m[0] - BASE_M)) + HOME_HEADING_RAD


def _aside(rng: np.random.Generator, cube_m: np.ndarray) -> np.ndarray:
    distance, angle = rng.uniform(*FAR_M), rng.uniform(-np.pi, np.pi)
    height = rng.uniform(*FAR_HEIGHT_M) - cube_m[2]
    return cube_m + np.array([distance * np.cos(angle), distance * np.sin(angle), height])


def _with_gripper(joints_rad: np.ndarray, gripper_rad: float) -> np.ndarray:
    joints = joints_rad.copy()
    joints[GRIPPER] = gripper_rad
    return joints
