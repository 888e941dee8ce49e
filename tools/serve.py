"""`twinarm serve`: put a robot on a ZeroMQ endpoint."""

import signal
import threading
from contextlib import closing

from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.gateway import serve_robot
from control.keys import read_keys
from control.types import RobotSpec
from tools.flags.serve import Arguments
from tools.robots import open_robot, robot_section


def main(arguments: Arguments) -> None:
    """Open the robot, say so in one line, answer until SIGINT or SIGTERM."""
    if arguments.realtime and arguments.robot != "sim":
        raise UserError(f"--realtime is for sim; the robot at {arguments.robot} keeps its own time")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with closing(open_robot(arguments.robot, robot_config(arguments), arguments.realtime)) as robot:
        line = f"serving {arguments.robot}, {described(robot.spec)}"
        keys = read_keys(arguments.keys) if arguments.keys else None
        serve_robot(robot, arguments.endpoint, stop, lambda opened: print(f"{line}, at {opened}", flush=True), keys)


def robot_config(arguments: Arguments) -> RobotConfig:
    """The robot section of the configuration, with the flags put in. Raises ConfigError for any other setting."""
    for assignment in arguments.set:
        if not assignment.startswith("robot."):
            raise ConfigError(f"--set {assignment}: serve takes settings of the robot alone, such as robot.hz=10")
    model = () if arguments.model is None else (f"robot.model={arguments.model}",)
    return robot_section(arguments.config, *arguments.set, *model)


def described(spec: RobotSpec) -> str:
    """Its rate and pictures in a few words."""
    cameras = ", ".join(f"{name} {height}x{width}" for name, (_, (height, width)) in spec.cameras.items())
    return f"{spec.hz:g} Hz, {cameras or 'no camera'}"
