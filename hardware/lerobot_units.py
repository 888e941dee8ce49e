"""Joint angles in LeRobot's numbers: degrees from the middle of the swept range, or shares of it.

LeRobot writes nowhere which of them a dataset holds; a gripper is 0 to 100 in both.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import numpy as np

from control.errors import CalibrationError
from control.types import GRIPPER, JOINTS, ROLL, keep_vectors
from hardware.calibration import FULL_TURN, STEPS_PER_RAD, Calibration
from hardware.registers import STEPS_PER_TURN

Unit = Literal["degrees", "normalised", "radians"]
Limits = Mapping[str, tuple[float, float]]
# LeRobot counts 4095 steps to a turn here, and an encoder has 4096.
RAD_PER_DEGREE = math.radians(1) * (STEPS_PER_TURN - 1) / STEPS_PER_TURN


@dataclass(frozen=True, eq=False)
class Ends:
    """Where LeRobot has the ends of each joint's range: two arrays (J,), radians of the model."""

    lower_rad: np.ndarray
    upper_rad: np.ndarray

    def __post_init__(self) -> None:
        keep_vectors(self, ("lower_rad", "upper_rad"), len(JOINTS))

    @classmethod
    def of_model(cls, limits_rad: Limits) -> Self:
        """Of an arm whose sweep reached the model's stops exactly, and that LeRobot calibrated: its wrist_roll is not
        swept, and its range a full turn."""
        lower, upper = (np.array([limits_rad[name][end] for name in JOINTS], float) for end in (0, 1))
        middle, half_turn = (lower[ROLL] + upper[ROLL]) / 2, sum(FULL_TURN) / 2 / STEPS_PER_RAD
        lower[ROLL], upper[ROLL] = middle - half_turn, middle + half_turn
        return cls(lower, upper)

    @classmethod
    def load(cls, path: Path, limits_rad: Limits) -> Self:
        """From a calibration file, this project's or LeRobot's. Raises CalibrationError for a file that is neither."""
        try:
            values = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except FileNotFoundError:
            raise CalibrationError(f"there is no calibration at {path}") from None
        except msgspec.MsgspecError as error:
            raise CalibrationError(f"{path} is no calibration: {error}") from None
        if "joints" in values:
            calibration = Calibration.load(path)
            return cls(calibration.lower_rad, calibration.upper_rad)
        calibration = Calibration.from_lerobot(values, limits_rad)
        lower, upper = (np.array([values[name][end] for name in JOINTS]) for end in ("range_min", "range_max"))
        return cls(calibration.to_rad(lower), calibration.to_rad(upper))


@dataclass(frozen=True, eq=False)
class LeRobotUnits:
    """Both directions between radians and a unit of LeRobot's; a gripper's is always 0 to 100, but for radians."""

    unit: Unit
    zero_rad: np.ndarray  # (J,) the angle that is 0
    rad_per_unit: np.ndarray  # (J,)

    def __post_init__(self) -> None:
        keep_vectors(self, ("zero_rad", "rad_per_unit"), len(JOINTS))
        if not (self.rad_per_unit > 0).all():
            raise ValueError(f"rad_per_unit must be positive, got {self.rad_per_unit}")

    @classmethod
    def of(cls, unit: Unit, ends: Ends) -> Self:
        """As LeRobot has it for an arm of these ends."""
        if unit == "radians":
            return cls(unit, np.zeros(len(JOINTS)), np.ones(len(JOINTS)))
        span = ends.upper_rad - ends.lower_rad
        zero, step = (ends.lower_rad + ends.upper_rad) / 2, np.full(len(JOINTS), RAD_PER_DEGREE)
        if unit == "normalised":
            step = span / 200
        step[GRIPPER], zero[GRIPPER] = span[GRIPPER] / 100, ends.lower_rad[GRIPPER]
        return cls(unit, zero, step)

    def to_rad(self, values: np.ndarray) -> np.ndarray:
        """(..., J) in this unit to radians."""
        return self.zero_rad + values * self.rad_per_unit

    def from_rad(self, joints_rad: np.ndarray) -> np.ndarray:
        """(..., J) radians to this unit."""
        return (joints_rad - self.zero_rad) / self.rad_per_unit
