"""What the servos say of themselves in a cycle, and what is wrong with it.

The block of registers 56 to 70 of all six servos costs 1.4 ms on the wire at 1 Mbaud, so everything is read in every
cycle. Thresholds: the firmware cuts at 70 degrees Celsius, so the arm is parked before; six servos that hold the arm
stretched out draw a third of their torque at most, so a joint at more than half of it that gets nowhere has met
something (and 60 % is all it is allowed).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from control.modes import Faults, Severity
from control.types import GRIPPER, JOINTS
from hardware.bus import Answers
from hardware.calibration import STEPS_PER_RAD, Calibration
from hardware.packets import Fault

FIRST, SIZE = 56, 15  # the registers of a cycle
ROW = np.dtype(
    {
        "names": ["position", "speed", "load", "volts", "celsius", "status", "current"],
        "formats": ["<u2", "<u2", "<u2", "u1", "u1", "u1", "<u2"],
        "offsets": [0, 2, 4, 6, 7, 9, 13],
        "itemsize": SIZE,
    }
)
SIGNS = {"position": 15, "speed": 15, "load": 10, "current": 15}  # of sign and magnitude
AMPERES = 0.0065
SILENT_S = 0.025  # for which a servo's last values are still good: two cycles, not three, however late each begins
STALLED, HOT, SAGGED = "stalled", "hot", "low supply"
JUMP_RAD = 0.5  # no joint turns so far in a cycle
JUMPS = 3
HEAT = ((65, Severity.FAULT), (60, Severity.DERATE), (55, Severity.WARN))  # from so many degrees Celsius
SAG = 0.8  # of the voltage that was found
SAGGING = ((1.0, Severity.FAULT), (0.1, Severity.HOLD), (0.0, Severity.DERATE))  # for so many seconds
NAP_S = 1.0
STALL_LOAD, STALL_RAD, STALL_S = 0.55, 0.052, 0.5
TOLD = {
    Fault.VOLTAGE: ("voltage", Severity.HOLD),
    Fault.SENSOR: ("encoder", Severity.FAULT),
    Fault.TEMPERATURE: ("over-temperature", Severity.FAULT),
    Fault.CURRENT: ("over-current", Severity.FAULT),
    Fault.OVERLOAD: ("overload", Severity.FAULT),
}
UNLOADING = int(Fault.VOLTAGE | Fault.SENSOR | Fault.TEMPERATURE | Fault.CURRENT)  # an overload only weakens
NOBODY = np.zeros(len(JOINTS), bool)


@dataclass(frozen=True)
class Reading:
    """All servos in one cycle, in the order of `JOINTS`; of a silent one, what it last said."""

    joints_rad: np.ndarray  # (J,)
    speed_rad_s: np.ndarray  # (J,)
    load: np.ndarray  # (J,) of the full duty, in [-1, 1]
    volts: np.ndarray  # (J,)
    celsius: np.ndarray  # (J,)
    amperes: np.ndarray  # (J,)
    status: np.ndarray  # (J,) uint8, bits of packets.Fault
    heard_s: np.ndarray  # (J,) when each was last heard

    @property
    def unloaded(self) -> np.ndarray:
        """(J,) bool: who says that it switched itself off."""
        return (self.status & UNLOADING) != 0


def told(name: str, reading: Reading | None) -> str:
    """A fault's name for people, with the number behind it."""
    joint, _, what = name.partition(": ")
    if reading is None or joint not in JOINTS:
        return name
    j = JOINTS.index(joint)
    numbers = {HOT: f" ({reading.celsius[j]:.0f} degrees Celsius)", SAGGED: f" ({reading.volts[j]:.1f} V)"}
    return name + numbers.get(what, "")


