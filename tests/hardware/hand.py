"""Somebody beside the arm: a hand that holds it when it is limp, and one at the keyboard."""

import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
from rig import running

from control.types import JOINTS
from tools.world import World

PACE_RAD = 0.02  # of a hand, each millisecond: fast, and far from half a turn between two looks


class Hand:
    """Holds a limp arm, and lets the world's time pass meanwhile."""

    def __init__(self, world: World):
        self._world, self._pose = world, np.zeros(len(JOINTS))

    def hold(self) -> None:
        """For a millisecond."""
        self._world.plant.place(self._pose)
        self._world.tick()
        self._world.line.pass_on(time.monotonic() + 0.001)

    def bring(self, pose: np.ndarray) -> Iterator[None]:
        """Move it there, a little at a time."""
        way = pose - self._pose
        steps = 1 + int(np.abs(way).max() / PACE_RAD)
        for start in np.linspace(self._pose, pose, steps + 1)[1:]:
            self._pose = start
            time.sleep(0.002)
            yield


@contextmanager
def holding(world: World) -> Iterator[Hand]:
    hand = Hand(world)
    with running(hand.hold):
        yield hand


class Terminal:
    """A command that somebody answers at a terminal."""

    def __init__(self, *words: str):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "tools.cli", *words]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
        os.close(theirs)
        self._end, self.said = ours, ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # it has ended
            while True:
                self.said += os.read(self._end, 4096).decode(errors="replace")

    def until(self, words: str, within_s: float = 30.0) -> None:
        deadline_s = time.monotonic() + within_s
        while words not in self.said:
            assert time.monotonic() < deadline_s, self.said
            time.sleep(0.02)

    def enter(self) -> None:
        self.said = ""
        os.write(self._end, b"\n")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._end)
