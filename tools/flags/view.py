"""The flags of `twinarm view`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from tools.shipped import FAST


@dataclass(frozen=True)
class Arguments:
    """Show a robot in a browser on this machine, and let whoever sits there drive it and stop it. Nothing moves before
    somebody takes the arm there. From elsewhere: ssh -L 8080:localhost:8080, and the same address."""

    robot: str = "sim"
    """sim, twin, real, an arm's .yaml, or the endpoint of a served robot."""

    runs: Path = Path("runs")
    """The folder whose runs the second tab shows."""

    port: int = 8080
    """Of 127.0.0.1, the only address; 0 takes any free one."""

    record: Path | None = None
    """Folder of a dataset to which what is driven is recorded, as twinarm record does: the buttons keep, redo, discard
    and label episodes. Pictures are then those of the configuration."""

    episodes: int = 10
    """How many to record."""

    who: str = ""
    """Who is at the controls; noted with every episode."""

    any_calibration: bool = False
    """Go on with a dataset even where it was recorded by an arm calibrated otherwise."""

    config: str = FAST
    """Configuration whose robot section describes the arm."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the robot section, each as robot.key=value."""
