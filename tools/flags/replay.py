"""The flags of `twinarm replay`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from tools.shipped import FAST


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
