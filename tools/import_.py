"""`twinarm import`: other people's demonstrations, to learn from."""

from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track

from control.actuators import actuator, leash_rad
from control.arm import Arm, facts
from control.datasets import Dataset
from control.episodes import DatasetInfo
from control.errors import DatasetError
from control.governor import Governor
from control.outputs import appearing, refuse_present
from control.types import JOINTS
from hardware.lerobot_units import LeRobotUnits
from policies.spaces import Spaces
from sim.scene import robot_spec
from tools.export import ends
from tools.flags.import_ import Arguments
from training import settings
from training.aiming import Loss
from training.collect import action_space
from training.lerobot_folder import LeRobotFolder
from training.lerobot_import import Import
from training.settings import TrainConfig


def main(arguments: Arguments) -> None:
    """Write it beside its place, give it its name when it is whole, and say what was lost."""
    console = Console(stderr=True)
    config = settings.load(arguments.config, arguments.set)
    folder = LeRobotFolder.open(arguments.dataset)
    refuse_present(arguments.output)
    plan = planned(arguments, folder, config)
    losses: list[Loss] = []
    with appearing(arguments.output) as part:
        dataset = Dataset.create(part, plan.info)
        for entry in track(folder.entries, "importing", console=console, transient=True):
            if imported := plan.read(entry):
                episode, loss = imported.episode()
                dataset.write(len(losses), episode)
                losses.append(loss)
        if not losses:
            raise DatasetError(f"no episode of {arguments.dataset} is longer than a control period")
        dataset.plan(len(losses))
    tell(arguments, len(folder.entries), losses, console)


def planned(arguments: Arguments, folder: LeRobotFolder, config: TrainConfig) -> Import:
    """Raises DatasetError for what the dataset does not hold or say."""
    spaces, px = Spaces(config.spaces, Arm.of(config.robot.model)), config.spaces.camera_px
    cameras, name = {config.spaces.camera: (px, px)}, arguments.dataset.resolve().name
    info = DatasetInfo(cameras, config.robot.hz, JOINTS, action_space(config.spaces), recipe={"lerobot": name})
    camera = folder.camera(config.spaces.camera, arguments.camera)
    spec = robot_spec(config.robot, spaces.arm, facts())
    governor = Governor(spec, spaces.arm, np.full(len(JOINTS), leash_rad(actuator(spec.profile).kp)))
    return Import(folder, spaces, info, units(arguments, folder), governor, camera, arguments.lifted)


def units(arguments: Arguments, folder: LeRobotFolder) -> LeRobotUnits:
    """Those that were named, else the dataset's own."""
    if arguments.units is not None:
        return LeRobotUnits.of(arguments.units, ends(arguments.calibration))
    told = folder.units
    if told is None:
        raise DatasetError(
            f"{folder.root} does not say what its joint angles are in; add --units degrees, or --units normalised "
            "where the arm recorded -100 to 100"
        )
    return told if arguments.calibration is None else LeRobotUnits.of(told.unit, ends(arguments.calibration))


def tell(arguments: Arguments, there: int, losses: list[Loss], console: Console) -> None:
    """How many episodes there are now, and what their actions lose of the recorded targets."""
    every = Loss(*(np.concatenate([getattr(one, name) for one in losses]) for name in ("cut", "tool_m", "joint_rad")))
    lost = every.summary()
    console.print(f"{len(losses)} of {there} episodes: {arguments.output}", soft_wrap=True)
    missed = "by {tool_mm:.1f} mm (95 % within {tool_mm_95:.1f}), the worst joint by {joint_deg:.1f} degrees "
    missed += "(95 % within {joint_deg_95:.1f})"
    words = f"as actions, {lost['cut']:.1%} of {len(every.cut)} steps are cut to full ones; the tool misses its target "
    console.print(words + missed.format(**lost), soft_wrap=True)
    if arguments.json:
        figures: dict[str, Any] = {"episodes": len(losses), "found": there, "steps": len(every.cut)} | lost
        print(msgspec.json.encode(figures | {"output": str(arguments.output)}).decode())
