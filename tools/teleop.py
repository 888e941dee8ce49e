"""`twinarm teleop`: drive a robot by keys, gamepad or leader arm."""

import signal
from contextlib import closing

from control import config
from control.arm import Arm
from control.config import RobotConfig
from control.types import ResetRequest
from policies.driving import Driving
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from tools.flags.teleop import Arguments
from tools.operators import open_operator, require_speed
from tools.robots import FAST, fitting_config, open_robot
from tools.status_line import StatusLine


def main(arguments: Arguments) -> None:
    """Open, drive, leave it holding."""
    require_speed(arguments.speed)
    request = ResetRequest("home", arguments.seed)
    name = fitting_config(arguments.robot, arguments.config, FAST)
    values = config.override(config.read(name), arguments.set)
    wanted = config.build(RobotConfig, values.get("robot", {}), name)
    spaces = Spaces(config.build(SpacesConfig, values.get("spaces", {}), name), Arm.of(wanted.model))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the terminal would be left without echo
    with (
        closing(StatusLine()) as line,
        closing(open_robot(arguments.robot, wanted, realtime=True)) as robot,
        closing(open_operator(arguments.device, arguments.robot, robot, line.tell)) as operator,
    ):
        policy = Teleoperated(operator, robot, spaces, arguments.speed)
        Driving(robot, operator, policy, line.tell, line.show).until_over(request)
