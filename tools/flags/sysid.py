"""The flags of `twinarm sysid`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """Move an arm through steps and chirps of every joint and out into the air, 50 seconds long, and fit the
    simulator's servos to what it did. The file that comes of it is a profile: --set robot.profile=FILE."""

    output: Path
    """New YAML file for the profile."""

    robot: str = "twin"
    """The arm: twin, real, or the YAML file of one. It goes home first; nothing may be in its way."""

    base: str = "measured"
    """Profile that gives what is not fitted: armature, gears' damping, force."""

    json: bool = False
    """Print profile and errors as one line of JSON on stdout."""
