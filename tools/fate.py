"""What mishaps do to a twin's world: to its line, servos, supply, joints and camera."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hardware.mishaps import Mishap, Phase, Spoiler, Timeline, spoils
from hardware.motor import Motor
from hardware.packets import Fault

if TYPE_CHECKING:
    from tools.world import World

MOVING_RAD_S, LIFTED_M = 0.3, 0.02  # an arm that is being armed settles more slowly


class Fate:
    """Lets mishaps happen to a world, each in its time.

    Args:
        spoiler: of the world's line.
    """

    def __init__(self, world: "World", spoiler: Spoiler, mishaps: Sequence[Mishap]):
        self._world, self._spoiler, self._timeline = world, spoiler, Timeline(mishaps)
        self._lasting: list[Mishap] = []

    @property
    def names(self) -> list[str]:
        """What is happening now."""
        return [mishap.what for mishap in self._lasting]

    def step(self, now_s: float) -> None:
        """Begin what is due, end what is over, and go on with the rest."""
        if self._timeline.idle:
            return
        begun, over = self._timeline.step(set(self._phases()), now_s)
        for mishap in over:
            self._lasting.remove(mishap)
            self._change(mishap, False)
            for other in self._lasting:
                if other.what == mishap.what:
                    self._change(other, True)  # it goes on
        for mishap in begun:
            self._lasting.append(mishap)
            self._change(mishap, True)
        for mishap in self._lasting:
            if keep_up := LASTING.get(mishap.what):
                for motor in _hit(self._world, mishap):
                    keep_up(motor, mishap.much)

    def _change(self, mishap: Mishap, begins: bool) -> None:
        if spoils(mishap):
            self._spoiler.running = [m for m in self._lasting if spoils(m)]
        elif change := CHANGES.get(mishap.what):
            change(self._world, mishap, begins)

    def _phases(self) -> Iterator[Phase]:
        world = self._world
        yield "start"
        if any(motor.servo["torque_enable"] for motor in world.motors):
            yield "torque"
            if np.abs(world.plant.speed_rad_s).max() > MOVING_RAD_S:
                yield "motion"
        if world.plant.cube_at_m[2] - world.plant.cube_m / 2 > LIFTED_M:
            yield "lift"


def _hit(world: "World", mishap: Mishap) -> list[Motor]:
    return [motor for joint, motor in enumerate(world.motors) if mishap.concerns(joint)]


def _silence(world: "World", mishap: Mishap, begins: bool) -> None:
    ids = {motor.servo["id"] for motor in _hit(world, mishap)}
    world.line.chain.deaf = world.line.chain.deaf | ids if begins else world.line.chain.deaf - ids


def _unplug(world: "World", mishap: Mishap, begins: bool) -> None:
    if begins:
        world.line.unplug()
    else:
        world.line.plug()


def _reset(world: "World", mishap: Mishap, begins: bool) -> None:
    for motor in _hit(world, mishap) if begins else ():
        motor.servo.power_up()


def _sag(world: "World", mishap: Mishap, begins: bool) -> None:
    world.supply_V = mishap.much if begins else world.nominal_V


def _jam(world: "World", mishap: Mishap, begins: bool) -> None:
    for joint in range(len(world.motors)):
        if mishap.concerns(joint):
            world.plant.jam(joint, mishap.much if begins else None)


def _film(world: "World", mishap: Mishap, begins: bool) -> None:
    world.film[mishap.what] = mishap.much if begins and mishap.much else float(begins)


CHANGES: dict[str, Callable[["World", Mishap, bool], None]] = {
    "silent": _silence,
    "unplug": _unplug,
    "reset": _reset,
    "sag": _sag,
    "jam": _jam,
    "frozen": _film,
    "black": _film,
    "slow": _film,
}


def _overload(motor: Motor, much: float) -> None:
    motor.complain(motor.servo.faults | Fault.OVERLOAD)


def _heat(motor: Motor, much: float) -> None:
    motor.celsius = much


LASTING: dict[str, Callable[[Motor, float], None]] = {"overload": _overload, "heat": _heat}
