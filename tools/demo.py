"""`twinarm demo`: the main job, from nothing to a film."""

import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from sim.stages import stage_name
from tools import training
from training import runs, settings
from training.job import OWN_DEMONSTRATIONS
from training.settings import TrainConfig


@dataclass(frozen=True)
class Arguments:
    """Collect demonstrations, clone them, improve by reinforcement, evaluate on unseen resets, film."""

    stage: str | None = None
    """Where an episode starts: home, lifted, grasped, near, far, or 0 to 4; default: the configuration's."""

    config: str | None = None
    """Configuration; default: lift_fast.yaml, and lift_home.yaml for the stages home and far."""

    seed: int = 0
    """Of everything random."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    output: Path = Path("runs")
    """The run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""


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
