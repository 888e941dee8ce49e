"""`twinarm setup-servos`: each servo of a new arm gets its id, one after another."""

from rich.console import Console

from control.errors import BusError, CalibrationError, UserError
from control.types import JOINTS
from hardware.bus import BAUD
from hardware.calibrating import IDS
from hardware.enrolment import alone, enrol
from hardware.port import opened
from tools.flags.setup_servos import Arguments
from tools.person import await_enter

NOBODY = "somebody must connect one servo after another and press Enter; run it in a terminal"


def main(arguments: Arguments) -> None:
    """Ask for one servo after another, from the gripper to the base, as their cables go."""
    if unknown := [name for name in arguments.only if name not in JOINTS]:
        raise UserError(f"no joint {', '.join(unknown)}; there are: {', '.join(JOINTS)}")
    opened(arguments.port, BAUD).close()  # before a person is asked to connect anything to it
    console = Console(stderr=True)
    for name, id in reversed(list(zip(JOINTS, IDS, strict=True))):
        if arguments.only and name not in arguments.only:
            continue
        while not enrolled(arguments.port, name, id, console):
            pass
    console.print("all done: connect them all again, then run twinarm calibrate")


def enrolled(port: str, name: str, id: int, console: Console) -> bool:
    """Whether it went well; what did not is said, and may be tried again. Raises UserError where nobody is there."""
    await_enter(f"Connect the servo of {name} alone, with power.", NOBODY)
    try:
        found = alone(port)
        enrol(port, found, id)
    except (CalibrationError, BusError) as error:
        console.print(str(error), soft_wrap=True)
        return False
    console.print(f"{name}: servo {id} (it was {found.id}, at {found.baud} baud)")
    return True
