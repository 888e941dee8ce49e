"""`twinarm doctor` on a healthy emulated arm, and on one that has this or that."""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import pytest
from rig import CALIBRATION

from control.config import RobotConfig
from control.errors import ServoSilent
from hardware.bus import Answers, Bus
from hardware.checkup import check_camera, check_camera_name, check_servos
from hardware.mishaps import Mishap
from hardware.promptness import PRIORITY, prompt
from sim.webcam import Webcam
from tools.cli import main
from tools.world import World

pytestmark = pytest.mark.clock

SLACK_S = 0.05  # the world runs in a thread here


@contextmanager
def running(*mishaps: Mishap) -> Iterator[World]:
    made, stop = World(RobotConfig(camera_px=32), CALIBRATION, mishaps=mishaps), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()
    made.close()


@pytest.fixture
def world() -> Iterator[World]:
    with running() as made:
        yield made


def found(world: World) -> dict[str, tuple[str, str, str]]:
    checks = check_servos(world.line.port, CALIBRATION, SLACK_S)
    return {check.name: (check.outcome, check.words, check.fix) for check in checks}


def test_a_healthy_arm_passes_everywhere(world):
    for motor in world.motors:
        motor.servo["return_delay"], motor.servo["p_gain"] = 0, 32
    bad = {name: row for name, row in found(world).items() if row[0] != "PASS" and not name.endswith("settings")}
    assert not bad or (set(bad) == {"line"} and "what else this computer does" in bad["line"][2])


def test_the_line_is_read_with_a_drivers_priority_and_that_is_over_afterwards(world, monkeypatch):
    before, had, read = os.sched_getscheduler(0), set(), Bus.sync_read_bytes

    def watched(bus: Bus, *asked: Any) -> Answers:
        had.add(os.sched_getscheduler(0))
        return read(bus, *asked)

    monkeypatch.setattr(Bus, "sync_read_bytes", watched)
    with prompt(PRIORITY) as granted:
        pass
    found(world)
    assert had == {os.SCHED_FIFO if granted else before}
    assert os.sched_getscheduler(0) == before


def change(servo: int, register: str, value: int) -> Callable[[World], None]:
    def done(world: World) -> None:
        world.motors[servo - 1].servo[register] = value

    return done


def silence(world: World) -> None:
    world.line.chain.motors.pop(2)


def heat(celsius: float) -> Callable[[World], None]:
    def done(world: World) -> None:
        world.motors[3].celsius = celsius
        time.sleep(0.3)  # until its firmware has noticed

    return done


@pytest.mark.parametrize(
    ("spoil", "name", "outcome", "words", "fix"),
    [
        (silence, "elbow_flex", "FAIL", "servo 3 does not answer", "its cable and its power"),
        (change(2, "id", 1), "shoulder_lift", "FAIL", "servo 2 does not answer", "another id"),
        (change(2, "id", 1), "shoulder_pan", "FAIL", "servo 1 .* garbled; do two servos have that id", "ids and plugs"),
        (change(5, "model", 1), "wrist_roll", "FAIL", "servo 5 is model 1", "put an STS3215"),
        (
            change(4, "firmware_minor", 99),
            "firmware",
            "FAIL",
            "3.10 on servo 1, 2, 3, 5, 6; 3.99 on servo 4",
            "one version",
        ),
        (change(6, "max_voltage", 80), "gripper", "FAIL", "made for 4.0 to 8.0 V", "the supply it is made for"),
        (heat(58.0), "wrist_flex", "WARN", "58 degrees Celsius; hot", "cool down"),
        (heat(66.0), "wrist_flex", "FAIL", "66 degrees Celsius; hot", "cool down"),
        (heat(75.0), "wrist_flex", "FAIL", "complains of temperature", "find the cause"),
        (change(1, "homing_offset", 77), "shoulder_pan: calibration", "FAIL", "homing_offset is 77", "own calibration"),
        (change(4, "phase", 28), "wrist_flex: phase", "FAIL", "counts whole turns .phase is 28", "twinarm calibrate"),
        (change(1, "p_gain", 8), "shoulder_pan: settings", "WARN", "p_gain is 8, wanted 32", "arming writes"),
    ],
)
def test_each_fault_is_named_with_what_to_do(world, spoil, name, outcome, words, fix):
    spoil(world)
    told = found(world)[name]
    assert told[0] == outcome and re.search(words, told[1]) and fix in told[2], told


