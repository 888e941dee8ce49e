"""`twinarm serve`: put a robot on a ZeroMQ endpoint."""

import sys
import threading
from collections.abc import Callable
from contextlib import closing

from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.gateway import serve_robot
from control.keeper import bound_memory, kept
from control.keys import read_keys
from control.types import RobotSpec
from tools.flags.serve import Arguments
from tools.robots import open_robot, robot_section


def main(arguments: Arguments) -> None:
    """Open the robot, say so in one line, answer until SIGINT or SIGTERM; and again if something kills what answers."""
    if arguments.realtime and arguments.robot != "sim":
        raise UserError(f"--realtime is for sim; the robot at {arguments.robot} keeps its own time")
    kept(
        lambda where, opened, stop: serve(arguments, where or arguments.endpoint, opened, stop),
        lambda what: print(f"twinarm: what served the robot died of {what}; it is begun anew", file=sys.stderr),
    )


def serve(arguments: Arguments, endpoint: str, opened: Callable[[str], object], stop: threading.Event) -> None:
    """In a process of its own, whose memory is bounded once it holds what it needs."""
    keys = read_keys(arguments.keys) if arguments.keys else None
    with closing(open_robot(arguments.robot, robot_config(arguments), arguments.realtime)) as robot:
        described = f"serving {arguments.robot}, {pictures(robot.spec)}"

        def ready(where: str) -> None:
            bound_memory()
            opened(where)
            print(f"{described}, at {where}", flush=True)

        serve_robot(robot, endpoint, stop, ready, keys)


def robot_config(arguments: Arguments) -> RobotConfig:
    """The robot section of the configuration, with the flags put in. Raises ConfigError for any other setting."""
    for assignment in arguments.set:
        if not assignment.startswith("robot."):
            raise ConfigError(f"--set {assignment}: serve takes settings of the robot alone, such as robot.hz=10")
    model = () if arguments.model is None else (f"robot.model={arguments.model}",)
    return robot_section(arguments.config, *arguments.set, *model)


def pictures(spec: RobotSpec) -> str:
    """Its rate and pictures in a few words."""
    cameras = ", ".join(f"{name} {height}x{width}" for name, (_, (height, width)) in spec.cameras.items())
    return f"{spec.hz:g} Hz, {cameras or 'no camera'}"
