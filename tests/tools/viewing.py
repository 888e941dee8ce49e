"""`twinarm view` in a process of its own, and what the twin's own record says of the arm that it drives."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from control.arm import Arm, heading, turn
from hardware import black_box
from tests.tools.chromium import Page, wait_for

ARM = Arm.from_facts()
STILL_M_S = 0.01  # of the tool
WINDOW = 5  # rows that a speed is taken over


@contextmanager
def view(*flags: str) -> Iterator[str]:
    """The address of the page."""
    command = [sys.executable, "-m", "tools.cli", "view", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the page did not open"
            yield found.group()
        finally:
            process.terminate()
            assert process.wait(20) == 0


def drive(page: Page) -> None:
    """Take the arm, and wait until keys move it."""
    page.until("!document.querySelector('#take').hidden && document.querySelector('#state').textContent != '…'")
    page.click("#take")
    page.until(
        "!document.querySelector('#give').hidden && document.querySelector('#drive').classList.contains('ready')"
    )
    page.until("['hold', 'active'].includes(document.querySelector('#state').textContent)", 30)


def hold(page: Page, down: Callable[[], object], up: Callable[[], object], done: str) -> None:
    """Press until it is done, and anew where the page was not heard in time."""
    down()

    def look() -> bool:
        if page.run("document.querySelector('#drive').classList.contains('lapsed')"):
            up()
            time.sleep(0.1)
            down()
        return bool(page.run(done))

    wait_for(look, what=done)


class Witness:
    """Reads what the twin wrote of itself while it goes on writing."""

    def __init__(self, path: Path):
        self._path = path

    def rows(self, since_s: float) -> np.ndarray:
        rows = black_box.read(self._path)
        return rows[rows["stamp_s"] >= since_s]

    def now(self) -> np.void:
        return black_box.read(self._path)[-1]

    def speed_m_s(self) -> float:
        """Of the tool, now."""
        rows = black_box.read(self._path)[[-1 - WINDOW, -1]]
        (before, _), (after, _) = (ARM.tool(row["joints_rad"].astype(float)) for row in rows)
        return float(np.linalg.norm(after - before) / (rows["stamp_s"][1] - rows["stamp_s"][0]))

    def still_after(self, let_go_s: float, watched_s: float = 1.0) -> tuple[float, float]:
        """How fast the tool was when somebody let go (m/s), and how long it went on (s)."""
        wait_for(lambda: self.now()["stamp_s"] > let_go_s + watched_s)
        rows = self.rows(let_go_s - 0.1)
        places = np.array([ARM.tool(row["joints_rad"].astype(float))[0] for row in rows])
        stamps = rows["stamp_s"]
        speeds = np.linalg.norm(places[WINDOW:] - places[:-WINDOW], axis=1) / (stamps[WINDOW:] - stamps[:-WINDOW])
        ends = stamps[WINDOW:]
        before = speeds[ends <= let_go_s][-WINDOW:]
        moving = ends[(speeds > STILL_M_S) & (ends > let_go_s)]
        return float(before.mean()), float(moving[-1] - let_go_s) if len(moving) else 0.0


class Hands:
    """Ten fingers that see the truth."""

    KEYS = ("KeyI", "KeyK", "KeyJ", "KeyL", "KeyU", "KeyM", "KeyZ", "KeyX", "KeyV", "KeyC")

    def __init__(self, page: Page, witness: Witness):
        self._page, self._witness = page, witness
        self._down: set[str] = set()

    def hold(self, *wanted: str) -> None:
        """These keys and no others."""
        for code in self._down - set(wanted):
            self._page.key(code, False)
        for code in set(wanted) - self._down:
            self._page.key(code, True)
        self._down = set(wanted)

    def tap(self, code: str) -> None:
        self._page.key(code, True)
        self._page.key(code, False)

    def bring(self, height_m: float, near_m: float) -> None:
        """The open fingers around the place of the cube, `height_m` above its centre."""
        self.hold_until(lambda: self._toward(height_m, near_m))

    def hold_until(self, wanted: Callable[[], Sequence[str]], lift: bool = True, patience_s: float = 30.0) -> None:
        """Whatever keys are wanted, until none is; pressed again where the page was not heard in time."""
        until_s = time.monotonic() + patience_s
        while keys := wanted():
            assert time.monotonic() < until_s, f"still {keys} after {patience_s:g} s"
            self.hold(*keys)
            if self._page.run("document.querySelector('#drive').classList.contains('lapsed')"):
                self.hold()
            time.sleep(0.03)
        if lift:
            self.hold()

    def _toward(self, height_m: float, near_m: float) -> list[str]:
        row = self._witness.now()
        tool, rotation = ARM.tool(row["joints_rad"].astype(float))
        off = row["cube_m"].astype(float) + (0, 0, height_m) - tool
        askew = turn(-heading(rotation), np.pi / 2)  # the cube lies straight
        wrong = (*(off / near_m), askew / 0.06)
        pairs = (("KeyI", "KeyK"), ("KeyJ", "KeyL"), ("KeyU", "KeyM"), ("KeyZ", "KeyX"))
        return [pair[bool(error < 0)] for pair, error in zip(pairs, wrong, strict=True) if abs(error) > 1]
