"""Calibration: which servo is which joint, where the model's zero is on it, and how far it turns.

The zero is a pose, not the middle of a sweep: whoever calibrates holds the arm as the model stands at zero, and the
encoders are read there. The sweep to the stops that follows only says how far each joint turns, and thereby whether
pose and servos were the right ones. Angles are radians of the model, encoder readings steps of 4096 to a turn.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from control.config import require
from control.errors import CalibrationError
from control.types import JOINTS
from hardware.packets import BROADCAST
from hardware.registers import STEPS_PER_TURN, STS3215

STEPS_PER_RAD = STEPS_PER_TURN / (2 * math.pi)
MIDDLE = STEPS_PER_TURN // 2
MOST_OFFSET = STS3215["homing_offset"].largest
END_RAD = 0.15  # how far a stop may be from where the model has it: printed parts differ
SHIFT_RAD = 0.09  # how far both may be off the same way: then it is the zero that is wrong
FULL_TURN = (0, STEPS_PER_TURN - 1)  # what LeRobot writes for a wrist_roll that it does not sweep


class JointCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One joint's servo."""

    id: int
    homing_offset: int  # in its EEPROM
    zero_steps: int  # what it reads where the model's joint is at zero, with that offset
    lowest_steps: int  # what it reads at its stops
    highest_steps: int

    def __post_init__(self) -> None:
        require(0 <= self.id < BROADCAST, f"id must be 0 to {BROADCAST - 1}, got {self.id}")
        offset, zero = self.homing_offset, self.zero_steps
        require(abs(offset) <= MOST_OFFSET, f"homing_offset must be within {MOST_OFFSET} steps, got {offset}")
        require(abs(zero) < 2 * STEPS_PER_TURN, f"zero_steps must be within two turns, got {zero}")

    @property
    def remembered(self) -> dict[str, int]:
        """What the servo keeps of it, by register."""
        return {
            "homing_offset": self.homing_offset,
            "min_position": self.lowest_steps,
            "max_position": self.highest_steps,
        }


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An arm's six joints, by name."""

    joints: dict[str, JointCalibration]

    def __post_init__(self) -> None:
        if sorted(self.joints) != sorted(JOINTS):
            raise ValueError(f"a calibration has the joints {', '.join(JOINTS)}; this one {', '.join(self.joints)}")
        ids = [self.joints[name].id for name in JOINTS]
        if len(set(ids)) != len(ids):
            raise ValueError(f"two joints have one servo: ids {ids}")
        for name, joint in self.joints.items():
            if not 0 <= joint.lowest_steps < joint.highest_steps < STEPS_PER_TURN:
                ends = f"{joint.lowest_steps} to {joint.highest_steps}"
                raise ValueError(f"{name} reads {ends}, and an encoder 0 to {STEPS_PER_TURN - 1}; calibrate it anew")

    @property
    def ids(self) -> tuple[int, ...]:
        """Servos in the order of `JOINTS`."""
        return tuple(self.joints[name].id for name in JOINTS)

    @property
    def digest(self) -> str:
        """What tells this calibration from any other; in every episode and checkpoint made with it."""
        rows = {name: msgspec.to_builtins(self.joints[name]) for name in JOINTS}
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def to_rad(self, steps: np.ndarray) -> np.ndarray:
        """Readings (J,) to joint angles (J,)."""
        return (steps - self._zeros) / STEPS_PER_RAD

    def to_steps(self, joints_rad: np.ndarray) -> np.ndarray:
        """Joint angles (J,) to goals (J,), whole steps."""
        return np.rint(joints_rad * STEPS_PER_RAD + self._zeros).astype(int)

    @property
    def _zeros(self) -> np.ndarray:
        return np.array([self.joints[name].zero_steps for name in JOINTS], float)

    @property
    def lower_rad(self) -> np.ndarray:
        """(J,) where the lower stops are."""
        return self.to_rad(np.array([self.joints[name].lowest_steps for name in JOINTS]))

    @property
    def upper_rad(self) -> np.ndarray:
        """(J,) where the upper stops are."""
        return self.to_rad(np.array([self.joints[name].highest_steps for name in JOINTS]))

    def save(self, path: Path) -> None:
        """Write it; one that was there is kept beside it, as `<name>.1`, `.2`…

        Raises:
            OSError: there is no room, or no permission.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.part")
        with new.open("w") as file:
            file.write(json.dumps(msgspec.to_builtins(self), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and path.read_bytes() != new.read_bytes():
            kept = next(spare for n in range(1, 10_000) if not (spare := path.with_name(f"{path.name}.{n}")).exists())
            shutil.copy2(path, kept)  # not renamed: whoever is killed now leaves the old one where it was
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CalibrationError for a file that is none."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            raise CalibrationError(f"there is no calibration at {path}; make one with twinarm calibrate") from None
        except OSError as error:
            raise CalibrationError(f"{path} cannot be read: {error.strerror}") from None
        except msgspec.MsgspecError as error:
            raise CalibrationError(f"{path} is no calibration: {error}") from None

    def to_lerobot(self) -> dict[str, dict[str, int]]:
        """As LeRobot's JSON has it: its zero is the middle of the range."""
        return {
            name: {
                "id": joint.id,
                "drive_mode": 0,
                "homing_offset": joint.homing_offset,
                "range_min": joint.lowest_steps,
                "range_max": joint.highest_steps,
            }
            for name, joint in ((name, self.joints[name]) for name in JOINTS)
        }

    @classmethod
    def from_lerobot(cls, values: Mapping[str, Any], limits_rad: Mapping[str, tuple[float, float]]) -> Self:
        """From LeRobot's JSON, whose sweep is taken to have reached both stops: the zero is only as good as that.

        Raises:
            CalibrationError: a joint is missing, or its sweep is not one of this joint.
        """
        try:
            rows = {name: msgspec.convert(values[name], LeRobotJoint) for name in JOINTS}
            return cls({name: _from_lerobot(name, row, limits_rad[name]) for name, row in rows.items()})
        except KeyError as error:
            raise CalibrationError(f"LeRobot's calibration lacks {error.args[0]}") from None
        except (msgspec.ValidationError, ValueError) as error:
            raise CalibrationError(f"this is no calibration of LeRobot's: {error}") from None


