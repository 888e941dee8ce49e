"""`twinarm replay`: a recorded episode on a robot again, and how far it then is from where it was."""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import DatasetInfo
from control.outputs import have_room
from tools.flags.replay import Arguments
from tools.robots import open_robot
from training import replay_figure, settings
from training.replaying import Divergence, replay
from training.settings import TrainConfig


def main(arguments: Arguments) -> None:
    """Replay, draw, tell."""
    console = Console(stderr=True)
    dataset = Dataset.found(arguments.dataset)
    config, episode = configured(arguments, dataset.info), dataset.read(arguments.episode)
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    have_room(folder)
    with closing(open_robot(arguments.robot, config.robot)) as robot:
        if not arguments.any_calibration:
            dataset.require_calibration(robot.spec.calibration, arguments.episode)
        with console.status(f"replaying {len(episode)} steps"):
            divergence = replay(episode, robot, Arm.of(config.robot.model))
    folder.mkdir()
    title = f"{dataset.folder.name}, episode {arguments.episode}, replayed on {arguments.robot}"
    replay_figure.draw(folder / "replay.png", divergence, title)
    figures = divergence.figures()
    (folder / "replay.json").write_text(json.dumps(figures, indent=2) + "\n")
    tell(console, divergence, folder)
    if arguments.json:
        print(json.dumps(figures | {"output": str(folder)}))


def configured(arguments: Arguments, info: DatasetInfo) -> TrainConfig:
    """The configuration at the dataset's rate and picture size."""
    px = next(iter(info.cameras.values()))[0]
    flags = {"robot.hz": info.hz, "robot.camera_px": px, "spaces.camera_px": px}
    return settings.load(arguments.config, arguments.set, flags)


def tell(console: Console, divergence: Divergence, folder: Path) -> None:
    """For people."""
    figures = divergence.figures()
    table = Table("replayed less recorded", "median", "95 %", "largest", box=None)
    for name, row in figures["joints_deg"].items():
        table.add_row(f"{name}, degrees", *(f"{value:.2f}" for value in row))
    table.add_row("tool, mm", *(f"{value:.1f}" for value in figures["tool_mm"]))
    console.print(table)
    periods = f"{figures['missed']} of {len(divergence.stamp_s) - 1} control periods"
    console.print(f"in {periods} the arm did not do as commanded\n{folder / 'replay.png'}", soft_wrap=True)