def test_what_was_found_before_a_servo_falls_silent_is_still_told(world, monkeypatch):
    read = Bus.read

    def loose(bus: Bus, id: int, register: str) -> int:
        if id == 4 and register == "firmware_major":
            raise ServoSilent("servo 4 does not answer")
        return read(bus, id, register)

    monkeypatch.setattr(Bus, "read", loose)
    told = found(world)
    assert told["port"][0] == "PASS" and told["wrist_flex"][0] == "PASS"
    assert told["line"][:2] == ("FAIL", "servo 4 does not answer") and "loose plug" in told["line"][2]


@pytest.mark.parametrize(("every", "slow_s", "fix"), [(1, 0.006, "latency timer"), (20, 0.012, "what else this comp")])
def test_a_line_that_is_slow_is_told_from_a_computer_that_is_busy(world, monkeypatch, every, slow_s, fix):
    reads, read = count(), Bus.sync_read_bytes

    def slow(bus: Bus, *asked: Any) -> Answers:
        answers = read(bus, *asked)
        if next(reads) % every == 0:
            time.sleep(slow_s)
        return answers

    monkeypatch.setattr(Bus, "sync_read_bytes", slow)
    outcome, words, todo = found(world)["line"]
    assert outcome == "WARN" and "100 of 100" in words and fix in todo


def test_servos_behind_a_slow_adapter_are_not_called_silent():
    with running(Mishap("delay", amount=0.02)) as world:
        port, adapter = check_servos(world.line.port, CALIBRATION, 0.004)
    assert port.outcome == "PASS" and (adapter.name, adapter.outcome) == ("adapter", "FAIL")
    waited = re.search(r"after (\d+) ms, and the driver waits for 4", adapter.words)
    assert waited and int(waited[1]) >= 20 and "latency_timer" in adapter.fix


@pytest.mark.parametrize("baud_code", [1, 4])
def test_servos_that_listen_at_another_rate_are_told_once(world, baud_code):
    for motor in world.motors:
        motor.servo["baud_code"] = baud_code
    (port, servos) = check_servos(world.line.port, CALIBRATION, SLACK_S)
    assert port.outcome == "PASS" and servos.outcome == "FAIL"
    assert "nobody answers at 1000000 baud" in servos.words and "another baud rate" in servos.fix


def test_a_port_that_is_missing_or_busy_is_told(world):
    (missing,) = check_servos("/dev/ttyNONE", CALIBRATION, SLACK_S)
    assert missing.outcome == "FAIL" and missing.words == "there is no port /dev/ttyNONE"
    assert missing.fix == "twinarm find lists those there are"
    bus = Bus(world.line.port)
    (busy,) = check_servos(world.line.port, CALIBRATION, SLACK_S)
    bus.close()
    assert busy.outcome == "FAIL" and "is in use by" in busy.words


@pytest.mark.parametrize(
    ("ails", "size", "outcome", "words", "fix"),
    [
        ({"frozen": True}, (480, 640), "FAIL", "frozen", "its plug"),
        ({"dark": True}, (480, 640), "FAIL", "nothing but dark or light", "its lens and the light"),
        ({}, (240, 320), "FAIL", "they must be", "the arm's file says its size"),
        ({"fps": 7.0}, (480, 640), "WARN", "[5-8] pictures a second", "more light"),
    ],
)
def test_a_camera_that_shows_what_it_should_not_is_told(ails, size, outcome, words, fix):
    webcam = Webcam(lambda: np.full((480, 640, 3), 90, np.uint8))
    for name, value in ails.items():
        setattr(webcam, name, value)
    check = check_camera("wrist_cam", webcam.url, size, 32)
    webcam.close()
    assert check.outcome == outcome and re.search(words, check.words) and fix in check.fix, check


def test_a_camera_that_is_not_there_fails():
    check = check_camera("wrist_cam", "/dev/video77", (480, 640), 32)
    assert check.outcome == "FAIL" and check.words == "/dev/video77: there is no such camera"
    assert check.fix == "twinarm find lists those there are"


def test_a_camera_named_by_its_number_is_warned_of():
    (check,) = check_camera_name("wrist_cam", "/dev/video0")
    assert check.outcome == "WARN" and "/dev/video0 may be another" in check.words and "by path" in check.fix
    assert not list(check_camera_name("wrist_cam", "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0"))


def test_the_command_shows_the_machine_and_that_no_arm_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hardware.address.PLACES", ())
    assert main(["doctor", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["python", "drawing", "disk", "real time", "arm"]
    assert {row["name"]: row["outcome"] for row in rows}["arm"] == "WARN"


def test_the_command_fails_where_something_does(tmp_path, capsys):
    (tmp_path / "arm.yaml").write_text(
        "port: /dev/ttyNONE\ncalibration: none.json\ncameras: {wrist_cam: {source: x}}\n"
    )
    assert main(["doctor", "--arm", str(tmp_path / "arm.yaml")]) == 1
    assert "FAIL" in capsys.readouterr().out
