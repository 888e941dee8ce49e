"""`twinarm teleop`: drive a robot by keys, gamepad or leader arm."""

import signal
from contextlib import closing
from dataclasses import dataclass

import tyro

from control import config
from control.arm import Arm
from control.config import RobotConfig
from control.errors import UserError
from control.types import ResetRequest
from policies.driving import Driving
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from tools.operators import open_operator
from tools.robots import FAST, fitting_config, open_robot
from tools.status_line import StatusLine


@dataclass(frozen=True)
class Arguments:
    """Drive a robot: it glides home, then moves while you hold a key, the gamepad's dead-man or a leader arm, and
    stands as soon as you let go. docs/operate.md tells the keys."""

    robot: str = "sim"
    """sim (in real time), twin, real, an arm's .yaml, or the endpoint of a served robot."""

    device: str = "keyboard"
    """keyboard, gamepad, gamepad:/dev/input/js0, leader:leader.yaml or leader:/dev/ttyACM1."""

    speed: float = 0.5
    """Share of a policy's full action that full motion means, above 0 to 1."""

    seed: int = 0
    """Where the cube lies, in sim and on the twin."""

    config: str | None = None
    """Configuration of robot and spaces; default: what a served robot runs at, else lift_fast.yaml."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value; spaces.actions=joints follows a leader joint by joint."""


def main(arguments: Arguments) -> None:
    """Open, drive, leave it holding."""
    if not 0 < arguments.speed <= 1:
        raise UserError(f"--speed must be above 0 and at most 1, got {arguments.speed}")
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
