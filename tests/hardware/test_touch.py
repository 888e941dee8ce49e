"""A place shown with the gripper, at a real terminal and on a real port."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hand import Terminal, holding

from control.arm import Arm
from control.arm import facts as kinematics
from control.config import RobotConfig
from policies.known import place_of
from tools.cli import main
from tools.world import World, twin_calibration

ARM = Arm.from_facts()
ADDRESS = "port: {port}\ncalibration: mine.json\nslack_s: 0.05\ncameras: {{wrist_cam: {{source: /dev/null}}}}\n"


@pytest.fixture
def world():
    with World(RobotConfig(), twin_calibration(ARM), paced=False) as world:
        yield world


@pytest.fixture
def address(world, tmp_path) -> Path:
    twin_calibration(ARM).save(tmp_path / "mine.json")
    (tmp_path / "arm.yaml").write_text(ADDRESS.format(port=world.line.port))
    return tmp_path / "arm.yaml"


def test_an_arm_that_is_put_around_the_cube_says_where_it_lies(world, address):
    pose = np.array(kinematics()["home_rad"])
    for height in (0.1, 0.05, 0.015):
        pose = ARM.solve(pose, np.array([0.22, 0.04, height]), 0.3, 60)
    pose[-1] = 0.7
    with holding(world) as hand, Terminal("touch", "--robot", str(address)) as terminal:
        terminal.until("hold it. Then press Enter")
        terminal.enter()
        terminal.until("as if to grasp it. Then press Enter")
        assert not any(motor.servo["torque_enable"] for motor in world.motors)
        list(hand.bring(pose))
        terminal.enter()
        assert terminal.process.wait(20) == 0
        terminal.until("--cube")
        x, y, yaw = place_of(terminal.said.split()[-1])
    assert (x, y) == pytest.approx((0.22, 0.04), abs=0.004) and yaw == pytest.approx(0.3, abs=0.1)


def test_nobody_at_the_terminal_lets_nothing_go(world, address, monkeypatch, capsys, tmp_path):
    for motor in world.motors:
        motor.servo["torque_enable"] = 1
    (tmp_path / "nobody").touch()
    with holding(world), open(tmp_path / "nobody") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert main(["touch", "--robot", str(address)]) == 2
    assert "somebody must hold the arm" in capsys.readouterr().err
    assert all(motor.servo["torque_enable"] for motor in world.motors)


def test_an_arm_with_another_ones_calibration_tells_no_place(world, address, capsys):
    world.motors[2].servo["homing_offset"] = 77
    with holding(world):
        assert main(["touch", "--robot", str(address)]) == 2
    told = capsys.readouterr()
    assert "elbow_flex: servo 3 holds homing_offset 77, the calibration 1204; is it another arm's?" in told.err
    assert "limp" not in told.err and not told.out