class Senses:
    """Turns answers into readings, and remembers who said what."""

    def __init__(self, calibration: Calibration):
        self._calibration, self._ids = calibration, calibration.ids
        self._rows = np.zeros(len(JOINTS), ROW)
        self._heard_s = np.full(len(JOINTS), -np.inf)
        self._jumps = np.zeros(len(JOINTS), int)

    def read(self, answers: Answers, now_s: float) -> Reading:
        """The reading at `now_s`; a position that no joint can have got to is left out, unless it persists."""
        for j, id in enumerate(self._ids):
            if (data := answers.data.get(id)) is None:
                continue
            row = np.frombuffer(data, ROW)[0]
            moved = abs(int(row["position"]) - int(self._rows[j]["position"])) / STEPS_PER_RAD
            jumped = moved > JUMP_RAD and np.isfinite(self._heard_s[j])
            self._jumps[j] = self._jumps[j] + 1 if jumped else 0
            if not jumped or self._jumps[j] >= JUMPS:
                self._rows[j] = row
            self._heard_s[j] = now_s
        value = {name: _signed(self._rows[name], bit) for name, bit in SIGNS.items()}
        return Reading(
            joints_rad=self._calibration.to_rad(value["position"]),
            speed_rad_s=value["speed"] / STEPS_PER_RAD,
            load=np.clip(value["load"] / 1000.0, -1.0, 1.0),
            volts=self._rows["volts"] / 10.0,
            celsius=self._rows["celsius"].astype(float),
            amperes=value["current"] * AMPERES,
            status=self._rows["status"].copy(),
            heard_s=self._heard_s.copy(),
        )

    @property
    def astray(self) -> np.ndarray:
        """(J,) bool: whose encoder has jumped and stayed there."""
        return self._jumps >= JUMPS


def _signed(raw: np.ndarray, bit: int) -> np.ndarray:
    magnitude = (raw & ((1 << bit) - 1)).astype(float)
    return np.where(raw >> bit & 1, -magnitude, magnitude)


def slept_s() -> float:
    """For how long this computer has slept since it was started: the clocks that we go by stand still meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() if hasattr(time, "CLOCK_BOOTTIME") else 0.0


class Vitals:
    """What is wrong, cycle after cycle.

    Args:
        nominal_V: what the servos were found to be supplied with.
        slept_s: for how long this computer has slept so far.
    """

    def __init__(self, nominal_V: float, slept_s: Callable[[], float] = slept_s):
        self._least_V, self._slept_s, self._dozed_s = SAG * nominal_V, slept_s, slept_s()
        self._well_s: dict[str, float] = {}

    def faults(self, reading: Reading, astray: np.ndarray, reference_rad: np.ndarray, now_s: float) -> Faults:
        """By name and how much they matter.

        Args:
            astray: (J,) bool, of `Senses`.
            reference_rad: (J,) where the servos are told to be.
        """
        found: list[tuple[str, Severity]] = []
        for j, name in enumerate(JOINTS):
            found += [(f"{name}: {what}", grave) for what, grave in self._of(j, reading, reference_rad[j], now_s)]
            if astray[j]:
                found.append((f"{name}: encoder jumped", Severity.FAULT))
        before_s, self._dozed_s = self._dozed_s, self._slept_s()
        if (nap_s := self._dozed_s - before_s) > NAP_S:  # nobody expects the arm to go on where it was so long ago
            found.append((f"this computer slept for {nap_s:.0f} s", Severity.FAULT))
        return tuple(found)

    def _of(self, j: int, reading: Reading, reference_rad: float, now_s: float) -> Iterator[tuple[str, Severity]]:
        yield from (told for bit, told in TOLD.items() if int(reading.status[j]) & bit)
        if now_s - reading.heard_s[j] > SILENT_S:
            yield "silent", Severity.HOLD
        if heat := next((severity for limit, severity in HEAT if reading.celsius[j] >= limit), None):
            yield HOT, heat
        sagging_s = self._lasting(f"sag {j}", reading.volts[j] < self._least_V, now_s)
        if sagging_s is not None:
            yield SAGGED, next(severity for since_s, severity in SAGGING if sagging_s >= since_s)
        stalled_s = self._lasting(f"stall {j}", _pushing(j, reading, reference_rad), now_s)
        if stalled_s is not None and stalled_s > STALL_S:
            yield STALLED, Severity.HOLD

    def _lasting(self, what: str, is_so: bool, now_s: float) -> float | None:
        """For how long it has been so; None while it is not."""
        if not is_so:
            self._well_s.pop(what, None)
            return None
        return now_s - self._well_s.setdefault(what, now_s)


def _pushing(j: int, reading: Reading, reference_rad: float) -> bool:
    """Hard against something. Not the gripper: what holds a cube always is, and has a limited torque instead."""
    off_rad = abs(reference_rad - reading.joints_rad[j])
    return j != GRIPPER and bool(abs(reading.load[j]) > STALL_LOAD and off_rad > STALL_RAD)
