"""The flags of `twinarm audit`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from tools.shipped import EXPERIMENT


@dataclass(frozen=True)
class Arguments:
    """Roll out success and the traps beside it, and say what each reward pays for them."""

    rewards: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names in configs/rewards.yaml; default: all of them."""

    config: str = EXPERIMENT
    """Configuration whose task, control rate and discount are audited."""

    dataset: Path | None = None
    """Look at the demonstrations in this folder instead, as `collect` and `train` do."""

    resets: int = 3
    """From how many starts; the figures are means over them."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    output: Path = Path("runs/audit")
    """The figure goes to OUTPUT/<date>/audit.png."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""
