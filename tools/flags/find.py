"""The flags of `twinarm find`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """List serial ports and cameras by names that stay. Servos are asked for their ids; nothing moves."""

    output: Path = Path("runs/find")
    """A picture from each camera goes to OUTPUT/<date>/camera_N.png."""

    devices: Path = Path("/dev")
    """Where devices are."""

    json: bool = False
    """Print what was found as one line of JSON on stdout."""
