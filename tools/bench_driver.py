"""How punctual the driver is while other processes want every core: with real-time priority, and without."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection

import numpy as np

from control.arm import Arm
from control.config import RobotConfig
from control.governor import RATE_HZ
from control.modes import Word
from control.pacing import Pacer
from hardware.arm import spec_of, task_of
from hardware.orders import Order, Say, Task, Telemetry
from hardware.process import build, run
from hardware.promptness import PRIORITY, be_prompt
from tools.bench_wire import beside
from tools.rig import SLACK_S, end_twin, start_twin
from tools.world import twin_calibration

LOADS = 6
MOST_S = 60.0


def bench_driver(seconds: float = 20.0) -> dict[str, float]:
    """Lateness of the driver's cycles (ms) and cycles left out, of an armed arm on a twin, beside six busy loops."""
    report: dict[str, float] = {"loads": LOADS}
    with loaded():
        for name, prompt in (("prompt", True), ("plain", False)):
            late_s, overruns, granted = lateness(seconds, prompt)
            late_ms = 1e3 * late_s
            for share in (50, 99, 100):
                report[f"{name}_late_p{share}_ms"] = float(np.percentile(late_ms, share))
            report |= {f"{name}_cycles": len(late_ms), f"{name}_left_out": overruns}
            if prompt:
                report["real_time_granted"] = granted
    return report


class Turns(Pacer):
    """A pacer that remembers when each turn was."""

    def __init__(self) -> None:
        super().__init__(RATE_HZ)
        self.at_s: list[float] = []

    def tick(self) -> float:
        self.at_s.append(super().tick())
        return self.at_s[-1]


@contextmanager
def loaded() -> Iterator[None]:
    """Six processes that do nothing, as fast as they can."""
    with ExitStack() as stack:
        for _ in range(LOADS):
            stack.enter_context(beside(busy))
        yield


def busy() -> None:
    while True:
        pass


def lateness(seconds: float, prompt: bool) -> tuple[np.ndarray, int, bool]:
    """(n,) seconds by which each cycle began after its turn, how many were left out, whether priority was granted."""
    twin, where = start_twin(RobotConfig(hz=10.0))
    try:
        calibration = twin_calibration(Arm.from_facts())
        task = task_of(spec_of(RobotConfig(hz=10.0), calibration, {}), where["port"], calibration, SLACK_S)
        near, far = multiprocessing.Pipe()
        with beside(drive, task, seconds, prompt, far):
            assert near.poll(seconds + MOST_S), "the driver did not come to its end"
            return near.recv()
    finally:
        end_twin(twin)


def drive(task: Task, seconds: float, prompt: bool, pipe: Connection) -> None:
    """A driver's life as in `hardware.process`, with an arm that holds; tells how late each cycle began."""
    began_s: list[float] = []
    driver = build(task)
    granted = prompt and be_prompt(PRIORITY)
    driver.open()
    until_s = time.monotonic() + seconds
    waiting: list[Order] = [Say(Word.ARM)]

    def orders() -> list[Order]:
        if time.monotonic() > until_s:
            raise EOFError
        given = list(waiting)
        waiting.clear()
        return given

    def note(telemetry: Telemetry) -> None:
        began_s.append(telemetry.stamp_s)

    turns = Turns()
    run(driver, orders, note, turns)
    pipe.send((np.array(began_s[1:]) - turns.at_s[: len(began_s) - 1], driver.late, granted))  # the first has no turn