class LeRobotJoint(msgspec.Struct, frozen=True):
    """One joint in LeRobot's JSON."""

    id: int
    drive_mode: int
    homing_offset: int
    range_min: int
    range_max: int


def _from_lerobot(name: str, row: LeRobotJoint, limits_rad: tuple[float, float]) -> JointCalibration:
    if row.drive_mode:
        raise CalibrationError(f"{name} has drive_mode {row.drive_mode}, which no SO-101 needs; calibrate it anew")
    middle_rad = sum(limits_rad) / 2
    zero = round((row.range_min + row.range_max) / 2 - middle_rad * STEPS_PER_RAD)
    low, high = row.range_min, row.range_max
    if (low, high) == FULL_TURN:
        low, high = (round(zero + limit * STEPS_PER_RAD) for limit in limits_rad)
    return checked(name, JointCalibration(row.id, row.homing_offset, zero, low, high), limits_rad)


class Sweep:
    """How far a joint was turned either way from where it was first seen, through any number of wraps."""

    def __init__(self, steps: int):
        self.first = self._last = steps
        self.lowest = self.highest = self._turned = 0

    def see(self, steps: int) -> None:
        """The next reading, taken before the joint has gone half a turn."""
        self._turned += (steps - self._last + MIDDLE) % STEPS_PER_TURN - MIDDLE
        self._last = steps
        self.lowest, self.highest = min(self.lowest, self._turned), max(self.highest, self._turned)


def calibrated(name: str, id: int, sweep: Sweep, limits_rad: tuple[float, float]) -> JointCalibration:
    """From readings that began at the zero pose with no offset in the servo.

    Args:
        limits_rad: where the model has the stops.
    Raises:
        CalibrationError: the stops that were reached are not this joint's.
    """
    # One angle in 4096 needs an offset that the register cannot hold; then the zero is a step off the middle.
    offset = max(-MOST_OFFSET, min(MOST_OFFSET, sweep.first - MIDDLE))
    zero = sweep.first - offset
    return checked(name, JointCalibration(id, offset, zero, zero + sweep.lowest, zero + sweep.highest), limits_rad)


def checked(name: str, joint: JointCalibration, limits_rad: tuple[float, float]) -> JointCalibration:
    """The joint itself. Raises CalibrationError where its stops are not where the model has them."""
    reached = (joint.lowest_steps - joint.zero_steps, joint.highest_steps - joint.zero_steps)
    off_rad = [steps / STEPS_PER_RAD - limit for steps, limit in zip(reached, limits_rad, strict=True)]
    for end, off, limit in zip(("lower", "upper"), off_rad, limits_rad, strict=True):
        if abs(off) > END_RAD:
            raise CalibrationError(
                f"{name}: its {end} stop was found at {math.degrees(limit + off):.0f} degrees from zero, the model has "
                f"it at {math.degrees(limit):.0f}; move it to both stops, and see that servo {joint.id} is this joint's"
            )
    shift = sum(off_rad) / 2
    if abs(shift) > SHIFT_RAD:
        raise CalibrationError(
            f"{name}: both stops lie {math.degrees(shift):+.1f} degrees from where the model has them; "
            "hold it at the model's zero more exactly when you begin"
        )
    return joint
