"""The flags of `twinarm touch`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """Show where the cube lies: the arm goes limp, you put its open fingers around the cube as if to grasp it. What is
    printed is for --cube; the arm stays limp."""

    robot: Path | None = None
    """YAML file of the arm; default: arm.yaml here, or the one in ~/.config/twinarm."""

    cube_m: float = 0.03
    """Side of the cube."""
