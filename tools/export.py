"""`twinarm export`: a dataset for other people's learning."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import Episode
from control.errors import UserError
from control.outputs import appearing, refuse_present
from control.types import JOINTS
from hardware.lerobot_units import Ends, LeRobotUnits, Limits
from tools.flags.export import Arguments
from training import lerobot_export, robomimic_export


def main(arguments: Arguments) -> None:
    """Write it beside its place and give it its name when it is whole."""
    console = Console(stderr=True)
    dataset = Dataset.open(arguments.dataset)
    refuse_present(arguments.output)
    chosen = [i for i in dataset.indices() if not arguments.successes or dataset.outcome(i).success]
    if not chosen:
        raise UserError(f"no episode of {arguments.dataset} succeeded; leave --successes out to export the others")
    units = LeRobotUnits.of(arguments.units, ends(arguments.calibration))
    with appearing(arguments.output) as part:
        episodes = _read(dataset, chosen, console)
        if arguments.to == "lerobot":
            lerobot_export.export(episodes, dataset.info, units, part)
        else:
            robomimic_export.export(episodes, dataset.info, part)
    console.print(f"{len(chosen)} episodes for {arguments.to}: {arguments.output}", soft_wrap=True)
    if arguments.json:
        print(msgspec.json.encode({"episodes": len(chosen), "output": str(arguments.output)}).decode())


def _read(dataset: Dataset, chosen: list[int], console: Console) -> Iterator[Episode]:
    for index in track(chosen, "exporting", console=console, transient=True):
        yield dataset.read(index)


def ends(calibration: Path | None) -> Ends:
    """Where LeRobot has the ends of the joints' ranges, by a calibration file or by the model alone."""
    arm = Arm.from_facts()
    limits: Limits = {name: (float(arm.lower_rad[j]), float(arm.upper_rad[j])) for j, name in enumerate(JOINTS)}
    return Ends.of_model(limits) if calibration is None else Ends.load(calibration, limits)
