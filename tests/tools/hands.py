"""Somebody who lifts the cube with whatever device is in their hands, looking at the twin's truth.

A twin runs beside the command under test, which drives it as it would an arm, by its port and camera; keys, sticks and
leader go through a real terminal, pipe and serial line.
"""

import os
import pty
import select
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from leaders import HeldLeader

from control.arm import Arm, heading, turn
from control.remote import RemoteRobot
from control.types import GRIPPER
from hardware.black_box import MAGIC, ROW, read
from hardware.gamepad import AXIS, BUTTON, FULL, maps
from hardware.keyboard import SAME_PRESS_S
from hardware.terminal import ASK_RELEASES, PING
from tools.rig import end_twin, start_twin
from tools.robots import robot_section
from tools.world import twin_calibration

ARM = Arm.from_facts()
ADDRESS = "port: {port}\ncalibration: mine.json\nslack_s: 0.02\ncameras: {{wrist_cam: {{source: '{camera}'}}}}\n"
FIRST_REPEAT_S, REPEAT_S = 0.25, 0.033  # of a keyboard
LOOK_S = 0.02
ABOVE_M, LOW_M, TOP_M, LIFTED_M = 0.06, 0.012, 0.12, 0.085
OPEN_RAD = 0.7
STILL_RAD_S = 0.05
MOVING_S, RESTING_S = 0.5, 0.4


