"""The flags of `twinarm record`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Record episodes of somebody at the controls: drive, look at the clip, then keep, redo or discard. The same
    command again records what is missing."""

    output: Path
    """Folder of the dataset."""

    episodes: int = 10
    """How many to keep."""

    robot: str = "sim"
    """sim, twin, real, an arm's .yaml, or the endpoint of a served robot."""

    device: str = "keyboard"
    """What is in your hands, as in teleop; or synthetic: a made-up person who lifts the cube where the robot tells the
    truth, late, trembling and with pauses."""

    who: str = ""
    """Who is at the controls; noted with every episode."""

    speed: float = 0.1
    """Of the tool in m/s at full motion; a full action is the fastest there is."""

    limit_s: float = 60.0
    """After which an episode ends as it is."""

    curriculum_stage: str | None = None
    """Where an episode starts; default: the configuration's."""

    seed: int = 0
    """Of the first episode; the others follow. A discarded start is not offered again."""

    any_calibration: bool = False
    """Go on with a dataset even where it was recorded by an arm calibrated otherwise."""

    config: str | None = None
    """Configuration of the training this is for; default: lift_fast.yaml, or what a served robot runs at."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON on stdout."""
