"""LeRobot's Feetech bus and its SO-101 follower drive the twin, unmodified."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from control.arm import Arm, facts
from control.types import GRIPPER, JOINTS
from hardware.calibration import Calibration
from tools.world import twin_calibration

feetech = pytest.importorskip("lerobot.motors.feetech", reason="make peers installs LeRobot")
motors = pytest.importorskip("lerobot.motors")
follower = pytest.importorskip("lerobot.robots.so_follower")

OURS = twin_calibration(Arm.from_facts())
SETTLE_S = 1.5


@pytest.fixture
def theirs(tmp_path) -> Path:
    """The twin's calibration as LeRobot writes one."""
    path = tmp_path / "arm.json"
    path.write_text(json.dumps(OURS.to_lerobot()))
    return path


@contextmanager
def connected(port: str, theirs: Path) -> Iterator:
    config = follower.SO101FollowerConfig(port=port, id=theirs.stem, calibration_dir=theirs.parent)
    robot = follower.SO101Follower(config)
    robot.connect(calibrate=False)
    try:
        yield robot
    finally:
        if robot.is_connected:
            robot.disconnect()


def bus(port: str):
    norm = motors.MotorNormMode.RANGE_M100_100
    return feetech.FeetechMotorsBus(port, {name: motors.Motor(i, "sts3215", norm) for i, name in enumerate(JOINTS, 1)})


def test_a_scan_finds_six_servos_at_the_one_baud_rate_they_have(port):
    assert feetech.FeetechMotorsBus.scan_port(port) == {1_000_000: [1, 2, 3, 4, 5, 6]}


def test_handshake_calibration_and_torque(port):
    arm = bus(port)
    arm.connect()
    found = arm.read_calibration()
    assert {name: row.homing_offset for name, row in found.items()} == {
        name: OURS.joints[name].homing_offset for name in JOINTS
    }
    changed = {
        name: motors.MotorCalibration(row.id, 0, row.homing_offset // 2, 700 + row.id, 3300 + row.id)
        for name, row in found.items()
    }
    arm.write_calibration(changed)
    assert arm.read_calibration() == changed and arm.is_calibrated
    arm.enable_torque()
    assert set(arm.sync_read("Torque_Enable", normalize=False).values()) == {1}
    arm.disconnect()
    arm.connect()
    assert set(arm.sync_read("Torque_Enable", normalize=False).values()) == {0}
    arm.disconnect()


def lifted() -> dict[str, float]:
    """The home pose in LeRobot's units: degrees from the middle, the gripper in percent. A limp arm lies on the table,
    which would bar its wrist."""
    arm = Arm.from_facts()
    home_rad, middle_rad = np.array(facts()["home_rad"]), (arm.lower_rad + arm.upper_rad) / 2
    pose = dict(zip(JOINTS, np.degrees(home_rad - middle_rad).tolist(), strict=True))
    open_share = (home_rad - arm.lower_rad)[GRIPPER] / (arm.upper_rad - arm.lower_rad)[GRIPPER]
    return {f"{name}.pos": value for name, value in (pose | {"gripper": 100 * open_share}).items()}


def test_the_follower_moves_joint_after_joint_where_it_is_told(port, theirs):
    with connected(port, theirs) as robot:
        assert robot.is_calibrated
        robot.send_action(lifted())
        time.sleep(SETTLE_S)
        for name in JOINTS:
            before = robot.get_observation()
            by = 20.0 if before[f"{name}.pos"] < 20 else -20.0
            wanted = before[f"{name}.pos"] + by
            robot.send_action({f"{name}.pos": wanted})
            time.sleep(SETTLE_S)
            after = robot.get_observation()
            # Half of the shipped stiffness is what LeRobot sets: a loaded joint stays behind.
            assert after[f"{name}.pos"] == pytest.approx(wanted, abs=8), name


def test_the_follower_gives_back_every_servo_limp(port, theirs):
    with connected(port, theirs) as robot:
        robot.send_action(robot.get_observation())
        assert set(robot.bus.sync_read("Torque_Enable", normalize=False).values()) == {1}
    arm = bus(port)
    arm.connect()
    assert set(arm.sync_read("Torque_Enable", normalize=False).values()) == {0}
    arm.disconnect()


def test_what_lerobot_calibrated_is_read_here_as_it_was(theirs):
    arm = Arm.from_facts()
    limits_rad = dict(zip(JOINTS, zip(arm.lower_rad, arm.upper_rad, strict=True), strict=True))
    assert Calibration.from_lerobot(json.loads(theirs.read_text()), limits_rad).joints == OURS.joints
