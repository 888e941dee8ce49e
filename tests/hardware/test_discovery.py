"""What is plugged in, and new servos one after another: real pseudo-terminals, and a film as a camera."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rig import running

from control.arm import Arm
from control.config import RobotConfig
from control.errors import CalibrationError
from hardware.chain import BAUDS
from hardware.discovery import cameras, ports
from hardware.enrolment import RATES, alone, enrol
from hardware.servos import SETTINGS
from tools.cli import main
from tools.world import World, twin_calibration

pytestmark = pytest.mark.clock

CALIBRATION = twin_calibration(Arm.from_facts())


@pytest.fixture
def world() -> Iterator[World]:
    with (
        World(RobotConfig(), CALIBRATION) as world,
        running(lambda: world.line.pass_on(time.monotonic() + 0.001)),
    ):  # for the arm no time passes
        yield world


@pytest.fixture
def devices(world, tmp_path) -> Path:
    """A /dev with one port under both of its names, and a camera."""
    by_id, by_path = tmp_path / "serial" / "by-id", tmp_path / "v4l" / "by-path"
    for folder in (by_id, by_path):
        folder.mkdir(parents=True)
    (tmp_path / "ttyACM0").symlink_to(world.line.port)
    (by_id / "usb-1a86_USB_Single_Serial-if00").symlink_to(tmp_path / "ttyACM0")
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(90):
        film.write(rng.integers(60, 200, (48, 64, 3), dtype=np.uint8))
    film.release()
    (tmp_path / "film.avi").rename(tmp_path / "video0")
    (by_path / "pci-usb-0:2-video-index0").symlink_to(tmp_path / "video0")
    return tmp_path


def test_a_port_is_found_once_by_its_lasting_name_with_everyone_on_it(devices):
    (port,) = ports(devices)
    assert port.name.endswith("by-id/usb-1a86_USB_Single_Serial-if00") and port.ids == (1, 2, 3, 4, 5, 6)


def test_a_camera_is_found_by_its_lasting_name_with_what_it_sees(devices):
    (source,) = cameras(devices)
    assert source.name.endswith("by-path/pci-usb-0:2-video-index0")
    assert source.picture is not None and source.picture.std() > 5


def test_a_port_that_somebody_else_has_is_listed_with_the_reason(devices, world):
    (devices / "ttyUSB0").write_text("no terminal")
    found = {Path(port.name).name: port for port in ports(devices)}
    assert "no serial port" in found["ttyUSB0"].trouble and not found["ttyUSB0"].ids


def test_the_command_lists_all_and_saves_pictures(devices, tmp_path, capsys):
    words = ["find", "--devices", str(devices), "--output", str(tmp_path / "seen")]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["ports"].values()) == [[1, 2, 3, 4, 5, 6]] and len(found["cameras"]) == 1
    assert cv2.imread(found["pictures"][0]).std() > 5
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "all 6 servos of an arm" in told and "arm.yaml to begin with" in told


def test_the_command_says_so_where_nothing_is_plugged_in(tmp_path, capsys):
    assert main(["find", "--devices", str(tmp_path)]) == 0
    assert "are they plugged in?" in capsys.readouterr().err


def connect(world: World, *joints: int) -> None:
    world.line.chain.motors[:] = [world.motors[j] for j in joints]


@pytest.mark.parametrize("baud", RATES)
def test_a_new_servo_gets_its_id_whatever_it_came_with(world, baud):
    connect(world, 3)
    servo = world.motors[3].servo
    servo.write(55, b"\0")
    came_with = {
        "id": 1,
        "baud_code": BAUDS.index(baud),
        "return_delay": 250,
        "response_level": 0,
        "phase": 20,
        "p_gain": 16,
    }
    for name, value in came_with.items():
        servo.write(REGISTERS[name], bytes([value]))
    servo.write(55, b"\1")
    servo.power_up()
    found = alone(world.line.port)
    assert (found.id, found.baud) == (1, baud)
    enrol(world.line.port, found, 4)
    servo.power_up()
    assert (servo["id"], servo["baud_code"], servo["lock"]) == (4, 0, 1)
    assert all(servo[name] == value for name, value in SETTINGS.items()) and servo["phase"] == 12


REGISTERS = {"id": 5, "baud_code": 6, "return_delay": 7, "response_level": 8, "phase": 18, "p_gain": 21}


def test_more_than_one_servo_is_told_before_anything_is_written(world):
    before = [bytes(motor.servo.read(0, 40)) for motor in world.motors]
    connect(world, 0, 1, 2)
    with pytest.raises(CalibrationError, match=r"3 servos answer \(ids 1, 2, 3\); connect one only"):
        alone(world.line.port)
    world.motors[1].servo["id"] = world.motors[0].servo["id"]
    connect(world, 0, 1)
    for status in (0, 4):  # as new ones come, whose pings are alike byte by byte; and where even those differ
        world.motors[1].servo["status"] = status
        with pytest.raises(CalibrationError, match="several servos of one id"):
            alone(world.line.port)
    world.motors[1].servo["id"], world.motors[1].servo["status"] = 2, 0
    assert [bytes(motor.servo.read(0, 40)) for motor in world.motors] == before


def test_a_new_servo_is_found_behind_an_adapter_as_slow_as_it_comes(world):
    connect(world, 3)
    world.line._spoil = lambda question, answers: [replace(answer, after_s=answer.after_s + 0.02) for answer in answers]
    found = alone(world.line.port)
    enrol(world.line.port, found, 6)
    assert (found.id, world.motors[3].servo["id"]) == (4, 6)


def test_no_servo_and_another_model_are_told(world):
    connect(world)
    with pytest.raises(CalibrationError, match="no servo answers at any baud rate; see its cable"):
        alone(world.line.port)
    connect(world, 2)
    world.motors[2].servo["model"] = 1029
    with pytest.raises(CalibrationError, match="servo 3 is model 1029"):
        alone(world.line.port)


@pytest.mark.parametrize("verb", ["setup-servos", "calibrate"])
def test_without_a_person_nothing_is_set_up(verb, world, monkeypatch, capsys):
    with open("/dev/null") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main([verb, world.line.port]) == 2
    assert "run it in a terminal" in capsys.readouterr().err


def test_nobody_is_asked_to_connect_a_servo_to_a_port_that_is_none(capsys):
    assert main(["setup-servos", "/dev/ttyNONE"]) == 2
    told = capsys.readouterr().err
    assert "there is no port /dev/ttyNONE" in told and "Connect" not in told


def test_a_joint_that_does_not_exist_cannot_be_new(capsys):
    assert main(["setup-servos", "/dev/null", "--only", "elbow"]) == 2
    assert "no joint elbow; there are: shoulder_pan" in capsys.readouterr().err
