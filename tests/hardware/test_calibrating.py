"""Calibrating by hand on a real port: an arm whose horns sit anywhere, and somebody who moves it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hand import Hand, Terminal, holding

from control.arm import Arm
from control.config import RobotConfig
from control.errors import CalibrationError
from control.types import JOINTS
from hardware.bus import Bus
from hardware.calibrating import Calibrating, write
from hardware.calibration import STEPS_PER_RAD, Calibration, JointCalibration
from tools.cli import main
from tools.world import World, twin_calibration

pytestmark = pytest.mark.clock

ARM = Arm.from_facts()
LIMITS = {name: (float(ARM.lower_rad[j]), float(ARM.upper_rad[j])) for j, name in enumerate(JOINTS)}


def mounted(zeros: dict[str, int], offset: int = 0) -> Calibration:
    """An arm as its builder left it: horns anywhere, no limits in the servos that matter here."""
    return Calibration({name: JointCalibration(j, offset, zeros[name], 0, 4095) for j, name in enumerate(JOINTS, 1)})


@pytest.fixture(params=["in the middle", "across the wrap", "calibrated before"])
def zeros(request) -> tuple[dict[str, int], int]:
    places = {"in the middle": (2048, 0), "across the wrap": (17, 0), "calibrated before": (1500, 800)}
    zero, offset = places[request.param]
    return {name: (zero + 7 * j) % 4096 for j, name in enumerate(JOINTS)}, offset


@pytest.fixture
def world(zeros) -> Iterator[World]:
    with World(RobotConfig(), mounted(*zeros), paced=False) as world:
        yield world


@pytest.fixture
def hand(world) -> Iterator[Hand]:
    with holding(world) as hand:
        yield hand


def angle_error_deg(bus: Bus, calibration: Calibration, pose: np.ndarray) -> float:
    """How far the calibrated readings are from the truth."""
    readings = np.array([bus.read(id, "present_position") for id in calibration.ids])
    off = (calibration.to_rad(readings) - pose + np.pi) % (2 * np.pi) - np.pi
    return float(np.degrees(np.abs(off).max()))


def test_an_arm_is_calibrated_wherever_its_horns_sit_and_remembers_it(world, hand):
    for motor in world.motors:
        motor.servo["torque_enable"], motor.servo["phase"] = 1, 28  # it counts whole turns
    bus = Bus(world.line.port, slack_s=0.05, retries=2)
    calibrating = Calibrating.of(bus, LIMITS)
    assert not any(motor.servo["torque_enable"] for motor in world.motors)
    calibrating.hold_zero()
    for pose in (ARM.lower_rad, ARM.upper_rad, np.zeros(len(JOINTS))):
        for _ in hand.bring(pose):
            reaches = calibrating.look()
        time.sleep(0.05)
        reaches = calibrating.look()
    assert all(reach.enough for reach in reaches.values())
    calibration = calibrating.result()
    assert write(bus, calibration) > 0 and write(bus, calibration) == 0
    assert {motor.servo["phase"] for motor in world.motors} == {12}
    for motor in world.motors:
        motor.servo.power_up()
    pose = 0.5 * ARM.lower_rad
    list(hand.bring(pose))
    time.sleep(0.05)
    assert angle_error_deg(bus, calibration, pose) <= 0.5
    bus.close()


def test_nothing_is_written_where_a_joint_did_not_reach_its_stops(world, hand):
    bus = Bus(world.line.port, slack_s=0.05, retries=2)
    before = [bytes(motor.servo.read(0, 40)) for motor in world.motors]
    calibrating = Calibrating.of(bus, LIMITS)
    calibrating.hold_zero()
    for pose in (ARM.lower_rad, 0.6 * ARM.upper_rad):
        for _ in hand.bring(pose):
            calibrating.look()
    with pytest.raises(CalibrationError, match="upper stop was found at .* move it to both stops"):
        calibrating.result()
    assert [bytes(motor.servo.read(0, 40)) for motor in world.motors] == before
    bus.close()


def test_an_arm_that_is_not_held_still_has_no_zero(world, hand):
    bus = Bus(world.line.port, slack_s=0.05, retries=2)
    calibrating = Calibrating.of(bus, LIMITS)
    shaking = threading.Thread(target=lambda: [list(hand.bring(way * np.full(6, 0.1))) for way in (1, -1) * 30])
    shaking.start()
    with pytest.raises(CalibrationError, match="hold the arm still"):
        calibrating.hold_zero()
    shaking.join()
    bus.close()


def test_a_missing_servo_is_named_before_anything_is_let_go(world, hand):
    world.motors[2].servo["id"] = 9
    for motor in world.motors:
        motor.servo["torque_enable"] = 1
    bus = Bus(world.line.port, slack_s=0.02)
    with pytest.raises(CalibrationError, match=r"no answer from servo 3 \(elbow_flex\)"):
        Calibrating.of(bus, LIMITS)
    assert all(motor.servo["torque_enable"] for motor in world.motors)
    bus.close()


def test_the_command_guides_through_it(tmp_path):
    zeros = {name: 100 * j for j, name in enumerate(JOINTS, 1)}
    with World(RobotConfig(), mounted(zeros), paced=False) as world:
        output, export = tmp_path / "mine.json", tmp_path / "lerobot.json"
        flags = ("--output", str(output), "--export", str(export), "--slack-ms", "50")
        terminal = Terminal("calibrate", world.line.port, *flags)
        with holding(world) as hand, terminal:
            terminal.until("hold it. Then press Enter")
            terminal.enter()
            terminal.until("ten degrees from")
            terminal.enter()
            terminal.until("both of its stops")
            for pose in (ARM.lower_rad, ARM.upper_rad, np.zeros(len(JOINTS))):
                for _ in hand.bring(pose):
                    time.sleep(0.004)
                time.sleep(0.2)  # at the stop, as a hand does
            terminal.until("gripper")
            terminal.enter()
            terminal.until("the servos now remember it")
            assert terminal.process.wait(10) == 0
        calibration = Calibration.load(output)
        for joint, motor in zip(calibration.joints.values(), world.motors, strict=True):
            assert motor.servo["homing_offset"] == joint.homing_offset
        assert calibration.upper_rad == pytest.approx(ARM.upper_rad, abs=3 / STEPS_PER_RAD)
        assert (
            json.loads(export.read_text())["elbow_flex"]["range_max"] == calibration.joints["elbow_flex"].highest_steps
        )


def test_without_a_terminal_the_command_says_what_it_takes(tmp_path):
    with World(RobotConfig(), twin_calibration(ARM), paced=False) as world:
        command = [sys.executable, "-m", "tools.cli", "calibrate", world.line.port]
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=Path.cwd())
    assert told.returncode == 2 and "run it in a terminal" in told.stderr


def test_lerobots_calibration_of_another_arm_is_written_only_where_somebody_says_it_is_this_ones(tmp_path):
    own, theirs, output = twin_calibration(ARM), tmp_path / "theirs.json", tmp_path / "mine.json"
    values = own.to_lerobot()
    values["elbow_flex"]["homing_offset"] -= 700
    theirs.write_text(json.dumps(values))
    flags = ("--lerobot", str(theirs), "--output", str(output), "--slack-ms", "50")
    with World(RobotConfig(), own, paced=False) as world:
        with holding(world):
            command = [sys.executable, "-m", "tools.cli", "calibrate", world.line.port, *flags]
            told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        offset = own.joints["elbow_flex"].homing_offset
        words = f"servo 3 (elbow_flex) holds homing_offset {offset}, the file {offset - 700}"
        assert told.returncode == 2 and words in told.stderr and "Traceback" not in told.stderr
        assert world.motors[2].servo["homing_offset"] == offset and not output.exists()
        with holding(world), Terminal("calibrate", world.line.port, *flags) as terminal:
            terminal.until("unless you know")
            terminal.enter()
            terminal.until("the servos now remember it")
        assert world.motors[2].servo["homing_offset"] == offset - 700


@pytest.mark.parametrize("flag", ["--output", "--export"])
def test_a_place_that_cannot_be_written_to_is_told_before_anybody_moves_a_joint(flag, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    assert main(["calibrate", "/dev/null", flag, str(tmp_path / "file" / "x.json")]) == 2
    assert "x.json cannot be written" in capsys.readouterr().err


def test_a_file_that_is_there_is_not_overwritten_by_an_export(tmp_path):
    there = tmp_path / "lerobot.json"
    there.write_text("mine")
    command = [sys.executable, "-m", "tools.cli", "calibrate", "/dev/null", "--export", str(there)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 2 and "is there already" in told.stderr and there.read_text() == "mine"
