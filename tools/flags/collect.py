"""The flags of `twinarm collect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Arguments:
    """Record scripted grasps as a dataset. The same command again records what is missing."""

    output: Path
    """Folder of the dataset."""

    episodes: int | None = None
    """How many episodes; default: the configuration's demos.episodes."""

    curriculum_stage: str | None = None
    """Where an episode starts: home, lifted, grasped, near, far, or 0 to 4; default: the configuration's."""

    script: Literal["scripted", "sighted", "told", "crude"] | None = None
    """scripted: is told where the cube is at every step, and tries again. sighted: the same, but finds the cube in the
    wrist camera's picture. told: the same, but believes it to be at --cube. crude: open-loop timing. Default: the
    configuration's."""

    cube: str | None = None
    """Where the cube is laid, always: x,y,yaw in metres and degrees; default: anywhere in the configuration's box."""

    noise: float | None = None
    """Of the executed actions, in action units (their labels stay clean); default: the configuration's demos.noise,
    and none for crude."""

    seed: int = 0
    """Seed of the first episode; the others follow."""

    any_calibration: bool = False
    """Go on with a dataset even where it was recorded by an arm calibrated otherwise."""

    workers: int | None = None
    """Processes with a simulator of their own; default: as many as cores, fewer for few episodes."""

    cluster: str | None = None
    """A Ray cluster to record on instead: its address, or local. Its machines must see OUTPUT as a common folder."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    config: str | None = None
    """Configuration of the training this is for; default: drqv2_lift_s3_v13.yaml, or what a served robot runs at."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON on stdout."""
