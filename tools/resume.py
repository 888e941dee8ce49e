"""`twinarm resume`: go on with a run that was stopped or killed."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from tools import training


@dataclass(frozen=True)
class Arguments:
    """Continue a run from its newest checkpoint, as if it had never stopped."""

    run: tyro.conf.Positional[Path]
    """Folder of the run, such as runs/latest."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Train to the end, evaluate, report."""
    console, folder = Console(stderr=True), arguments.run.resolve()
    training.tell(folder, training.train(folder, arguments.robot, console), console, arguments.json)
