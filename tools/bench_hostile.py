"""A served arm that is driven while strangers do their worst at its endpoints."""

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np

from control.endpoints import STOPPING
from control.endpoints import beside as endpoint_beside
from control.errors import LinkError, TwinarmError
from control.keys import TICKET, Keys, write
from control.modes import Word
from control.remote import RemoteRobot
from control.spawning import SPAWN
from control.types import Command, ResetRequest
from tools.bench_wire import beside, free_port
from tools.hostile import ATTACKS, assault
from tools.relay import relay
from tools.rig import only_child
from tools.shipped import FAST

SWING_RAD, SWING_S = 0.15, 5.0
SAME_RAD = 1e-9
PATIENCE_S = 60.0
BOUNDED = tuple(name for name in ATTACKS if name != "unfinished")
Figures = dict[str, float]


def bench_hostile(seconds: float = 60.0) -> Figures:
    """What the arm's driver saw of it, and what the strangers got; by the clock, in four scenes.

    The first has no strangers and says what the machine itself costs. On ipc what kills the server by plan has a scene
    of its own, as what is left of it is timed. With keys all come at once.
    """
    scenes = (
        ("nobody", (), seconds / 3, False),
        ("ipc", BOUNDED, seconds, False),
        ("ipc, unfinished", ("unfinished",), seconds / 3, False),
        ("CURVE", tuple(ATTACKS), seconds, True),
    )
    return {
        f"{scene}: {name}": figure
        for scene, attacks, length_s, keyed in scenes
        for name, figure in hostile(attacks, length_s, keyed).items()
    }


def hostile(attacks: Sequence[str], seconds: float, keyed: bool) -> Figures:
    """One scene's figures."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        stranger = tickets(Path(folder)) if keyed else ""
        endpoint, server = opened.enter_context(serving(Path(folder), keyed))
        front = f"tcp://127.0.0.1:{free_port()}" if keyed else f"ipc://{folder}/middle"
        opened.enter_context(beside(relay, front, endpoint, bool(attacks)))
        drive = Drive(front, server)
        drive.open()
        ours, theirs = SPAWN.Pipe()
        opened.enter_context(beside(assault, endpoint, tuple(attacks), seconds, stranger, theirs))
        drive.run(until=ours.poll)
        seen = Counter(msgspec.json.decode(ours.recv_bytes(), type=dict[str, int]))
        return drive.figures() | {
            "sent by strangers": seen["sent"] + seen["parts"] + seen["connected"],
            "answers to strangers": seen["answered"],
            "commands of strangers executed": seen["executed"] + drive.strayed,
            "stop heard after ms": drive.stop(endpoint),
        }


def tickets(folder: Path) -> str:
    """Keys in `folder` for the robot; this process's ticket in force, and a stranger's whose path is returned."""
    keys, ticket = Keys.draw().admit("driver", "operator")
    strange = msgspec.structs.replace(Keys.draw().admit("me", "operator")[1], server=keys.public)
    for name, content in (("keys", keys), ("driver", ticket), ("stranger", strange)):
        write(folder / f"{name}.yaml", content)
    os.environ[TICKET] = str(folder / "driver.yaml")
    return str(folder / "stranger.yaml")


@contextmanager
def serving(folder: Path, keyed: bool) -> Iterator[tuple[str, int]]:
    """A simulated arm by the clock, served by the command; where, and the process that keeps it."""
    at = ["--endpoint", "tcp://127.0.0.1:0", "--keys", str(folder / "keys.yaml")]
    at = at if keyed else ["--endpoint", f"ipc://{folder}/arm"]
    command = [sys.executable, "-m", "tools.cli", "serve", "--realtime", "--config", FAST, *at]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1], process.pid
        finally:
            process.terminate()
            os.environ.pop(TICKET, None)


def same(one_rad: np.ndarray, other_rad: np.ndarray) -> bool:
    return bool(np.abs(one_rad - other_rad).max() < SAME_RAD)


class Drive:
    """Swings an arm gently, and remembers how that went."""

    def __init__(self, endpoint: str, server: int):
        self._endpoint, self._server = endpoint, server
        self.ticks_s: list[float] = []
        self._sent: list[np.ndarray] = []
        self.strayed = self.held = self.lost = self.refused = 0
        self.away_s, self._ticked_s = 0.0, time.monotonic()  # the longest between two ticks where the session was lost
        self._held_mb: list[float] = []

    def open(self) -> None:
        """As soon as it lets us. Raises what it says after PATIENCE_S."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._robot = RemoteRobot(self._endpoint, timeout_s=3.0)
                self._seen = self._robot.reset(ResetRequest("home", 1))
                self._home_rad = self._seen.target_rad
                return
            except TwinarmError:
                if time.monotonic() > until_s:
                    raise
                with suppress(AttributeError):
                    self._robot.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Until that is so."""
        began_s = time.monotonic()
        while not until():
            try:
                self._tick(time.monotonic() - began_s)
            except LinkError:
                self._recover()
            except TwinarmError:
                self.refused += 1
                self._seen = self._robot.reset(ResetRequest("home", 1))

    def _tick(self, at_s: float) -> None:
        target_rad, before = self._home_rad.copy(), self._seen
        target_rad[0] += SWING_RAD * math.sin(2 * math.pi * at_s / SWING_S)
        began_s = time.perf_counter()
        self._seen = self._robot.step(Command(target_rad, before.seq))
        self.ticks_s.append(time.perf_counter() - began_s)
        self._ticked_s = time.monotonic()
        self._sent.append(target_rad)
        self.held += not same(self._seen.target_rad, target_rad)
        self.strayed += self._astray(before.target_rad, self._seen.target_rad)
        self._held_mb.append(resident_mb(self._server))

    def _astray(self, before_rad: np.ndarray, now_rad: np.ndarray) -> bool:
        """Whether the target in force became what was commanded long ago, or what never was. Home is where a start that
        was said long ago goes to."""
        again = any(same(now_rad, old) for old in (self._home_rad, *self._sent[:-2]))
        elsewhere = bool(np.abs(now_rad - self._home_rad).max() > SWING_RAD + SAME_RAD)
        return not same(now_rad, before_rad) and not same(now_rad, self._sent[-1]) and (again or elsewhere)

    def _recover(self) -> None:
        self._robot.close()
        self.open()
        self.lost += 1
        self.away_s = max(self.away_s, time.monotonic() - self._ticked_s)

    def stop(self, endpoint: str) -> float:
        """Milliseconds until a stop is answered, the line being quiet again."""
        self._robot.close()
        with closing(RemoteRobot(endpoint_beside(endpoint, STOPPING))) as button:
            began_s = time.perf_counter()
            button.say(Word.STOP)
            return 1e3 * (time.perf_counter() - began_s)

    def figures(self) -> Figures:
        p50, p99 = (1e3 * float(np.percentile(self.ticks_s, share)) for share in (50, 99))
        return {
            "ticks": len(self.ticks_s),
            "tick ms p50": p50,
            "tick ms p99": p99,
            "refused": self.refused,
            "held": self.held,
            "sessions lost": self.lost,
            "longest without s": self.away_s,
            "memory grew MB": max(self._held_mb) - self._held_mb[0],
        }


def resident_mb(server: int) -> float:
    """Of the process that the one with this id keeps; 0 where there is none just now."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{only_child(server)}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    return 0.0
