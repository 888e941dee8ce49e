"""`twinarm sysid`: what makes the simulated arm move as yours does."""

import json
import time
from collections.abc import Callable
from contextlib import closing

import msgspec
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from control.actuators import Actuator, actuator
from control.config import RobotConfig
from control.errors import UserError
from control.interfaces import Robot
from control.outputs import have_room
from control.types import JOINTS, Command, ResetRequest
from sim.identify import Fit, Recording, excitation, fit
from tools.flags.sysid import Arguments
from tools.progress import bars
from tools.robots import open_robot

HZ = 50.0
NUMBERS = ("kp", "kv", "frictionloss", "delay_s", "lead_s", "backlash_rad")


def main(arguments: Arguments) -> None:
    """Record, fit, write."""
    if arguments.output.exists():
        raise UserError(f"{arguments.output} exists already; give --output another name")
    have_room(arguments.output)
    console, base = Console(stderr=True), actuator(arguments.base)
    config = RobotConfig(hz=HZ, camera_px=32, profile=arguments.base)
    with closing(open_robot(arguments.robot, config)) as robot:
        spec = robot.spec
        recording = record(robot, console)
    with console.status("fitting"):
        found = fit(recording, spec, base)
    arguments.output.write_text(page(found, arguments))
    show(found, base, console)
    console.print(f"use it with --set robot.profile={arguments.output}", soft_wrap=True)
    if arguments.json:
        errors = {"before_rad": found.before_rad.tolist(), "after_rad": found.after_rad.tolist()}
        print(json.dumps(msgspec.to_builtins(found.actuator) | errors))


def record(robot: Robot, console: Console, clock: Callable[[], float] = time.monotonic) -> Recording:
    """What an arm does when it is excited at home. Raises UserError where it does not stand there."""
    seen = robot.reset(ResetRequest("home", 0))
    home_rad, start_rad = seen.target_rad.copy(), seen.joints_rad.copy()
    wanted = list(excitation(home_rad, robot.spec.hz))
    sent_s, seen_s, joints_rad = [], [], []
    with bars(console) as progress:
        for target in progress.track(wanted, description="moving"):
            sent_s.append(clock())
            seen = robot.step(Command(target, seen.seq))
            seen_s.append(seen.stamp_s)
            joints_rad.append(seen.joints_rad)
    if not seen_s[0] - 1.0 < sent_s[0] < seen_s[0] + 1.0:
        raise UserError("this robot keeps a time of its own, not this computer's; sysid needs an arm on servos")
    return Recording(np.array(sent_s), np.array(wanted), np.array(seen_s), np.array(joints_rad), start_rad)


def page(found: Fit, arguments: Arguments) -> str:
    """The profile's file."""
    rounded = {name: float(f"{value:.4g}") for name, value in msgspec.to_builtins(found.actuator).items()}
    off = np.degrees(found.after_rad).max()
    how = f"twinarm sysid --robot {arguments.robot} --base {arguments.base}"
    return f"# {how}: the simulated arm follows within {off:.2f} degrees rms.\n" + yaml.safe_dump(
        rounded, sort_keys=False
    )


def show(found: Fit, base: Actuator, console: Console) -> None:
    """The numbers before and after, and how far the simulated arm is off, joint by joint."""
    table = Table("", "base", "fitted", box=None)
    for name in NUMBERS:
        table.add_row(name, f"{getattr(base, name):.4g}", f"{getattr(found.actuator, name):.4g}")
    for name, before, after in zip(JOINTS, found.before_rad, found.after_rad, strict=True):
        table.add_row(f"{name}, degrees rms off", f"{np.degrees(before):.2f}", f"{np.degrees(after):.2f}")
    console.print(table)
