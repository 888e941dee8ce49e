"""The flags of `twinarm demo`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Collect demonstrations, clone them, improve by reinforcement, evaluate on unseen resets, film."""

    stage: str | None = None
    """Where an episode starts: home, lifted, grasped, near, far, or 0 to 4; default: the configuration's."""

    config: str | None = None
    """Configuration; default: lift_fast.yaml, and lift_home.yaml for the stages home and far."""

    seed: int = 0
    """Of everything random."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    output: Path = Path("runs")
    """The run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""
