"""The cube where somebody says it is, typed or shown with the gripper: for an arm without a camera, or bad light."""

import math

import numpy as np

from control.arm import Arm, heading, turn, within_reach
from control.errors import UserError
from control.types import GRIPPER, Observation
from policies.finder import Sighting

FORM = "x,y,yaw in metres from the base and degrees, such as 0.22,0.03,15"
LEANING_DEG = 20.0  # of a hand that points down
ABOVE_M = 0.02  # from the cube's middle to the tool point, up or down


class KnownCube:
    """Finds the cube where it was said to be, without looking.

    Args:
        place: of its centre on the table, x and y in metres; its yaw in radians.
    """

    def __init__(self, place: tuple[float, float, float], cube_m: float):
        x, y, yaw = place
        self._sighting = Sighting(np.array([x, y, cube_m / 2]), yaw % (np.pi / 2), 1.0)

    def find(self, observation: Observation) -> Sighting:
        return self._sighting


def place_of(words: str) -> tuple[float, float, float]:
    """Metres, metres and radians from FORM. Raises UserError for anything else, or what the arm cannot reach."""
    try:
        x, y, yaw = map(float, words.split(","))
    except ValueError:
        raise UserError(f"--cube takes {FORM}; got {words}") from None
    if not within_reach(x, y):
        away_m = math.hypot(x, y)
        raise UserError(f"--cube {words}: {away_m:.2f} m from the base is out of the arm's reach; it takes {FORM}")
    return x, y, math.radians(yaw)


def shown(arm: Arm, joints_rad: np.ndarray, cube_m: float) -> str:
    """The place, in FORM, that a gripper shows which stands around the cube as if to grasp it.

    Raises:
        UserError: it does not stand as it would to grasp.
    """
    (x, y, z), rotation = arm.tool(joints_rad)
    leaning_deg = math.degrees(math.acos(np.clip(rotation[2, 2], -1.0, 1.0)))
    if abs(z - cube_m / 2) > ABOVE_M or leaning_deg > LEANING_DEG:
        raise UserError(
            f"the tool is {z * 100:.1f} cm above the table and leans by {leaning_deg:.0f} degrees; "
            "let it point down with the cube between its fingers"
        )
    if joints_rad[GRIPPER] < 0.0:
        raise UserError("the gripper is shut; open it around the cube")
    return f"{x:.3f},{y:.3f},{math.degrees(turn(heading(rotation), np.pi / 2)):.0f}"
