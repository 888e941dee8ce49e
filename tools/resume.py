"""`twinarm resume`: go on with a run that was stopped or killed."""

from rich.console import Console

from tools import training
from tools.flags.resume import Arguments
from training import runs


def main(arguments: Arguments) -> None:
    """Train to the end, evaluate, report."""
    console, folder = Console(stderr=True), arguments.run.resolve()
    robot = arguments.robot or runs.read_config(folder).run_on
    training.tell(folder, training.train(folder, robot, console), console, arguments.json)
