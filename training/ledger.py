"""What the finished runs of a sweep came to, a line of JSON each: all that its report is made of.

The file is small enough to keep when the runs' folders are long gone, so that nobody need run again what is known.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from control.errors import UserError
from training import metrics
from training.sweep import REPORT, Cell


class Outcome(msgspec.Struct, frozen=True):
    """One finished run."""

    arm: str
    seed: int
    settings: str  # digest of what the sweep says about it, see Cell.written
    report: dict[str, Any]  # the run's report.json
    episodes: dict[str, float]  # what the kept policy did, see _told
    course: list[dict[str, float]]  # validations: step, seconds, validation_success and what else was found

    @classmethod
    def of(cls, cell: Cell) -> "Outcome":
        """What the run in a cell's folder came to."""
        report, episodes = (json.loads((cell.folder / name).read_text()) for name in (REPORT, "episodes.json"))
        rows = metrics.read(cell.folder)
        course = [row for row in rows if "validation_success" in row]
        return cls(cell.arm, cell.config.seed, cell.written, report, _told(episodes, rows), course)


def _told(episodes: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The experiment's own figures: gripper and cube over the evaluation's episodes, and the critic's mean value."""
    values = [row["q"] for row in rows if "q" in row]
    figures = {
        "gripper_mean_rad": float(np.mean([episode["gripper_mean_rad"] for episode in episodes])),
        "cube_z_max_m": max(episode["cube_z_max_m"] for episode in episodes),
    }
    return figures | ({"q_last": values[-1], "q_max": max(values)} if values else {})


class Ledger:
    """The outcomes in a file, which is made when there is something to keep.

    Raises:
        UserError: the file holds something else, naming the line.
    """

    def __init__(self, path: Path):
        self.path, self._outcomes = path, dict[tuple[str, int, str], Outcome]()
        path.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
        self._read()

    def _read(self) -> None:
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                self._enter(msgspec.json.decode(line, type=Outcome))
            except msgspec.MsgspecError as error:
                if line.endswith(b"\n"):  # the last one may have been cut short by a kill
                    words = f"{self.path}, line {number} is no run's outcome ({error}); name another file"
                    raise UserError(words) from None

    def outcome(self, cell: Cell) -> Outcome | None:
        """What is known of a cell, if it is."""
        return self._outcomes.get((cell.arm, cell.config.seed, cell.written))

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome beside what other sweeps have kept there meanwhile; it is on disk when this returns."""
        with _alone(self.path.parent):
            self._read()
            self._enter(outcome)
            part = self.path.with_suffix(".part")
            with open(part, "wb") as file:
                file.writelines(msgspec.json.encode(each) + b"\n" for each in self._outcomes.values())
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)

    def _enter(self, outcome: Outcome) -> None:
        self._outcomes[outcome.arm, outcome.seed, outcome.settings] = outcome


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here for `folder`: outcomes take a moment to add, unlike runs and datasets."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
