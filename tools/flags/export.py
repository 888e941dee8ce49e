"""The flags of `twinarm export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Arguments:
    """Write a dataset in another project's form, with everything in it that the form has a place for."""

    dataset: tyro.conf.Positional[Path]
    """Folder of a dataset."""

    to: Literal["lerobot", "robomimic"]
    """lerobot: a folder, LeRobot's dataset version 3. robomimic: one HDF5 file."""

    output: Path
    """Where it goes; nothing may be there."""

    units: Literal["degrees", "normalised", "radians"] = "degrees"
    """Of LeRobot's joint angles: degrees, as its SO-101 follower has them; normalised, if that was set not to use
    degrees; or radians of the model."""

    calibration: Path | None = None
    """Of the arm whose angles LeRobot's are to be: this project's file or LeRobot's; default: one whose stops are where
    the model has them."""

    successes: bool = False
    """Leave out the episodes that did not succeed."""

    json: bool = False
    """Print one line of JSON on stdout."""
