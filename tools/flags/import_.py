"""The flags of `twinarm import`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from tools.shipped import FAST


@dataclass(frozen=True)
class Arguments:
    """Make demonstrations of a LeRobot dataset of version 3 that an SO-101 recorded, for train --bootstrap."""

    dataset: tyro.conf.Positional[Path]
    """Folder of the LeRobot dataset."""

    output: Path
    """Folder of the demonstrations; nothing may be there."""

    config: str = FAST
    """Configuration of the training that they are for: control rate, picture, what an action is."""

    units: Literal["degrees", "normalised", "radians"] | None = None
    """Of its joint angles, which LeRobot does not write down: degrees, normalised (-100 to 100) or radians. Not needed
    for what twinarm exported."""

    calibration: Path | None = None
    """Of the arm that recorded it: LeRobot's file or this project's; default: its sweep reached the model's stops."""

    camera: str | None = None
    """Which of its cameras is the policy's; default: the one of the same name, or the only one."""

    lifted: bool = False
    """Every episode is a success: needed where the dataset does not say which are."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON on stdout."""
