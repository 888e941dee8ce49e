"""`twinarm resume`: go on with a run that was stopped or killed."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from tools import training
from training import runs


@dataclass(frozen=True)
class Arguments:
    """Continue a run from its newest checkpoint, as if it had never stopped."""

    run: tyro.conf.Positional[Path]
    """Folder of the run, such as runs/latest."""

    robot: str | None = None
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm; default: the one it was begun on."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Train to the end, evaluate, report."""
    console, folder = Console(stderr=True), arguments.run.resolve()
    robot = arguments.robot or runs.read_config(folder).run_on
    training.tell(folder, training.train(folder, robot, console), console, arguments.json)
