"""`twinarm serve` as a person meets it: one line when ready, a clean end, one line for a mistake."""

import signal
import time
from contextlib import closing

import pytest

from control.errors import LinkTimeout
from control.remote import RemoteRobot
from control.types import Command, ResetRequest
from tools.cli import main


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
        robot.step(Command(seen.target_rad.copy(), answers=seen.seq))
        health = robot.health()
        assert health.late_ticks >= 3 and health.worst_late_s > 0.1


@pytest.mark.parametrize(
    "flags, complaint",
    [
        (["--endpoint", "tcp://0.0.0.0:5555"], "open to other machines, and keys are not supported yet"),
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
