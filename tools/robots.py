"""Robots by the word after `--robot`."""

from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from control import config
from control.config import RobotConfig
from control.errors import UserError
from control.interfaces import Robot
from control.remote import RemoteRobot
from hardware.address import open_arm
from hardware.promptness import ACTING, prompt
from sim.robot import SimRobot
from sim.scene import plant
from tools.rig import TwinArm
from tools.shipped import EXPERIMENT, FAST

RECORDED = "twin:"
REMOTE = ("ipc://", "tcp://")


def open_robot(name: str, wanted: RobotConfig, realtime: bool = False) -> Robot:
    """The robot called `name`: `sim`, `twin`, `real`, the YAML file of an arm, or the endpoint of a served robot.

    `twin:PATH` is a twin that records what its arm does, to a new file.

    Raises:
        UserError: there is no such robot, it may not be driven, or the served one is not the `wanted` one.
        LinkTimeout: the endpoint does not answer.
    """
    if name == "sim":
        return SimRobot(wanted, realtime)
    if name == "twin" or name.startswith(RECORDED):
        return TwinArm(wanted, Path(name.removeprefix(RECORDED)) if name.startswith(RECORDED) else None)
    if name == "real" or name.endswith(".yaml"):
        return open_arm(None if name == "real" else Path(name), wanted)
    if not name.startswith(REMOTE):
        raise UserError(
            f"no robot called {name}; name sim, twin, real, an arm's .yaml, or an endpoint such as ipc:///tmp/arm"
        )
    robot = RemoteRobot(name)
    if fault := _misfit(robot, wanted) or _another_plant(robot, wanted):
        robot.close()
        raise UserError(f"the robot at {name} {fault}")
    return robot


def punctual(robot: Robot, beside: bool) -> AbstractContextManager[bool]:
    """Real-time priority for the thread that acts on an arm, which does not wait for it; nothing on a simulator.

    Enter it last: a thread that is started within inherits the priority.

    Args:
        beside: whether a person stands beside, whose dead-man must not wait for the policy either.
    """
    return nullcontext(False) if robot.spec.plant or beside else prompt(ACTING)


def fitting_config(robot: str, named: str | None, default: str) -> str:
    """The configuration to use: the named one, else the shipped one that a served robot runs at, else `default`."""
    if named or not robot.startswith(REMOTE):
        return named or default
    with closing(RemoteRobot(robot)) as served:
        fits = [name for name in (EXPERIMENT, FAST) if not _misfit(served, robot_section(name))]
    return fits[0] if fits else default


def require_simulator(name: str, what: str) -> None:
    """Raises UserError where the robot called `name` is one arm in one room, and `what` would change nothing."""
    simulated = not (name in ("twin", "real") or name.startswith(RECORDED) or name.endswith(".yaml"))
    if name.startswith(REMOTE):
        with closing(RemoteRobot(name)) as served:
            simulated = bool(served.spec.plant)
    if not simulated:
        raise UserError(f"{name} is one arm in one room, and stays so; {what} is for a simulator: --robot sim")


def robot_section(name: str, *assignments: str) -> RobotConfig:
    """The robot section of a configuration, with some settings changed. Raises ConfigError."""
    values = config.override(config.read(name), assignments)
    return config.build(RobotConfig, values.get("robot", {}), name)


def _another_plant(robot: Robot, config: RobotConfig) -> str:
    """What a served simulator is made of that the configuration does not ask for; empty when nothing, or no simulator.

    A user's own model is told by its content, wherever the file lies.
    """
    theirs, wanted = robot.spec.plant, plant(config)
    for key, value in wanted.items():
        if not theirs or theirs.get(key) == value:
            continue
        if key == "model":
            return "has another model than the configuration asks for; give both sides the same --model, or none"
        return (
            f"has robot.{key} {theirs.get(key)}, the configuration asks for {value}; "
            f"serve it with --set robot.{key}={value}, or use --set robot.{key}={theirs.get(key)}"
        )
    return ""


def _misfit(robot: Robot, config: RobotConfig) -> str:
    """How a served robot differs from what the configuration asks for; empty when it does not."""
    spec, px = robot.spec, config.camera_px
    if spec.hz != config.hz:
        wanted = f"{config.hz:g}"
        return f"runs at {spec.hz:g} Hz, the configuration asks for {wanted}; serve it with --set robot.hz={wanted}"
    if spec.profile != config.profile:
        wanted = f"the configuration asks for {config.profile}; use --set robot.profile={spec.profile}"
        return f"has the servos {spec.profile}, {wanted} or serve the other"
    sizes = {name: policy for name, (_, policy) in spec.cameras.items()}
    if (px, px) not in sizes.values():
        return (
            f"gives pictures of {sizes}, the configuration asks for {px}x{px}; serve it with --set robot.camera_px={px}"
        )
    return ""
