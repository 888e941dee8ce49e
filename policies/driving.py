"""Somebody drives a robot: their orders and their motion, tick by tick, until they quit."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from control.deadman import DeadMan
from control.errors import CameraError, CommandRefused, UserError
from control.interfaces import Robot
from control.modes import Mode, Word
from control.operating import Order
from control.types import AS_FOUND, GRIPPER, JOINTS, Observation, ResetRequest
from policies.teleop import Teleoperated

IDLE_S = 0.05  # between looks for orders while there is nothing to be driven
ONWARD = "h clears it and goes home, q leaves it so"


@dataclass(frozen=True)
class Moment:
    """A tick, for people."""

    mode: str  # of the safety machine
    held: bool  # somebody holds the dead-man
    gripper_rad: float
    limited: bool
    tick_s: float  # from this command to the next one
    acting_s: float  # of it, until the command was given
    late: int  # ticks so far
    apart: str  # by how much a leader is away from where it may be followed; empty where it is not

    def __str__(self) -> str:
        if self.apart:
            return self.apart
        doing, gripper = "driven" if self.held else "stands", f"gripper {math.degrees(self.gripper_rad):3.0f}°"
        limited = "limited" if self.limited else "free   "
        times = f"{1e3 * self.tick_s:.0f} ms a tick, {1e3 * self.acting_s:.0f} to act, {self.late} late"
        return f"{self.mode}, {doing}  {gripper}  {limited}  {times}"


class Driving:
    """One operator's turn at a robot.

    Args:
        tell: is told in words what somebody should know.
        show: is shown every tick.
    """

    def __init__(
        self,
        robot: Robot,
        operator: DeadMan,
        policy: Teleoperated,
        tell: Callable[[str], object],
        show: Callable[[Moment], object],
    ):
        self._robot, self._operator, self._policy = robot, operator, policy
        self._tell, self._show = tell, show
        self._ready = self._over = False  # it may be driven; somebody quit
        self._seen: Observation | None = None  # what the next command answers; None where it must look first

    def until_over(self, request: ResetRequest) -> None:
        """Start an episode, and let it be driven until somebody quits. Raises what the robot raises when it is gone."""
        self._policy.reset()
        self._begin(request)
        while not self._over:
            for order in self._operator.orders():
                self._obey(order)
            if self._ready and not self._over:
                self._tick()
            else:
                time.sleep(IDLE_S)

    def _tick(self) -> None:
        began_s = time.monotonic()
        try:
            command = self._policy.act(self._seen or self._robot.observe())
            acted_s = time.monotonic()
            self._seen = self._robot.step(command)
        except CommandRefused as error:
            self._ready = False
            self._tell(f"{error}; {ONWARD}")
        except CameraError as error:
            self._lose_sight(error)
        else:
            self._show(self._moment(self._seen, time.monotonic() - began_s, acted_s - began_s))

    def _lose_sight(self, error: CameraError) -> None:
        """Nothing is driven that is not seen; it goes on by itself."""
        if self._seen is not None:
            self._robot.halt()
            self._tell(f"{error}; the arm stands until it is seen again")
        self._seen, self._policy.held = None, False
        time.sleep(IDLE_S)

    def _moment(self, seen: Observation, tick_s: float, acting_s: float) -> Moment:
        health = self._robot.health()
        return Moment(
            mode=health.state,
            held=self._policy.held,
            gripper_rad=float(seen.joints_rad[GRIPPER]),
            limited=seen.limited,
            tick_s=tick_s,
            acting_s=acting_s,
            late=health.late_ticks,
            apart=apart(self._policy.apart_rad),
        )

    def _obey(self, order: Order) -> None:
        if order is Order.QUIT:
            self._over = True
            if self._seen is not None:
                self._policy.rest(self._seen)
        elif order is Order.STOP:
            self._robot.say(Word.STOP)
            self._ready = False
            self._tell(f"stopped; {ONWARD}")
        elif order is Order.HOME:
            self._go_home()
        elif order is Order.FRAME and self._seen is not None:
            self._policy.face(self._seen)
            self._tell("forwards is now where the tool points")

    def _go_home(self) -> None:
        """Which is an operator's word that what was latched has been seen."""
        if self._robot.health().state in (Mode.STOPPED, Mode.FAULT):
            self._robot.say(Word.CLEAR)
        self._begin(ResetRequest(AS_FOUND))

    def _begin(self, request: ResetRequest) -> None:
        self._operator.stand()
        self._policy.held, self._seen = False, None
        try:
            self._seen = self._robot.reset(request)
            self._ready = True
        except CameraError as error:
            self._ready = True
            self._tell(f"{error}; the arm stands until it is seen again")
        except UserError as error:
            self._ready = False
            self._tell(f"{error}; {ONWARD}")


def apart(rad: np.ndarray | None) -> str:
    """Which joints (J,) a leader has to be brought nearer by, and by how much."""
    if rad is None:
        return ""
    far = [f"{name} {math.degrees(off):+.0f}" for name, off in zip(JOINTS, rad.tolist(), strict=True) if off]
    return f"bring the leader nearer, in degrees: {', '.join(far)}"
