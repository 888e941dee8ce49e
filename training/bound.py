"""How fast a lift can be at all: what the joints' speed and acceleration and the ten held steps leave of any policy.

The arm comes to rest where the gripper stands around the cube, closes it, rises until the cube is at lifting height,
at whatever speed, and is judged at its own control steps. No path is asked for and nothing is in the way, so this is
less than any arm can do, and how much less is the same for every policy.
"""

import math

import numpy as np

from control.arm import Arm, heading, turn
from control.types import GRIPPER, RobotSpec, Truth
from training.lift import HELD_STEPS, LIFTED_M

GRASP_M = 0.012  # tool point above the table
CLOSING_RAD = 0.3  # of the gripper, from standing clear of the cube to holding it
NEAR_M, NEAR_RAD = 0.004, 0.15  # what counts as reached
ITERATIONS = 60


def fastest_lift_s(arm: Arm, spec: RobotSpec, joints_rad: np.ndarray, truth: Truth) -> float | None:
    """Seconds that a lift takes at least from `joints_rad` (J,) at rest, the cube where `truth` says.

    The best of the cube's four faces; None where none can be reached.
    """
    w, x, y, z = truth.cube_quat
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    moving_s = min(_moving_s(arm, spec, joints_rad, truth, yaw + face * np.pi / 2) for face in range(4))
    return (math.ceil(round(moving_s * spec.hz, 6)) + HELD_STEPS - 1) / spec.hz if math.isfinite(moving_s) else None


def _moving_s(arm: Arm, spec: RobotSpec, joints_rad: np.ndarray, truth: Truth, face_rad: float) -> float:
    held = all(truth.pads_touch)
    grasp = joints_rad if held else _over(arm, joints_rad, truth.cube_m, GRASP_M, face_rad)
    rise_m = GRASP_M + LIFTED_M - truth.cube_m[2]
    top = None if grasp is None else _over(arm, grasp, truth.cube_m, rise_m, heading(arm.tool(grasp)[1]))
    if grasp is None or top is None:
        return math.inf
    speed, accel = spec.speed_rad_s[:GRIPPER], spec.accel_rad_s2[:GRIPPER]
    rising_s = _leaving_s(np.abs(top - grasp)[:GRIPPER], speed, accel).max()
    if held:
        return float(rising_s)
    closing_s = _resting_s(np.array(CLOSING_RAD), spec.speed_rad_s[GRIPPER], spec.accel_rad_s2[GRIPPER])
    return float(_resting_s(np.abs(grasp - joints_rad)[:GRIPPER], speed, accel).max() + closing_s + rising_s)


def _over(
    arm: Arm, start_rad: np.ndarray, cube_m: np.ndarray, height_m: float, heading_rad: float
) -> np.ndarray | None:
    """Joints (J,) with the tool at `height_m` over the cube; None where they are out of reach."""
    goal = np.array([cube_m[0], cube_m[1], height_m])
    joints = arm.solve(start_rad, goal, heading_rad, ITERATIONS)
    tool, rotation = arm.tool(joints)
    near = np.abs(tool - goal).max() < NEAR_M and abs(turn(heading(rotation) - heading_rad)) < NEAR_RAD
    return joints if near else None


def _resting_s(way_rad: np.ndarray, speed: np.ndarray, accel: np.ndarray) -> np.ndarray:
    """From rest to rest."""
    return np.where(way_rad < speed**2 / accel, 2 * np.sqrt(way_rad / accel), way_rad / speed + speed / accel)


def _leaving_s(way_rad: np.ndarray, speed: np.ndarray, accel: np.ndarray) -> np.ndarray:
    """From rest to any speed."""
    ramp = speed**2 / (2 * accel)
    return np.where(way_rad < ramp, np.sqrt(2 * way_rad / accel), way_rad / speed + speed / (2 * accel))
