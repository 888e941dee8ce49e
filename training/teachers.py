"""Scripted teachers for a robot that tells the truth, one for each episode."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from control.arm import Arm
from control.errors import UserError
from control.interfaces import Policy, Robot
from policies.crude import CrudeGrasp
from policies.repeat import Repeat
from policies.scripted import Cube, Noisy, ScriptedGrasp
from policies.spaces import Spaces, SpacesConfig

SCRIPTS = ("scripted", "crude")
NOISE = 1  # a stream of its own: the scene is drawn from the seed itself


@dataclass(frozen=True)
class Teacher:
    """Makes the policy of the episode with a given seed.

    Args:
        script: one of SCRIPTS.
        noise: of the executed actions, in action units, for `scripted`; their labels stay clean.
        model: path of an MJCF of the user's own instead of the SO-101.
    """

    spaces: SpacesConfig
    script: str = "scripted"
    noise: float = 0.0
    model: str | None = None

    def __call__(self, robot: Robot, seed: int) -> Policy:
        arm = Arm.of(self.model)
        spaces = Spaces(self.spaces, arm)
        policy = self._script(spaces, arm, partial(cube, robot), seed)
        return Repeat(policy, spaces)

    def _script(self, spaces: Spaces, arm: Arm, cube: Cube, seed: int) -> Policy:
        if self.script == "crude":
            return CrudeGrasp(spaces, arm, cube)
        teacher = ScriptedGrasp(spaces, arm, cube)
        return Noisy(teacher, spaces, self.noise, np.random.default_rng([seed, NOISE])) if self.noise else teacher


def cube(robot: Robot) -> tuple[np.ndarray, float, np.ndarray]:
    """The cube's centre (3,), metres, its yaw, radians, and the tool point (3,). Raises UserError where the robot tells
    no truth."""
    truth = robot.truth()
    if truth is None:
        raise UserError(
            "this robot cannot say where the cube is, and the scripted grasp must know; use a simulated one"
        )
    w, x, y, z = truth.cube_quat
    yaw_rad = float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
    return truth.cube_m, yaw_rad, truth.tool_m
