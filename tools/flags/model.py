"""The flags of `twinarm model`."""

from dataclasses import dataclass
from pathlib import Path

from control.config import RobotConfig


@dataclass(frozen=True)
class Arguments:
    """Write the arm's MJCF, with its wrist camera and actuators, for use elsewhere."""

    out: Path
    """File to write; an existing one is left alone."""

    profile: str = RobotConfig().profile
    """Actuator profile: measured, menagerie, bam_p32, bam_p16, or a file of twinarm sysid."""

    force: bool = False
    """Replace an existing file."""
