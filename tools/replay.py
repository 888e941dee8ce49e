"""`twinarm replay`: a recorded episode on a robot again, and how far it then is from where it was."""

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import DatasetInfo
from tools.robots import FAST, open_robot
from training import replay_figure, settings
from training.replaying import Divergence, replay
from training.settings import TrainConfig


@dataclass(frozen=True)
class Arguments:
    """Play a recorded episode on a robot: it goes to the episode's start first, slowly, then each target that was in
    force is commanded at its time."""

    dataset: tyro.conf.Positional[Path]
    """Folder of the dataset."""

    episode: int = 0
    """Which one."""

    robot: str = "sim"
    """sim, twin, real, an arm's .yaml, or the endpoint of a served robot."""

    any_calibration: bool = False
    """Replay even on an arm calibrated otherwise than the one that recorded it."""

    config: str = FAST
    """Configuration of the robot; rate and pictures are the dataset's."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    output: Path = Path("runs/replay")
    """The figure goes to OUTPUT/<date>/replay.png, its figures to replay.json."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Replay, draw, tell."""
    console = Console(stderr=True)
    dataset = Dataset.open(arguments.dataset)
    config, episode = configured(arguments, dataset.info), dataset.read(arguments.episode)
    with closing(open_robot(arguments.robot, config.robot)) as robot:
        if not arguments.any_calibration:
            dataset.require_calibration(robot.spec.calibration, arguments.episode)
        with console.status(f"replaying {len(episode)} steps"):
            divergence = replay(episode, robot, Arm.of(config.robot.model))
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    folder.mkdir(parents=True)
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
