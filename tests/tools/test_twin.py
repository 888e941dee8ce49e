"""The twin as a process: whose it is, and when it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def test_a_twin_leaves_nothing_behind_when_it_is_interrupted(tmp_path):
    link = tmp_path / "ttyTWIN"
    with subprocess.Popen([*COMMAND, "--link", str(link)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as twin:
        assert twin.stdout
        where = json.loads(twin.stdout.readline())
        assert where["port"] == str(link) and link.exists()
        twin.send_signal(signal.SIGINT)
        assert twin.wait(10) == 0
    assert not link.is_symlink() and not Path(where["truth"].removeprefix("ipc://")).exists()
