"""`twinarm doctor`: what is right and wrong with this machine and the arm on it, and what to do about it."""

import json as jsonlib
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from control.config import RobotConfig
from control.errors import TwinarmError
from hardware.address import located, read_address
from hardware.calibration import Calibration
from hardware.checkup import Check, check_camera, check_camera_name, check_servos
from hardware.promptness import PRIORITY, prompt
from tools.flags.doctor import Arguments

COLOURS = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}
PICTURES, SLOW_MS = 50, 20.0
LITTLE_GB, NONE_GB = 2.0, 0.2


def main(arguments: Arguments) -> int:
    """Show every check, and return 1 where one failed."""
    checks = [*machine(), *arm(arguments.arm)]
    if arguments.json:
        for check in checks:
            print(jsonlib.dumps(asdict(check)))
    else:
        Console().print(table(checks))
    return int(any(check.outcome == "FAIL" for check in checks))


def table(checks: list[Check]) -> Table:
    rows = Table("", "check", "found", "what to do", box=None, pad_edge=False)
    for check in checks:
        rows.add_row(f"[{COLOURS[check.outcome]}]{check.outcome}[/]", check.name, check.words, check.fix)
    return rows


def machine() -> Iterator[Check]:
    """Python, drawing, the disk and the clock."""
    version = ".".join(map(str, sys.version_info[:3]))
    known = sys.version_info[:2] == (3, 11)
    yield Check("python", "PASS" if known else "WARN", version, "" if known else "tested with Python 3.11")
    yield _drawing()
    yield _disk(Path.cwd())
    yield _priority()


def arm(path: Path | None) -> Iterator[Check]:
    """The arm's file and all that it names; one line where there is none."""
    if (path := located(path)) is None:
        yield Check("arm", "WARN", "no arm.yaml", "to use an arm, write one; twinarm find tells its port and cameras")
        return
    try:
        address = read_address(path)
        calibration = Calibration.load(path.parent / address.calibration)
    except TwinarmError as error:
        yield Check("arm", "FAIL", str(error), f"mend {path}" if path.exists() else f"write {path}")
        return
    yield Check("arm", "PASS", f"{path}, calibration {calibration.digest}")
    yield from check_servos(address.port, calibration, address.slack_s)
    for name, camera in address.cameras.items():
        yield from check_camera_name(name, str(camera.source))
        yield check_camera(name, str(camera.source), camera.size, RobotConfig().camera_px)


def _drawing() -> Check:
    try:
        from sim.robot import SimRobot  # only here: a computer beside an arm need not draw

        with SimRobot(RobotConfig()) as robot:
            began_s = time.perf_counter()
            for _ in range(PICTURES):
                robot.observe()
            each_ms = 1e3 * (time.perf_counter() - began_s) / PICTURES
    except (ImportError, TwinarmError) as error:
        return Check("drawing", "WARN", str(error), "without it there is no simulator here")
    words = f"{each_ms:.1f} ms for a policy's picture"
    slow = "no graphics card is used: install the driver, or train elsewhere"
    return Check("drawing", "WARN", words, slow) if each_ms > SLOW_MS else Check("drawing", "PASS", words)


def _disk(folder: Path) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    words, fix = f"{free_gb:.1f} GB are free in {folder}", "make room: 100 episodes with pictures take about 0.1 GB"
    if free_gb >= LITTLE_GB:
        return Check("disk", "PASS", words)
    return Check("disk", "FAIL" if free_gb < NONE_GB else "WARN", words, fix)


def _priority() -> Check:
    with prompt(PRIORITY) as granted:
        pass
    fix = "the driver runs without; to grant it, give the user rtprio in /etc/security/limits.conf"
    return Check("real time", "PASS", "granted") if granted else Check("real time", "WARN", "not granted", fix)
