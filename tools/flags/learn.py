"""The flags of `twinarm learn`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from tools.shipped import LIVE


@dataclass(frozen=True)
class Arguments:
    """Learn from what actors live through (twinarm act), and send them the newest weights while they run."""

    endpoint: tyro.conf.Positional[str]
    """Where actors find it: ipc:///tmp/learner, or tcp://127.0.0.1:5700."""

    run: Path | None = None
    """A run to go on with, such as runs/latest; without it a new one begins."""

    config: str = LIVE
    """Configuration file of a new run, or the name of a shipped one."""

    bootstrap: Path | None = None
    """Folder of the demonstrations that a new run learns from."""

    curriculum_stage: str | None = None
    """Where an episode of a new run starts; default: the configuration's."""

    output: Path = Path("runs")
    """A new run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    keys: Path | None = None
    """File of the clients that may come from other machines, as twinarm keys writes it."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of a new run's configuration, each as key=value."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""
