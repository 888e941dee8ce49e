"""Operators by the word after `--device`."""

from collections.abc import Callable
from contextlib import ExitStack, closing

from control.deadman import DeadMan
from control.endpoints import STOPPING, beside
from control.errors import UserError
from control.interfaces import Robot
from control.modes import Word
from control.operating import Operator
from control.remote import RemoteRobot
from hardware.keyboard import Keyboard
from tools.robots import REMOTE

DEVICES = "keyboard"


def open_operator(name: str, robot_name: str, robot: Robot, tell: Callable[[str], object] = print) -> DeadMan:
    """The operator at the device called `name`, whose letting go halts `robot` at once.

    Args:
        name: `keyboard`, `gamepad`, `gamepad:/dev/input/js0`, `leader:leader.yaml` or `leader:/dev/ttyACM1`.
        robot_name: what the robot was opened by.
        tell: is told in words what somebody should know.
    Raises:
        UserError: there is no such device, or it cannot be opened.
    """
    with ExitStack() as opened:
        operator = opened.enter_context(closing(_operator(name, tell)))
        brake, rest = brake_of(robot_name, robot)
        guarded = DeadMan(operator, brake, rest)
        opened.pop_all()
        return guarded


def _operator(name: str, tell: Callable[[str], object]) -> Operator:
    if name == "keyboard":
        return Keyboard(tell)
    raise UserError(f"no device called {name}; name {DEVICES}")


def brake_of(name: str, robot: Robot) -> tuple[Callable[[Word], object], tuple[RemoteRobot, ...]]:
    """What halts the robot while another thread waits in its step, and what that opened.

    A simulator has done a period's work when the period begins: there is nothing to be halted before the next tick.
    """
    if robot.spec.plant:
        return lambda word: None, ()
    if name.startswith(REMOTE):
        button = RemoteRobot(beside(name, STOPPING))
        return button.say, (button,)
    return robot.say, ()
