"""Operators by the word after `--device`."""

import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from control.deadman import DeadMan
from control.endpoints import STOPPING, beside
from control.errors import UserError
from control.interfaces import Robot
from control.modes import Word
from control.operating import Intent, Operator, Order
from control.remote import RemoteRobot
from hardware.gamepad import Gamepad
from hardware.keyboard import Keyboard
from hardware.leader import open_leader
from tools.robots import REMOTE

DEVICES = "keyboard, gamepad, gamepad:/dev/input/js0, leader:leader.yaml or leader:/dev/ttyACM1"


class Attended:
    """Somebody who moves by one device, and may give orders by another as well."""

    def __init__(self, mover: Operator, console: Operator):
        self._mover, self._console = mover, console

    def intent(self) -> Intent | None:
        return self._mover.intent()

    def orders(self) -> tuple[Order, ...]:
        return self._mover.orders() + self._console.orders()

    def close(self) -> None:
        for one in (self._mover, self._console):
            one.close()


def require_speed(speed_m_s: float) -> None:
    """Raises UserError for a speed of the tool that nobody drives at."""
    if not 0 < speed_m_s <= 1:
        raise UserError(f"--speed must be above 0 and at most 1 m/s, got {speed_m_s:g}")


def open_operator(name: str, robot_name: str, robot: Robot, tell: Callable[[str], object] = print) -> DeadMan:
    """The operator at the device called `name`, whose letting go halts `robot` at once.

    Args:
        name: one of DEVICES.
        robot_name: what the robot was opened by.
        tell: is told in words what somebody should know.
    Raises:
        UserError: there is no such device, or it cannot be opened; of a leader ConfigError, CalibrationError and
            BusError, too.
    """
    with ExitStack() as opened:
        operator = opened.enter_context(closing(_operator(name, tell)))
        guarded = DeadMan(operator, *_brake(robot_name, robot))
        opened.pop_all()
        return guarded


def _operator(name: str, tell: Callable[[str], object]) -> Operator:
    kind, _, where = name.partition(":")
    with ExitStack() as opened:
        operator: Operator
        if name == "keyboard":
            operator = Keyboard(tell)
        elif kind == "gamepad":
            operator = opened.enter_context(closing(Gamepad(Path(where) if where else None, tell)))
            operator = Attended(operator, Keyboard(tell)) if sys.stdin.isatty() else operator
        elif kind == "leader" and where:
            operator = open_leader(where, opened.enter_context(closing(Keyboard(tell))), tell)
        else:
            raise UserError(f"no device called {name}; name {DEVICES}")
        opened.pop_all()
        return operator


def _brake(name: str, robot: Robot) -> tuple[Callable[[Word], object], tuple[RemoteRobot, ...]]:
    """What halts the robot while another thread waits in its step, and what that opened.

    A simulator has done a period's work when the period begins: there is nothing to be halted before the next tick.
    """
    if robot.spec.plant:
        return lambda word: None, ()
    if name.startswith(REMOTE):
        button = RemoteRobot(beside(name, STOPPING))
        return button.say, (button,)
    return robot.say, ()
