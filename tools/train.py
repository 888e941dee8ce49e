"""`twinarm train`: a new run."""

from pathlib import Path

from rich.console import Console

from control.errors import UserError
from sim.stages import stage_name
from tools import training
from tools.flags.train import Arguments
from training import runs, settings


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
    training.refuse_idle(arguments.bootstrap, config)
    training.check(config)
    with runs.begun(arguments.output, config) as (folder, start):
        console.print(f"run {folder}", soft_wrap=True)
        report = training.train(folder, config.run_on, console, start)
    training.tell(folder, report, console, arguments.json)
