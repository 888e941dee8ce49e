"""The flags of `twinarm align`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """Look at one cube on the table from sixteen poses and find the wrist camera's place, direction and field of view.
    The file that comes of it is a mount: --set robot.wrist_camera=FILE, for the simulator and for `sighted` alike."""

    output: Path
    """New YAML file for the mount; beside it a picture: the arm's view, the simulator's, one laid over the other."""

    robot: str = "twin"
    """The arm: twin, real, the YAML file of one, or sim."""

    base: str | None = None
    """Mount to begin with; default: the shipped one."""

    cube_m: float = 0.03
    """Side of the cube."""

    cube_rgb: tuple[float, float, float] = (0.85, 0.1, 0.1)
    """Its colour, each in 0 to 1."""

    json: bool = False
    """Print the mount and the errors as one line of JSON on stdout."""
