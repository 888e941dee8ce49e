"""The flags of `twinarm doctor`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """Check this machine, and the arm whose file is given. Nothing is written and nothing moves."""

    arm: Path | None = None
    """File of the arm, as for --robot; default: arm.yaml here, else ~/.config/twinarm/arm.yaml, where there is one."""

    json: bool = False
    """Print one line of JSON for each check instead of the table."""
