"""Calibrating an arm by hand: it is limp, somebody holds it at the model's zero, then moves every joint to both stops.

Nothing is written to a servo before all six were found to be what they should be; until then only torque goes off.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from control.errors import CalibrationError
from control.types import JOINTS
from hardware.bus import Bus
from hardware.calibration import END_RAD, MIDDLE, STEPS_PER_RAD, Calibration, Sweep, calibrated
from hardware.registers import STEPS_PER_TURN, STS3215
from hardware.servos import MODEL, let_go, settings

IDS = tuple(range(1, len(JOINTS) + 1))  # as setup-servos gives them, in the order of JOINTS
STILL_STEPS, STILL_S = 8, 0.3  # how much an arm that is held may tremble, and for how long it is watched


@dataclass(frozen=True)
class Reach:
    """How far a joint has been turned, radians from zero, and how far the model says that it turns."""

    lowest_rad: float
    highest_rad: float
    limits_rad: tuple[float, float]

    @property
    def enough(self) -> bool:
        """Whether both stops can have been reached."""
        low, high = self.limits_rad
        return self.lowest_rad < low + END_RAD and self.highest_rad > high - END_RAD


class Calibrating:
    """One calibration, step by step: `of`, `hold_zero`, `look` as often as may be, `result`, `write`.

    Args:
        limits_rad: where the model has each joint's stops, by name.
    """

    def __init__(self, bus: Bus, limits_rad: Mapping[str, tuple[float, float]], offsets: Sequence[int]):
        self._bus, self._limits, self._offsets = bus, limits_rad, offsets
        self._sweeps: dict[str, Sweep] = {}

    @classmethod
    def of(cls, bus: Bus, limits_rad: Mapping[str, tuple[float, float]]) -> Self:
        """See that all six are there, and let them go limp.

        Raises:
            CalibrationError: one is missing or another model; nothing was let go.
            BusLost: the port is gone.
        """
        silent = [f"{id} ({name})" for name, id in zip(JOINTS, IDS, strict=True) if bus.ping(id) is None]
        if silent:
            raise CalibrationError(
                f"no answer from servo {', '.join(silent)}; see cables and power, and that twinarm setup-servos was run"
            )
        if strange := [id for id in IDS if bus.read(id, "model") != MODEL]:
            raise CalibrationError(f"servo {', '.join(map(str, strange))} is no STS3215 (model {MODEL})")
        if holding := let_go(bus, IDS):
            raise CalibrationError(f"servo {', '.join(map(str, holding))} may still hold; switch its supply off and on")
        return cls(bus, limits_rad, [bus.read(id, "homing_offset") for id in IDS])

    def hold_zero(self) -> None:
        """Take the pose the arm is held in for the model's zero. Raises CalibrationError where it is not held still."""
        readings = [self._angles()]
        until_s = time.monotonic() + STILL_S
        while time.monotonic() < until_s:
            readings.append(self._angles())
        unwrapped = (np.array(readings) - readings[0] + MIDDLE) % STEPS_PER_TURN - MIDDLE
        trembling = np.ptp(unwrapped, axis=0)
        if trembling.max() > STILL_STEPS:
            name, steps = JOINTS[int(trembling.argmax())], int(trembling.max())
            raise CalibrationError(f"{name} moved by {steps / STEPS_PER_RAD:.3f} rad meanwhile; hold the arm still")
        middle = (readings[0] + np.rint(np.median(unwrapped, axis=0)).astype(int)) % STEPS_PER_TURN
        self._sweeps = {name: Sweep(int(steps)) for name, steps in zip(JOINTS, middle, strict=True)}

    def look(self) -> dict[str, Reach]:
        """Read every joint once more; how far each has been. To be called before a joint can have gone half a turn."""
        for sweep, steps in zip(self._sweeps.values(), self._angles().tolist(), strict=True):
            sweep.see(steps)
        return {
            name: Reach(sweep.lowest / STEPS_PER_RAD, sweep.highest / STEPS_PER_RAD, self._limits[name])
            for name, sweep in self._sweeps.items()
        }

    def result(self) -> Calibration:
        """Raises CalibrationError for a joint whose stops are not where the model has them."""
        rows = zip(JOINTS, IDS, strict=True)
        return Calibration({name: calibrated(name, id, self._sweeps[name], self._limits[name]) for name, id in rows})

    def _angles(self) -> np.ndarray:
        """(J,) encoder steps without the offset that each servo now has. Raises CalibrationError, BusLost."""
        answers = self._bus.sync_read(IDS, "present_position")
        if answers.missing:
            raise CalibrationError(f"servo {', '.join(map(str, answers.missing))} fell silent; see its cable")
        row = STS3215["present_position"]
        read = [row.decode(answers.data[id]) + offset for id, offset in zip(IDS, self._offsets, strict=True)]
        return np.array(read) % STEPS_PER_TURN


def strange(bus: Bus, calibration: Calibration) -> list[str]:
    """Which servos hold another offset than this calibration has, in words. Raises ServoSilent, BusLost."""
    held = {name: bus.read(joint.id, "homing_offset") for name, joint in calibration.joints.items()}
    return [
        f"servo {joint.id} ({name}) holds homing_offset {held[name]}, the file {joint.homing_offset}"
        for name, joint in calibration.joints.items()
        if held[name] != joint.homing_offset
    ]


def write(bus: Bus, calibration: Calibration) -> int:
    """Let the servos remember it, and what a driver relies on; how many registers were different.

    Raises:
        ServoSilent, NotKept, BusLost: it may be written in part; the same again completes it.
    """
    joints = calibration.joints.values()
    return sum(bus.remember(joint.id, settings(bus, joint.id) | joint.remembered) for joint in joints)
