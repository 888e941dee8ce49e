"""Switching torque on where the arm is, and seeing that it came on and nothing moved."""

import math
from collections.abc import Callable

import numpy as np

from control.errors import BusError, BusLost, ServoSilent
from control.governor import Governor
from control.modes import Armed
from control.types import JOINTS
from hardware.servos import WEAK, WORKING, Servos
from hardware.vitals import NOBODY

STIR_RAD, LOOK_S = 0.018, 0.2  # an arm that moves more than this when torque comes on is let go again
TRIES, SAME_RAD = 3, 0.002  # a step of the encoder is 0.0015
DROOP_RAD = 0.06  # how far a servo that holds may hang below its goal


class Arming:
    """One try after another, each begun and then looked after until it is over."""

    def __init__(self, servos: Servos, governor: Governor, clock: Callable[[], float]):
        self._servos, self._governor, self._clock = servos, governor, clock
        self._before, self._failed, self._switched = [False] * len(JOINTS), "", False
        self._found_rad, self._until_s = np.zeros(len(JOINTS)), 0.0

    def begin(self) -> list[float]:
        """Each servo's own place as its goal, or the goal that it holds already, and a weak torque; gives the goals.
        Raises BusLost."""
        servos, self._failed, self._switched = self._servos, "", False
        try:
            self._before = servos.switched_on()
            servos.set_up()
            servos.limit_torque(WEAK)
            self._found_rad = servos.read(self._clock()).joints_rad
            self._until_s = self._clock() + LOOK_S
            self._governor.start(self._held())
            self._switched = True
            self._give_goals()
            servos.switch([True] * len(JOINTS))
            servos.unbound()
        except BusLost:
            raise
        except BusError as error:
            self._failed = str(error)
        return list(self._governor.reference)

    def _give_goals(self) -> None:
        """Nobody acknowledges a goal, and torque that comes on at an older one flings the joint there."""
        wanted = self._governor.reference
        for _ in range(TRIES):
            self._servos.go_to(wanted, NOBODY)
            apart = np.abs(self._servos.goals_rad() - wanted) > SAME_RAD
            if not apart.any():
                return
        raise ServoSilent(f"{', '.join(np.array(JOINTS)[apart])} did not take its own place as its goal; see its cable")

    def _held(self) -> np.ndarray:
        """(J,) where each is to be held: a loaded servo hangs below its goal, and given its place would sink again."""
        goals = self._servos.goals_rad()
        near = np.abs(goals - self._found_rad) < DROOP_RAD
        return np.where(self._before & near, goals, self._found_rad)

    def look(self, pose_rad: np.ndarray) -> Armed | None:
        """How it ended, with the arm measured at `pose_rad` (J,); None while it is too soon to tell."""
        if self._failed:
            return self._undone(self._failed) if self._switched else Armed(self._failed)
        moved = np.abs(pose_rad - self._found_rad)
        if moved.max() > STIR_RAD:
            joint, way = JOINTS[int(moved.argmax())], math.degrees(moved.max())
            after = "the arm holds as before" if all(self._before) else "was let go again"
            return self._undone(f"{joint} moved {way:.1f} degrees when torque came on, and {after}; hold the arm still")
        return self._come_on() if self._clock() >= self._until_s else None

    def _come_on(self) -> Armed:
        try:
            off = [name for name, on in zip(JOINTS, self._servos.switched_on(), strict=True) if not on]
        except ServoSilent as error:
            off = [str(error)]
        if off:
            return self._undone(f"torque did not come on: {', '.join(off)}")
        self._servos.limit_torque(WORKING)
        return Armed()

    def _undone(self, why: str) -> Armed:
        self._servos.switch(self._before)
        return Armed(why)