class Stage:
    """A twin that keeps a record, and `twinarm teleop` at a terminal."""

    def __init__(self, folder: Path, *flags: str, device: str = "keyboard", kitty: bool = False):
        self.kitty, self.answers, self._over = kitty, True, threading.Event()
        self.shown, self._forgotten = b"", 0
        self.log, config = folder / "twin.bin", robot_section("lift_fast.yaml")
        with ExitStack() as opened:
            twin, where = start_twin(config, "--log", str(self.log))
            opened.callback(end_twin, twin)
            self.oracle = opened.enter_context(closing(RemoteRobot(where["truth"])))
            twin_calibration(ARM).save(folder / "mine.json")
            (folder / "arm.yaml").write_text(ADDRESS.format(**where))
            words = ["teleop", "--robot", str(folder / "arm.yaml"), "--device", device, *flags]
            self.screen, keys = pty.openpty()
            opened.callback(os.close, self.screen)
            self._thread = threading.Thread(target=self._answer)
            self._thread.start()
            opened.callback(self._thread.join)
            opened.callback(self._over.set)
            command = [sys.executable, "-m", "tools.cli", *words]
            self.process = subprocess.Popen(command, stdin=keys, stdout=keys, stderr=keys, start_new_session=True)
            os.close(keys)
            opened.callback(self._end)
            self.until("stands")
            self._opened = opened.pop_all()

    def _end(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _answer(self) -> None:
        """As a terminal does: every question, in order, as soon as the line lets it."""
        greeted, answered = False, 0
        while not self._over.is_set():
            if select.select([self.screen], [], [], 0.005)[0]:
                try:
                    self.shown += os.read(self.screen, 4096)
                except OSError:
                    return
            if self.kitty and not greeted and ASK_RELEASES in self.shown:
                greeted = True
                self.type(b"\x1b[?0u")
            if self.answers and (owed := self.shown.count(PING) - answered):
                answered += owed
                self.type(b"\x1b[0n" * owed)

    @property
    def said(self) -> bytes:
        """What the command has shown since `forget`."""
        return self.shown[self._forgotten :]

    def forget(self) -> None:
        self._forgotten = len(self.shown)

    def type(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self.screen, data)

    def until(self, words: str, within_s: float = 40.0) -> None:
        deadline_s = time.monotonic() + within_s
        while words.encode() not in self.said:
            assert time.monotonic() < deadline_s and self.process.poll() is None, self.said[-2000:]
            time.sleep(0.02)

    def row(self) -> np.void:
        """The newest of the twin's record."""
        with self.log.open("rb") as file:
            rows = (self.log.stat().st_size - len(MAGIC)) // ROW.itemsize
            file.seek(len(MAGIC) + (rows - 1) * ROW.itemsize)
            return np.frombuffer(file.read(ROW.itemsize), ROW)[0]

    def rest_s(self, moment_s: float) -> float | None:
        """How long after this moment every joint was at rest; None where it did not even move then."""
        rows = read(self.log)
        moving_s = rows["stamp_s"][np.abs(rows["speed_rad_s"]).max(axis=1) > STILL_RAD_S] - moment_s
        moved = bool((np.abs(moving_s + 0.02) < 0.01).any())
        return float(moving_s[moving_s < RESTING_S][-1]) if moved else None

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hands(Protocol):
    """What turns a wish into what a device sends."""

    def want(self, errors: np.ndarray) -> None:
        """To reduce these errors (5,) of x, y, z, roll and gripper: metres and radians, 0 where it is good enough."""
        ...

    def let_go(self) -> None: ...

    def lose_touch(self) -> None:
        """The connection is gone, while it is held."""
        ...

    def mend(self) -> None:
        """Be ready to want something again."""
        ...


KEYS = {0: "ki", 1: "lj", 2: "mu", 3: "xz", 4: "cv"}  # by axis: less, more


class Keys:
    """Fingers on a keyboard: of several keys that are held a plain terminal repeats the one pressed last alone."""

    def __init__(self, stage: Stage):
        self._stage, self._down, self._next_s = stage, "", 0.0
        stage.type(b"5")

    def want(self, errors: np.ndarray) -> None:
        size = np.abs(errors) / (0.02, 0.02, 0.02, 0.3, 0.35)
        axis = int(size.argmax())
        self.hold(KEYS[axis][int(errors[axis] > 0)] if size[axis] > 0 else "")

    def let_go(self) -> None:
        self.hold("")

    def lose_touch(self) -> None:
        """The network stalls: nothing comes, and a plain terminal's silence is a release."""
        self._stage.answers = False
        if not self._stage.kitty:
            self._down = ""

    def mend(self) -> None:
        self._stage.answers = True
        self.let_go()

    def hold(self, key: str) -> None:
        now_s = time.monotonic()
        if key != self._down:
            if self._down and self._stage.kitty:
                self._send(self._down, 3)
            if key:
                self._send(key, 1)
            self._down, self._next_s = key, now_s + FIRST_REPEAT_S
        elif key and now_s >= self._next_s:
            self._send(key, 2)
            self._next_s = now_s + REPEAT_S

    def _send(self, key: str, phase: int) -> None:
        self._stage.type(b"\x1b[%d;1:%du" % (ord(key), phase) if self._stage.kitty else key.encode())


class Sticks:
    """Thumbs on a gamepad at the end of a pipe."""

    def __init__(self, path: Path):
        self._path, self._map = path, maps()["xbox"]
        self.plug()

    def want(self, errors: np.ndarray) -> None:
        self.hold(True)
        shares = np.clip(errors / (0.03, 0.03, 0.03, 0.3, 0.3), -1, 1)
        shares = np.sign(shares) * np.where(errors == 0, 0, 0.15 + 0.85 * np.abs(shares))
        axes = ("x", "y", "z", "roll", "gripper")
        for stick in self._map.sticks:
            wish = shares[axes.index(stick.axis)] * np.sign(stick.share)
            value = 2 * max(wish, 0) - 1 if stick.rest else wish
            self._send(AXIS, stick.number, round(value * FULL))

    def let_go(self) -> None:
        self.hold(False)

    def hold(self, held: bool) -> None:
        if held != self._held:
            self._send(BUTTON, self._map.hold, int(held))
        self._held = held

    def _send(self, kind: int, number: int, value: int) -> None:
        os.write(self._end, struct.pack("<IhBB", 0, value, kind, number))

    def lose_touch(self) -> None:
        """It is unplugged."""
        self.close()

    def mend(self) -> None:
        if self._end < 0:
            self.plug()

    def plug(self) -> None:
        self._end, self._held = os.open(self._path, os.O_WRONLY), False

    def close(self) -> None:
        if self._end >= 0:
            os.close(self._end)
        self._end = -1


class LeadingHand:
    """A hand that moves a leader arm, no faster than hands do."""

    FASTEST = np.array([0.12, 0.12, 0.08, 1.5, 1.2]) * LOOK_S

    def __init__(self, stage: Stage, held: HeldLeader):
        self._stage, self._held = stage, held
        self.take()

    def take(self) -> None:
        """Over, by the key, once it stands as the arm does; again where nothing came of it."""
        self._joints = self._stage.row()["joints_rad"].astype(float)
        self._held.turn(self._joints)
        self._stage.forget()
        for _ in range(10):
            self._stage.type(b"t")
            pressed_s = time.monotonic()
            while time.monotonic() - pressed_s < 2 * SAME_PRESS_S:
                if b"driven" in self._stage.said:
                    return
                time.sleep(LOOK_S)
        raise AssertionError(f"the leader is not followed: {self._stage.said[-500:]!r}")

    def want(self, errors: np.ndarray) -> None:
        if b"fell silent" in self._stage.said:  # the machine was too busy for its servos
            self.take()
        tool, rotation = ARM.tool(self._joints)
        step = np.clip(0.1 * errors, -self.FASTEST, self.FASTEST)
        joints = ARM.solve(self._joints, tool + step[:3], heading(rotation) + step[3], 5)
        joints[GRIPPER] = np.clip(joints[GRIPPER] + step[4], ARM.lower_rad[GRIPPER], OPEN_RAD)
        self._joints = joints
        self._held.turn(joints)

    def let_go(self) -> None:
        """By the key that gives it back."""
        self._stage.type(b"g")

    def lose_touch(self) -> None:
        """A servo of the leader falls silent."""
        self._held.line.chain.deaf.add(3)

    def mend(self) -> None:
        self._held.line.chain.deaf.clear()
        self.take()


def errors(stage: Stage, grasped: bool) -> tuple[np.ndarray, bool]:
    """What is left to do, as `Hands.want` has it, and whether the cube is in the grip."""
    row, truth = stage.row(), stage.oracle.truth()
    joints = row["joints_rad"].astype(float)
    _, rotation = ARM.tool(joints)
    cube, tool = truth.cube_m, truth.tool_m
    aside, swing = (cube - tool)[:2], turn(truth.cube_yaw_rad - heading(rotation), np.pi / 2)
    grip = joints[GRIPPER]
    if grasped:
        return np.array([0, 0, TOP_M - tool[2], 0, 0]), grasped
    off, near = float(np.hypot(*aside)), abs(swing) < 0.1
    ready = off < 0.005 and near and tool[2] < LOW_M + 0.005
    if ready or (grip < 0.6 and off < 0.014 and tool[2] < LOW_M + 0.01):
        return np.array([0, 0, 0, 0, -1.0]), all(truth.pads_touch) and grip < 0.3
    height = LOW_M if off < 0.006 and near else ABOVE_M if off > 0.02 or not near else max(LOW_M, float(tool[2]))
    left = np.array([*aside, height - tool[2], swing, OPEN_RAD - grip])
    left[np.abs(left) < (0.003, 0.003, 0.004, 0.08, 0.08)] = 0.0
    return left, False


def lift(stage: Stage, hands: Hands, within_s: float = 40.0) -> float:
    """Lift the cube and hold it up for a second; how long that took. Fails where it takes too long."""
    began_s, grasped, up_s, gripping_s = time.monotonic(), False, 0.0, 0.0
    while time.monotonic() - began_s < within_s:
        left, touching = errors(stage, grasped)
        gripping_s = gripping_s + LOOK_S if touching else 0.0
        grasped = grasped or gripping_s > 0.3
        hands.want(left)
        up_s = up_s + LOOK_S if stage.oracle.truth().cube_m[2] > LIFTED_M else 0.0
        if up_s > 1.0:
            hands.let_go()
            return time.monotonic() - began_s
        time.sleep(LOOK_S)
    raise AssertionError(f"not lifted within {within_s:g} s: {left}, {stage.oracle.truth()}, {stage.said[-300:]!r}")
