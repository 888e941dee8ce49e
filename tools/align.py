"""`twinarm align`: where the wrist camera really sits, and the simulator's picture laid over the arm's."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import cv2
import msgspec
import numpy as np
import yaml
from msgspec.structs import replace
from rich.console import Console

from control.arm import Arm
from control.config import RobotConfig
from control.errors import UserError
from control.interfaces import Robot
from control.mounting import Mount, mount
from control.outputs import have_room
from control.types import Command, Observation, ResetRequest
from policies.aligning import Alignment, align
from policies.finder import CubeFinder
from sim.robot import SimRobot
from tools.flags.align import Arguments
from tools.person import await_enter
from tools.progress import bars
from tools.robots import open_robot

CAMERA, PX = "wrist_cam", 240
SETTLE_STEPS = 9
# From home, radians: base, shoulder, elbow, wrist flex, wrist roll. Each look has the cube elsewhere in the picture.
AROUND = (
    *((0, 0, 0, 0, 0), (0.12, 0, 0, 0, 0), (-0.12, 0, 0, 0, 0), (0, 0.12, 0, 0, 0), (0, -0.15, 0, 0, 0)),
    *((0, 0, 0.15, 0, 0), (0, 0, -0.12, 0, 0), (0, 0, 0, 0.15, 0), (0, 0, 0, -0.15, 0), (0, 0, 0, 0, 0.6)),
    *((0, 0, 0, 0, -0.6), (0.1, -0.1, 0.1, 0, 0.9), (-0.1, 0.1, 0, -0.1, -0.9), (0, 0.2, -0.2, 0, 0.3)),
    *((0, 0.1, 0.15, -0.2, 0.2), (0.1, -0.2, 0, 0.15, -0.3)),
)


def main(arguments: Arguments) -> None:
    """Look, find, write, show."""
    console, base = Console(stderr=True), mount(arguments.base)
    picture = arguments.output.with_suffix(".png")
    for path in (arguments.output, picture):
        if path.exists():
            raise UserError(f"{path} exists already; give --output another name")
        have_room(path)
    config = RobotConfig(hz=10.0, camera_px=PX, cube_m=arguments.cube_m)
    arm = Arm.from_facts()
    finder = CubeFinder(arm, base, arguments.cube_rgb, arguments.cube_m, CAMERA)
    with closing(open_robot(arguments.robot, config)) as robot:
        if robot.truth() is None:
            await_enter("Lay the cube flat, 22 cm in front of the base.", "somebody must lay the cube down")
        with bars(console) as progress:
            seen = list(progress.track(looks(robot), total=len(AROUND), description="looking"))
    found = align(seen, finder, arm, base, arguments.cube_m)
    arguments.output.write_text(
        f"# twinarm align --robot {arguments.robot}: outlines fit within {found.after_px:.2f} of {PX} pixels, rms.\n"
        + yaml.safe_dump(rounded(found.mount), sort_keys=False, default_flow_style=None)
    )
    cv2.imwrite(str(picture), overlay(seen[0], found, replace(config, wrist_camera=str(arguments.output)))[..., ::-1])
    console.print(
        f"the cube's outline is {found.after_px:.2f} pixels off, {found.before_px:.1f} before, in {found.pictures} "
        f"pictures of {PX}: {arguments.output}, {picture}\nuse it with --set robot.wrist_camera={arguments.output}",
        soft_wrap=True,
    )
    if arguments.json:
        print(json.dumps(rounded(found.mount) | {"before_px": found.before_px, "after_px": found.after_px}))


def looks(robot: Robot) -> Iterator[Observation]:
    """What the arm sees at rest around home."""
    seen = robot.reset(ResetRequest("home", 0))
    home_rad = seen.target_rad.copy()
    for turned in AROUND:
        for _ in range(SETTLE_STEPS):
            seen = robot.step(Command(home_rad + np.array([*turned, 0.0]), seen.seq))
        yield seen


def rounded(mount: Mount) -> dict[str, Any]:
    """As a file holds it: to hundredths of a millimetre and of a milliradian."""
    digits = {"pos_m": 5, "euler_rad": 5, "fovy_deg": 2}
    return {name: np.round(value, digits[name]).tolist() for name, value in msgspec.structs.asdict(mount).items()}


def overlay(seen: Observation, found: Alignment, config: RobotConfig) -> np.ndarray:
    """(H, 3 W, 3): what the arm saw, what the simulator shows there, and half of each."""
    x, y, yaw = found.cube
    with SimRobot(config) as sim:
        quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        moment = seen.joints_rad, np.array([x, y, config.cube_m / 2]), quat
        [shown] = [frame.rgb for frame in sim.watched([moment], np.zeros(1))]
    live = seen.frames[CAMERA].rgb
    return np.concatenate([live, shown, (live // 2 + shown // 2)], axis=1)
