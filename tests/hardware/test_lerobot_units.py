"""LeRobot's degrees and shares, there and back, and as LeRobot's own arithmetic has them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from control.arm import Arm
from control.errors import CalibrationError
from control.types import GRIPPER, JOINTS, ROLL
from hardware.calibration import Calibration
from hardware.lerobot_units import Ends, LeRobotUnits
from tools.world import twin_calibration

ARM = Arm.from_facts()
LIMITS = {name: (float(ARM.lower_rad[j]), float(ARM.upper_rad[j])) for j, name in enumerate(JOINTS)}
OURS = twin_calibration(ARM)
UNITS = ("degrees", "normalised", "radians")


def theirs(calibration: Calibration, name: str, steps: float, degrees: bool) -> float:
    """LeRobot 0.4.4, motors_bus.py `_normalize`, for a servo of 4096 steps."""
    row = calibration.to_lerobot()[name]
    low, high = row["range_min"], row["range_max"]
    if name == "gripper":
        return (steps - low) / (high - low) * 100
    return (steps - (low + high) / 2) * 360 / 4095 if degrees else (steps - low) / (high - low) * 200 - 100


@pytest.mark.parametrize("unit", UNITS)
@given(joints_rad=arrays(np.float64, (3, 6), elements=st.floats(-4, 4)))
def test_there_and_back_gives_the_same_angles(unit, joints_rad):
    units = LeRobotUnits.of(unit, Ends.of_model(LIMITS))
    assert units.to_rad(units.from_rad(joints_rad)) == pytest.approx(joints_rad, abs=1e-9)


@pytest.mark.parametrize("unit", ["degrees", "normalised"])
@given(shares=arrays(np.float64, 6, elements=st.floats(0, 1)))
def test_an_angle_has_the_number_that_lerobot_gives_to_its_reading(unit, shares, tmp_path_factory):
    path = tmp_path_factory.mktemp("calibration") / "arm.json"
    low, high = (
        np.array([getattr(OURS.joints[name], end) for name in JOINTS]) for end in ("lowest_steps", "highest_steps")
    )
    steps = low + shares * (high - low)
    expected = [theirs(OURS, name, each, unit == "degrees") for name, each in zip(JOINTS, steps, strict=True)]
    for text in (json.dumps(OURS.to_lerobot()), None):
        path.unlink(missing_ok=True)
        path.write_text(text) if text else OURS.save(path)
        units = LeRobotUnits.of(unit, Ends.load(path, LIMITS))
        # LeRobot's file says nothing of the zero: its sweep is taken to have reached both stops.
        assert units.from_rad(OURS.to_rad(steps)) == pytest.approx(expected, abs=1.0 if text else 1e-9)


def test_an_arm_at_its_ends_has_the_numbers_of_the_ends():
    units = LeRobotUnits.of("normalised", Ends.of_model(LIMITS))
    low, high = units.from_rad(ARM.lower_rad), units.from_rad(ARM.upper_rad)
    swept = [j for j in range(6) if j not in (ROLL, GRIPPER)]
    assert low[swept] == pytest.approx(-100) and high[swept] == pytest.approx(100)
    assert (low[GRIPPER], high[GRIPPER]) == pytest.approx((0, 100))
    assert -100 < low[ROLL] < high[ROLL] < 100  # LeRobot does not sweep it: its range is a full turn


@pytest.mark.parametrize(
    ("text", "phrase"),
    [(None, "there is no calibration at"), ("{", "is no calibration"), ('{"a": 1}', "lacks shoulder_pan")],
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path, text, phrase):
    path = tmp_path / "arm.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CalibrationError, match=phrase):
        Ends.load(path, LIMITS)
