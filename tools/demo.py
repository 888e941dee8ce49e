"""`twinarm demo`: the main job, from nothing to a film."""

import time
from pathlib import Path

from rich.console import Console

from sim.stages import stage_name
from tools import training
from tools.flags.demo import Arguments
from training import runs, settings
from training.job import OWN_DEMONSTRATIONS
from training.settings import TrainConfig


def main(arguments: Arguments) -> None:
    """Run the whole job in a new folder. Killed at any time, it goes on with `twinarm resume`."""
    console, started = Console(stderr=True), time.monotonic()
    config = configured(arguments)
    training.check(config)
    if before := runs.earlier(arguments.output, config.name):
        console.print(f"{len(before)} earlier runs stay where they are; the first is {before[0]}", soft_wrap=True)
    with runs.begun(arguments.output, config) as (folder, start):
        console.print(f"run {folder}", soft_wrap=True)
        report = training.train(folder, config.run_on, console, start)
    training.tell(folder, report, console, arguments.json)
    console.print(f"{time.monotonic() - started:.0f} s in all")


def configured(arguments: Arguments) -> TrainConfig:
    """The configuration with the flags put in. Raises ConfigError, UserError."""
    stage = arguments.stage and stage_name(arguments.stage)
    name = arguments.config or ("lift_home.yaml" if stage in ("home", "far") else "lift_fast.yaml")
    flags = {
        "task.stage": stage,
        "seed": arguments.seed,
        "run_on": arguments.robot,
        "robot.model": arguments.model and str(Path(arguments.model).resolve()),
        "bootstrap.path": OWN_DEMONSTRATIONS,
    }
    return settings.load(name, arguments.set, flags)
