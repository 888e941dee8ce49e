"""`twinarm model`: the arm as MJCF."""

import sys

from control import arm
from control.actuators import actuator
from control.errors import UserError
from sim.scene import arm_spec
from tools.flags.model import Arguments


def main(arguments: Arguments) -> None:
    """Compile the arm and write it."""
    if arguments.out.exists() and not arguments.force:
        raise UserError(f"{arguments.out} exists; name another file or say --force")
    spec = arm_spec(arm.facts(), actuator(arguments.profile))
    spec.compile()
    arguments.out.write_text(spec.to_xml())
    print(f"{arguments.out}: joints {', '.join(joint.name for joint in spec.joints)}", file=sys.stderr)
