"""`twinarm train`: a new run."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from control.errors import UserError
from sim.stages import stage_name
from tools import training
from training import runs, settings


@dataclass(frozen=True)
class Arguments:
    """Train DrQ-v2, bootstrapped with demonstrations as the configuration says."""

    config: str = "lift_fast.yaml"
    """Configuration file, or the name of a shipped one."""

    bootstrap: Path | None = None
    """Folder of demonstrations that `collect` made."""

    curriculum_stage: str | None = None
    """Where an episode starts; default: the configuration's."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    seed: int | None = None
    """Of everything random; default: the configuration's."""

    output: Path = Path("runs")
    """The run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Train, evaluate, report."""
    console = Console(stderr=True)
    if arguments.bootstrap is not None and not arguments.bootstrap.is_dir():
        raise UserError(f"there is no dataset at {arguments.bootstrap}; make one with twinarm collect")
    flags = {
        "bootstrap.path": arguments.bootstrap and str(arguments.bootstrap.resolve()),
        "task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage),
        "robot.model": arguments.model and str(Path(arguments.model).resolve()),
        "run_on": arguments.robot,
        "seed": arguments.seed,
    }
    config = settings.load(arguments.config, arguments.set, flags)
    training.check(config)
    with runs.begun(arguments.output, config) as (folder, start):
        console.print(f"run {folder}", soft_wrap=True)
        report = training.train(folder, config.run_on, console, start)
    training.tell(folder, report, console, arguments.json)
