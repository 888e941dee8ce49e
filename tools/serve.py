"""`twinarm serve`: put a robot on a ZeroMQ endpoint."""

import signal
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import tyro

from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.gateway import serve_robot
from control.keys import read_keys
from control.types import RobotSpec
from tools.robots import EXPERIMENT, open_robot, robot_section


@dataclass(frozen=True)
class Arguments:
    """Serve a robot until interrupted: to drive at the endpoint, to watch and to stop at the two beside it."""

    endpoint: str
    """Where to listen: ipc:///tmp/arm/wire (and .watch and .stop), or tcp://127.0.0.1:5555 (and 5556 and 5557)."""

    robot: str = "sim"
    """The robot to serve."""

    realtime: bool = False
    """Let simulated time pass by the clock, commanded or not, instead of only while a step is asked for."""

    config: str = EXPERIMENT
    """Configuration whose robot section is served; lift_fast.yaml for policies of the fast training."""

    keys: Path | None = None
    """File of the clients that may come from other machines, as twinarm keys writes it."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the robot section, each as robot.key=value."""


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
