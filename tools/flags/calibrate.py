"""The flags of `twinarm calibrate`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from hardware.bus import SLACK_S


@dataclass(frozen=True)
class Arguments:
    """Calibrate an arm by hand: it goes limp, you hold it at zero, then move each joint to both of its stops."""

    port: tyro.conf.Positional[str]
    """Serial port of the arm, such as /dev/serial/by-id/…; twinarm find lists them."""

    output: Path = Path("calibration.json")
    """Where the calibration goes; one that is there is kept as <name>.1."""

    lerobot: Path | None = None
    """Take LeRobot's calibration file of this arm instead of calibrating by hand; its zero is as good as its sweep."""

    export: Path | None = None
    """Write it in LeRobot's form as well."""

    slack_ms: float = 1e3 * SLACK_S
    """How long after its bytes an answer may come; more for a slow adapter."""

    json: bool = False
    """Print the calibration as one line of JSON on stdout."""
