"""`twinarm serve` as a person meets it: one line when ready, a clean end, one line for a mistake."""

import dataclasses
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import av
import msgpack
import pytest

from control import wire
from control.config import RobotConfig
from control.errors import CommandRefused, LinkTimeout, UserError
from control.link import serve
from control.peers import Peer
from control.remote import RemoteRobot, RobotService
from control.types import Command, PictureRequest, ResetRequest
from sim.scene import plant as scene_plant
from tools.bench_wire import StillRobot
from tools.cli import main
from tools.robots import open_robot

pytestmark = pytest.mark.clock

SOMEBODY = Peer(b"s" * 16)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_robot_ends_cleanly_when_told_to(tmp_path, serving, number):
    with serving(tmp_path) as (endpoint, process):
        process.send_signal(number)
        assert process.wait(10) == 0
    with pytest.raises(LinkTimeout):
        RemoteRobot(endpoint, timeout_s=0.2)


def test_in_realtime_a_step_takes_its_period_by_the_clock(tmp_path, serving):
    flags = "--realtime", "--set", "robot.hz=20"
    with serving(tmp_path, *flags) as (endpoint, _), closing(RemoteRobot(endpoint)) as robot:
        seen = robot.reset(ResetRequest("home"))
        began_s = time.monotonic()
        for _ in range(10):
            seen = robot.step(Command(seen.target_rad.copy(), answers=seen.seq))
        assert time.monotonic() - began_s > 0.45
        time.sleep(0.2)  # the caller is late
        after = robot.step(Command(seen.target_rad.copy(), answers=seen.seq))
        assert after.seq - seen.seq >= 4 and after.stamp_s - seen.stamp_s > 0.19
        health = robot.health()
        assert health.late_ticks >= 3 and health.worst_late_s > 0.1


def test_a_served_simulator_is_filmed_from_three_sides_and_another_plant_is_refused(tmp_path, serving, capsys):
    flags = "--config", "lift_fast.yaml", "--set", "robot.cube_m=0.028", "--set", "robot.camera_px=32"
    with serving(tmp_path, *flags) as (endpoint, _):
        asked = ["eval", "scripted", "--robot", endpoint, "--episodes", "1", "--output", str(tmp_path / "eval")]
        asked += ["--set", "robot.camera_px=32", "--set", "spaces.camera_px=32"]
        assert main(asked) == 2
        complaint = capsys.readouterr().err
        assert "has robot.cube_m 0.028, the configuration asks for 0.03; serve it with" in complaint
        assert main([*asked, "--set", "robot.cube_m=0.028", "--video"]) == 0
    (path,) = tmp_path.glob("eval/*/eval.mp4")
    with av.open(str(path)) as film:
        picture = next(film.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (360, 1320, 3)


def test_a_served_robot_without_a_scene_is_told_apart():
    answer = RobotService(StillRobot())
    body = wire.ASKS["picture"].write(PictureRequest("front", 48, 64))
    greeting = answer("hello", wire.HELLO.write(wire.Hello(wire.SCHEMA, "a test")), SOMEBODY)
    assert wire.SPEC.read(msgpack.unpackb(msgpack.packb(greeting))).scene_cameras == ()
    with pytest.raises(CommandRefused, match="has no scene to draw"):
        answer("picture", body, SOMEBODY)


@pytest.mark.parametrize(
    "changed, complaint",
    [
        ({"cube_kg": 0.05}, "has robot.cube_kg 0.05, the configuration asks for 0.03"),
        ({"render": "exact"}, "has robot.render exact, the configuration asks for direct"),
        ({"model": "0123456789abcdef"}, "has another model"),
    ],
)
def test_a_plant_that_differs_is_refused_with_its_key_named(tmp_path, changed, complaint):
    robot = StillRobot()
    plant = scene_plant(RobotConfig(profile="still")) | changed
    robot.spec = dataclasses.replace(robot.spec, plant=plant)
    stop, opened = threading.Event(), threading.Event()
    endpoint = f"ipc://{tmp_path}/still"
    served = threading.Thread(
        target=serve, args=(RobotService(robot), endpoint, stop, lambda _: opened.set()), daemon=True
    )
    served.start()
    try:
        assert opened.wait(10)
        with pytest.raises(UserError, match=complaint):
            open_robot(endpoint, RobotConfig(profile="still"))
    finally:
        stop.set()
        served.join()


@pytest.mark.parametrize(
    "flags, complaint",
    [
        (["--endpoint", "tcp://0.0.0.0:5555"], "open to other machines, and that takes keys"),
        (["--endpoint", "ipc://x", "--set", "task.stage=near"], "serve takes settings of the robot alone"),
        (["--endpoint", "ipc://x", "--set", "robot.hzz=20"], "unknown key hzz; did you mean: hz?"),
        (["--endpoint", "ipc://x", "--robot", "simm"], "no robot called simm"),
        (["--endpoint", "ipc://x", "--robot", "ipc://y", "--realtime"], "--realtime is for sim"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(flags, complaint, capsys):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert main(["serve", *flags]) == 2
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    complained = capsys.readouterr().err
    assert complaint in complained and complained.count("\n") == 1


def collected(robot: str) -> subprocess.CompletedProcess[str]:
    """What pytest says to holding this robot to the contract, without doing it."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "tests/test_robot_contract.py", "--robot", robot]
    return subprocess.run(command, capture_output=True, text=True)


def test_tests_that_could_hurt_an_arm_ask_first(tmp_path, serving):
    for robot in ("real", "mine.yaml"):
        told = collected(robot)
        assert told.returncode == 4 and "add --allow-motion" in told.stderr
    with serving(tmp_path / "metal", "--robot", "twin") as (endpoint, _):
        told = collected(endpoint)
        assert told.returncode == 4 and f"the arm at {endpoint} would move" in told.stderr
    with serving(tmp_path / "simulated") as (endpoint, _):
        assert collected(endpoint).returncode == 0
