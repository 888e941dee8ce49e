"""`twinarm model`: the arm as MJCF."""

import sys
from dataclasses import dataclass
from pathlib import Path

from control import arm
from control.actuators import actuator
from control.config import RobotConfig
from control.errors import UserError
from sim.scene import arm_spec


@dataclass(frozen=True)
class Arguments:
    """Write the arm's MJCF, with its wrist camera and actuators, for use elsewhere."""

    out: Path
    """File to write; an existing one is left alone."""

    profile: str = RobotConfig().profile
    """Actuator profile: measured, menagerie, bam_p32, bam_p16, or a file of twinarm sysid."""

    force: bool = False
    """Replace an existing file."""


def main(arguments: Arguments) -> None:
    """Compile the arm and write it."""
    if arguments.out.exists() and not arguments.force:
        raise UserError(f"{arguments.out} exists; name another file or say --force")
    spec = arm_spec(arm.facts(), actuator(arguments.profile))
    spec.compile()
    arguments.out.write_text(spec.to_xml())
    print(f"{arguments.out}: joints {', '.join(joint.name for joint in spec.joints)}", file=sys.stderr)
