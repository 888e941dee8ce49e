"""The flags of `twinarm serve`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from tools.shipped import EXPERIMENT


@dataclass(frozen=True)
class Arguments:
    """Serve a robot until interrupted: to drive at the endpoint, to watch and to stop at the two beside it."""

    endpoint: str
    """Where to listen: ipc:///tmp/arm (and .watch and .stop), or tcp://127.0.0.1:5555 (and 5556 and 5557)."""

    robot: str = "sim"
    """The robot to serve."""

    realtime: bool = False
    """Let simulated time pass by the clock, commanded or not, instead of only while a step is asked for."""

    config: str = EXPERIMENT
    """Configuration whose robot section is served; lift_fast.yaml for policies of the fast training."""

    keys: Path | None = None
    """File of the clients that may come from other machines, as twinarm keys writes it."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the robot section, each as robot.key=value."""
