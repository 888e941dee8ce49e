"""Scripted teachers for a robot that tells the truth, one for each episode."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from control.arm import Arm
from control.errors import UserError
from control.interfaces import Policy, Robot
from control.mounting import mount
from policies.crude import CrudeGrasp
from policies.finder import CubeFinder, Finder
from policies.known import KnownCube
from policies.repeat import Repeat
from policies.scripted import Cube, Noisy, ScriptedGrasp
from policies.sighted import SightedGrasp
from policies.spaces import Spaces, SpacesConfig
from policies.tidying import TidyingRobot
from training.settings import TrainConfig

SCRIPTS = ("scripted", "sighted", "told", "crude")
NOISE = 1  # a stream of its own: the scene is drawn from the seed itself


@dataclass(frozen=True)
class Teacher:
    """Makes the policy of the episode with a given seed.

    Args:
        script: one of SCRIPTS; `sighted` needs nobody to tell where the cube is, `told` believes it to be at `place`.
        noise: of the executed actions, in action units, but for `crude`; their labels stay clean.
        model: path of an MJCF of the user's own instead of the SO-101.
    """

    spaces: SpacesConfig
    script: str = "scripted"
    noise: float = 0.0
    model: str | None = None
    cube_m: float = 0.03
    cube_rgb: tuple[float, float, float] = (0.85, 0.1, 0.1)
    wrist_camera: str | None = None
    place: tuple[float, float, float] = (0.23, 0.0, 0.0)  # x and y, metres; yaw, radians

    @classmethod
    def of(cls, config: TrainConfig, script: str, noise: float = 0.0) -> Self:
        """The one for a run's robot and cube."""
        robot, task, rgb = config.robot, config.task, config.demos.cube_rgb
        x, y, yaw = (sum(span) / 2 for span in (task.cube_x_m, task.cube_y_m, task.cube_yaw_rad))
        return cls(config.spaces, script, noise, robot.model, robot.cube_m, rgb, robot.wrist_camera, (x, y, yaw))

    def __call__(self, robot: Robot, seed: int) -> Policy:
        arm = Arm.of(self.model)
        spaces = Spaces(self.spaces, arm)
        policy = self._script(spaces, arm, partial(cube, robot), seed)
        return Repeat(policy, spaces)

    def _script(self, spaces: Spaces, arm: Arm, cube: Cube, seed: int) -> Policy:
        if self.script == "crude":
            return CrudeGrasp(spaces, arm, cube)
        seeing = self.script in ("sighted", "told")
        teacher = SightedGrasp(spaces, arm, self.finder(arm)) if seeing else ScriptedGrasp(spaces, arm, cube)
        return Noisy(teacher, spaces, self.noise, np.random.default_rng([seed, NOISE])) if self.noise else teacher

    def finder(self, arm: Arm) -> Finder:
        """What finds the cube: in the wrist camera's picture, or where it was told to be."""
        if self.script == "told":
            return KnownCube(self.place, self.cube_m)
        return CubeFinder(arm, mount(self.wrist_camera), self.cube_rgb, self.cube_m, self.spaces.camera)

    def tidying(self, robot: Robot, ask: Callable[[str], None]) -> TidyingRobot:
        """`robot`, putting the cube back by itself; `ask` tells a person what to do and returns when it is done."""
        arm = Arm.of(self.model)
        x, y, yaw = self.place
        lay = f"lay the cube flat at {x:.3f}, {y:.3f} m from the base, turned by {np.degrees(yaw):.0f} degrees"
        told = self.script == "told"
        return TidyingRobot(robot, Spaces(self.spaces, arm), self.finder(arm), ask, lay if told else "")


def cube(robot: Robot) -> tuple[np.ndarray, float, np.ndarray]:
    """The cube's centre (3,), metres, its yaw, radians, and the tool point (3,). Raises UserError where the robot tells
    no truth."""
    truth = robot.truth()
    if truth is None:
        raise UserError(
            "this robot cannot say where the cube is, and the scripted grasp must know; sighted looks for it, told is "
            "told where (--cube x,y,yaw)"
        )
    return truth.cube_m, truth.cube_yaw_rad, truth.tool_m
