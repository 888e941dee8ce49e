"""`twinarm touch`: a place on the table, shown with the gripper of a limp arm."""

from contextlib import closing

import numpy as np
from rich.console import Console

from control.arm import Arm
from control.errors import CalibrationError, UserError
from hardware.address import FILE, located, read_address
from hardware.bus import Bus
from hardware.calibration import Calibration
from hardware.servos import Servos, let_go
from policies.known import shown
from tools.flags.touch import Arguments
from tools.person import await_enter

NOBODY = "somebody must hold the arm and press Enter; run it in a terminal"


def main(arguments: Arguments) -> None:
    """Let go, wait, read, say where."""
    if (path := located(arguments.robot)) is None:
        raise UserError(f"no {FILE} here nor in ~/.config/twinarm; name the arm's with --robot")
    address = read_address(path)
    calibration = Calibration.load(path.parent / address.calibration)
    with closing(Bus(address.port, slack_s=address.slack_s, retries=2)) as bus:
        if refusals := Servos(bus, calibration).refusals():
            raise UserError("; ".join(refusals))
        await_enter("The arm will go limp and fall: hold it.", NOBODY)
        if holding := let_go(bus, calibration.ids):
            raise CalibrationError(f"servo {', '.join(map(str, holding))} may still hold; switch its supply off and on")
        await_enter("Put its open fingers around the cube, pointing down, as if to grasp it.", NOBODY)
        readings = np.array([bus.read(id, "present_position") for id in calibration.ids])
    place = shown(Arm.from_facts(), calibration.to_rad(readings), arguments.cube_m)
    Console(stderr=True).print(f"twinarm eval told --cube {place} finds it there", soft_wrap=True)
    print(place)
