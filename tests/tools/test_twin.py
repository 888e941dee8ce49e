"""The twin as a process: whose it is, and when it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from tools.cli import UNHEARD, main
from tools.world import World, twin_calibration

pytestmark = pytest.mark.clock

COMMAND = [sys.executable, "-m", "tools.cli", "twin", "--json", "--set", "robot.camera_px=32"]
OWNER = """
import os, sys, time
from control.config import RobotConfig
from tools.rig import TwinArm
arm = TwinArm(RobotConfig(camera_px=32))
print(arm.twin_pid, flush=True)
time.sleep(60)
"""


def gone(pid: int, within_s: float = 10.0) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_twin_ends_with_whoever_started_it_even_killed():
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        os.kill(owner.pid, signal.SIGKILL)
    assert gone(pid)


def test_a_twin_begins_with_an_arm_that_lies_still():
    with World(RobotConfig(), twin_calibration(Arm.from_facts())) as world:
        world.settle()
        before = world.plant.joints_rad.copy()
        for _ in range(200):
            world.tick()
        assert np.abs(world.plant.joints_rad - before).max() < 1e-3
        assert (before >= world.plant.arm.lower_rad).all() and (before <= world.plant.arm.upper_rad).all()


def test_a_twin_ends_without_a_word_too_many_when_nobody_hears_where_it_is():
    command = [*COMMAND[:4], "--set", "robot.camera_px=32"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as twin:
        assert twin.stdout and twin.stderr
        twin.stdout.close()
        assert "Traceback" not in twin.stderr.read()
    assert twin.returncode == UNHEARD


def test_a_twin_leaves_nothing_behind_when_it_is_interrupted(tmp_path):
    link = tmp_path / "ttyTWIN"
    with subprocess.Popen([*COMMAND, "--link", str(link)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as twin:
        assert twin.stdout
        where = json.loads(twin.stdout.readline())
        assert where["port"] == str(link) and link.exists()
        twin.send_signal(signal.SIGINT)
        assert twin.wait(10) == 0
    assert not link.is_symlink() and not Path(where["truth"].removeprefix("ipc://")).exists()


def test_a_twin_is_an_arm_like_any_other_by_its_file(tmp_path, capsys):
    arm = tmp_path / "mine.yaml"
    with subprocess.Popen([*COMMAND, "--arm", str(arm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as twin:
        assert twin.stdout and twin.stdout.readline()
        assert main(["doctor", "--arm", str(arm), "--json"]) == 0
        checks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {"arm", "wrist_cam"} <= {check["name"] for check in checks} and len(checks) > 6
        assert not [check for check in checks if check["outcome"] == "FAIL"]
        assert "is there already" in refused("--arm", str(arm))
        twin.send_signal(signal.SIGINT)
        assert twin.wait(10) == 0
    assert not list(tmp_path.iterdir())


def test_a_twin_whose_name_is_taken_while_its_line_is_unplugged_says_so_and_ends(tmp_path):
    link, faults = tmp_path / "ttyTWIN", tmp_path / "faults.yaml"
    faults.write_text("mishaps: [{what: unplug, at_s: 0.2, for_s: 1.5}]")
    flags = ["--link", str(link), "--faults", str(faults)]
    with subprocess.Popen([*COMMAND, *flags], stdin=-1, stdout=-1, stderr=-1) as twin:
        assert twin.stdout and twin.stdout.readline()
        until_s = time.monotonic() + 20
        while link.is_symlink() and time.monotonic() < until_s:
            time.sleep(0.05)
        link.write_text("somebody else's")
        assert twin.wait(20) == 2
        assert twin.stderr and b"is there already" in twin.stderr.read()
    assert link.read_text() == "somebody else's"


def refused(*flags: str, **environment: str) -> str:
    done = subprocess.run(
        [*COMMAND, *flags],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith("twinarm:"))


def test_a_twin_that_cannot_draw_says_what_is_missing():
    told = refused(__EGL_VENDOR_LIBRARY_FILENAMES="/nonexistent")
    assert "cannot draw without a display" in told and "the twin's camera did not start" in told


def test_a_twin_takes_no_name_that_is_there_and_leaves_no_empty_record(tmp_path):
    link, log = tmp_path / "mine", tmp_path / "record.bin"
    link.write_text("a user's own")
    assert "is there already; give --link another name" in refused("--link", str(link), "--log", str(log))
    assert link.read_text() == "a user's own" and not log.exists()
    link.unlink()
    link.symlink_to("/dev/null")  # as another twin's is, to its port
    assert "is there already" in refused("--link", str(link)) and link.is_symlink()
    assert "no link can be made" in refused("--link", str(tmp_path / "nowhere" / "link"))


def test_a_twin_s_truth_is_refused_where_others_could_ask(tmp_path):
    assert "that takes keys" in refused("--truth", "tcp://0.0.0.0:5999")


def test_a_file_that_is_no_record_is_not_judged(tmp_path, capsys):
    (tmp_path / "text").write_text("hello " * 1000)
    assert main(["limits", str(tmp_path / "text")]) == 2
    assert "is no record of a twin's" in capsys.readouterr().err
