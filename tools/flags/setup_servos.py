"""The flags of `twinarm setup-servos`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Give each servo its id and baud rate: connect one, press Enter, go on to the next. Nothing moves."""

    port: tyro.conf.Positional[str]
    """Serial port that the servos are connected to, such as /dev/ttyACM0."""

    only: tuple[str, ...] = ()
    """Joints whose servos are new, such as gripper; default: all six."""
