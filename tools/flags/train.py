"""The flags of `twinarm train`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Train DrQ-v2, bootstrapped with demonstrations as the configuration says."""

    config: str = "lift_fast.yaml"
    """Configuration file, or the name of a shipped one."""

    bootstrap: Path | None = None
    """Folder of demonstrations that `collect` made."""

    curriculum_stage: str | None = None
    """Where an episode starts; default: the configuration's."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    seed: int | None = None
    """Of everything random; default: the configuration's."""

    output: Path = Path("runs")
    """The run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""
