"""Figures as they come: `metrics.jsonl` is the truth, TensorBoard a view of it."""

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from control.errors import UserError

FILE = "metrics.jsonl"


class Metrics:
    """Appends to a run's metrics; every row has the step it belongs to."""

    def __init__(self, folder: Path):
        self._path = folder / FILE
        self._file = open(self._path, "a")  # noqa: SIM115 (kept open for the length of the run)
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def write(self, step: int, figures: dict[str, float]) -> None:
        """One row: `figures` as they stood at `step`."""
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(name, value, figures.get("cloned", step) if step == 0 else step)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def truncate(self, step: int, cloned: int) -> None:
        """Forget the rows after `step` decisions and `cloned` cloning updates: they will be written again."""
        self._file.close()
        rows = [row for row in read(self._path.parent) if row["step"] <= step and row.get("cloned", 0) <= cloned]
        part = self._path.with_suffix(".part")
        part.write_text("".join(json.dumps(row) + "\n" for row in rows))
        part.replace(self._path)
        self._file = open(self._path, "a")  # noqa: SIM115

    def close(self) -> None:
        """Finish both."""
        self._file.close()
        self._board.close()


def read(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run, oldest first; a row that a kill cut short is left out. Raises UserError without a file."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{folder} is no run: it has no {FILE}")
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
