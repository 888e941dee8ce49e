"""Calibration: from hidden encoder offsets to the model's angles and back, and refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.arm import Arm
from control.errors import CalibrationError
from control.types import JOINTS
from hardware.calibration import STEPS_PER_RAD, Calibration, JointCalibration, Sweep, calibrated

ARM = Arm.from_facts()
LIMITS = {name: (float(ARM.lower_rad[j]), float(ARM.upper_rad[j])) for j, name in enumerate(JOINTS)}


def swept(limits: tuple[float, float], mount: int, held_rad: float = 0.0, pace_rad: float = 0.05) -> Sweep:
    """What a servo reads whose encoder stands at `mount` where the joint is at zero."""

    def reading(angle_rad: float) -> int:
        return (mount + round(angle_rad * STEPS_PER_RAD)) % 4096

    sweep = Sweep(reading(held_rad))
    for goal in (*limits, held_rad):
        start = held_rad if goal == limits[0] else limits[0] if goal == limits[1] else limits[1]
        for angle in np.linspace(start, goal, 2 + int(abs(goal - start) / pace_rad)):
            sweep.see(reading(float(angle)))
    return sweep


def calibration(mounts: dict[str, int]) -> Calibration:
    return Calibration(
        {name: calibrated(name, j, swept(LIMITS[name], mounts[name]), LIMITS[name]) for j, name in enumerate(JOINTS, 1)}
    )


@pytest.mark.parametrize("seed", range(20))
def test_hidden_offsets_and_ranges_are_found_wherever_the_encoder_wraps(seed):
    rng = np.random.default_rng(seed)
    for name, limits in LIMITS.items():
        mount = int(rng.choice([0, 1, 2047, 2048, 4095, rng.integers(4096)]))
        ends = limits[0] + rng.uniform(-0.08, 0.08), limits[1] + rng.uniform(-0.08, 0.08)
        joint = calibrated(name, 1, swept(ends, mount), limits)
        for angle in np.linspace(*ends, 9):
            reading = (mount + round(angle * STEPS_PER_RAD) - joint.homing_offset) % 4096
            assert math.degrees(abs((reading - joint.zero_steps) / STEPS_PER_RAD - angle)) <= 0.5
        assert 0 <= joint.lowest_steps < joint.highest_steps <= 4095
        assert abs(joint.homing_offset) <= 2047


@pytest.mark.parametrize("name", JOINTS)
@pytest.mark.parametrize(
    ("ends", "held_rad", "words"),
    [
        (lambda low, high: (low + 0.4, high), 0.0, "lower stop .* both stops"),
        (lambda low, high: (low, high - 0.4), 0.0, "upper stop"),
        (lambda low, high: (low / 2, high / 2), 0.0, "stop was found"),
        (lambda low, high: (low - 0.5, high + 0.5), 0.0, "servo 1 is this joint's"),
        (lambda low, high: (low, high), 0.12, "zero more exactly"),
    ],
)
def test_a_sweep_that_is_not_this_joints_is_refused(name, ends, held_rad, words):
    low, high = LIMITS[name]
    with pytest.raises(CalibrationError, match=words):
        calibrated(name, 1, swept(ends(low, high), 3000, held_rad), LIMITS[name])


@given(st.lists(st.integers(0, 4095), min_size=6, max_size=6), st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_angles_survive_the_way_to_steps_and_back(mounts, joints):
    one = calibration(dict(zip(JOINTS, mounts, strict=True)))
    assert one.to_rad(one.to_steps(np.array(joints))) == pytest.approx(np.array(joints), abs=0.5 / STEPS_PER_RAD + 1e-9)
    assert one.lower_rad == pytest.approx(ARM.lower_rad, abs=0.002)
    assert one.upper_rad == pytest.approx(ARM.upper_rad, abs=0.002)


def test_a_calibration_survives_its_file_and_an_older_one_is_kept(tmp_path):
    first, second = (calibration(dict.fromkeys(JOINTS, mount)) for mount in (2048, 3000))
    path = tmp_path / "arms" / "mine.json"
    for one in (first, first, second):
        one.save(path)
        assert Calibration.load(path) == one
    assert sorted(file.name for file in path.parent.iterdir()) == ["mine.json", "mine.json.1"]
    assert Calibration.load(path.with_name("mine.json.1")) == first
    assert first.digest == calibration(dict.fromkeys(JOINTS, 2048)).digest != second.digest


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "twinarm calibrate"), ("{", "no calibration"), ('{"joints": {}}', "has the joints shoulder_pan")],
)
def test_a_file_that_is_no_calibration_is_told(tmp_path, text, words):
    if text is not None:
        (tmp_path / "mine.json").write_text(text)
    with pytest.raises(CalibrationError, match=words):
        Calibration.load(tmp_path / "mine.json")


def test_a_folder_is_no_calibration(tmp_path):
    with pytest.raises(CalibrationError, match="cannot be read: Is a directory"):
        Calibration.load(tmp_path)


def test_whoever_is_killed_while_saving_leaves_the_old_one_where_it_was(tmp_path, monkeypatch):
    path = tmp_path / "mine.json"
    old, new = (calibration(dict.fromkeys(JOINTS, mount)) for mount in (2000, 2100))
    old.save(path)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        new.save(path)
    assert Calibration.load(path) == old
    new.save(path)
    assert Calibration.load(path) == new


def test_two_joints_do_not_share_a_servo():
    joint = JointCalibration(1, 0, 2048, 1000, 3000)
    with pytest.raises(ValueError, match="one servo"):
        Calibration(dict.fromkeys(JOINTS, joint))


def test_a_joint_whose_encoder_would_wrap_on_its_way_is_refused():
    rows = dict(calibration(dict.fromkeys(JOINTS, 2048)).joints)
    rows["wrist_roll"] = JointCalibration(5, 0, 2400, 700, 4180)
    with pytest.raises(ValueError, match="wrist_roll reads 700 to 4180"):
        Calibration(rows)


def test_lerobots_calibration_comes_and_goes():
    ours = calibration(dict(zip(JOINTS, (100, 900, 2048, 3000, 4095, 1500), strict=True)))
    theirs = json.loads(json.dumps(ours.to_lerobot()))
    assert theirs["elbow_flex"].keys() == {"id", "drive_mode", "homing_offset", "range_min", "range_max"}
    back = Calibration.from_lerobot(theirs, LIMITS)
    for name in JOINTS:
        assert abs(back.joints[name].zero_steps - ours.joints[name].zero_steps) <= 2
    assert back.ids == ours.ids == (1, 2, 3, 4, 5, 6)


def test_lerobots_unswept_wrist_gets_the_models_stops():
    theirs = calibration(dict.fromkeys(JOINTS, 2048)).to_lerobot()
    theirs["wrist_roll"] |= {"range_min": 0, "range_max": 4095}
    wrist = Calibration.from_lerobot(theirs, LIMITS).joints["wrist_roll"]
    assert abs(wrist.zero_steps - 2048) <= 1 and wrist.highest_steps - wrist.lowest_steps < 3700


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drive_mode": 1}, "drive_mode 1"),
        ({"range_min": 1800}, "stop was found"),
        ({"id": 2}, "one servo"),
        ({"id": "x"}, "no calibration of LeRobot's"),
    ],
)
def test_a_calibration_of_lerobots_that_cannot_be_this_arms_is_refused(change, words):
    theirs = calibration(dict.fromkeys(JOINTS, 2048)).to_lerobot()
    theirs["shoulder_pan"] |= change
    with pytest.raises(CalibrationError, match=words):
        Calibration.from_lerobot(theirs, LIMITS)
    del theirs["gripper"]
    with pytest.raises(CalibrationError, match="lacks gripper|no calibration of"):
        Calibration.from_lerobot({**theirs, "shoulder_pan": theirs["shoulder_pan"]}, LIMITS)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"id": 300}, "id must be 0 to 253, got 300"),
        ({"homing_offset": 99999}, "homing_offset must be within 2047 steps, got 99999"),
        ({"zero_steps": 1_000_000}, "zero_steps must be within two turns"),
    ],
)
def test_numbers_that_no_servo_has_are_refused_with_the_file(tmp_path, wrong, words):
    known = calibration(dict.fromkeys(JOINTS, 2048))
    known.save(tmp_path / "mine.json")
    rows = json.loads((tmp_path / "mine.json").read_text())
    rows["joints"]["elbow_flex"] |= wrong
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    with pytest.raises(CalibrationError, match=words):
        Calibration.load(tmp_path / "mine.json")
