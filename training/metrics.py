"""Figures as they come: `metrics.jsonl` is the truth, TensorBoard a view of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from control.errors import UserError
from policies.tensors import free_mb
from training.figures import FILE, read


class Metrics:
    """Appends to a run's metrics; every row has the step it belongs to.

    Args:
        step: decisions that the run stands at, and `cloned` cloning updates: rows after them will be written again,
            and are forgotten.
    """

    def __init__(self, folder: Path, step: int = 0, cloned: int = 0):
        self._path = path = folder / FILE
        with on_disk(path):
            if path.exists():
                _truncate(path, step, cloned)
            self._file = open(path, "a")  # noqa: SIM115 (kept open for the length of the run)
        board = folder / "tensorboard"
        self._cloning = SummaryWriter(str(board / "cloning"), purge_step=cloned + 1)
        self._learning = SummaryWriter(str(board / "learning"), purge_step=step + 1)

    def write(self, step: int, figures: dict[str, float]) -> None:
        """One row: `figures` as they stood at `step`. Raises UserError where the disk is full."""
        with on_disk(self._path):
            self._file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            if "cloned" in figures:
                self._cloning.add_scalar(name, value, figures["cloned"])
            else:
                self._learning.add_scalar(name, value, step)

    def flush(self) -> None:
        """Hand everything to the operating system. Raises UserError where the disk is full."""
        with on_disk(self._path):
            self._file.flush()

    def close(self) -> None:
        """Finish all. Raises UserError where the disk is full."""
        self._cloning.close()
        self._learning.close()
        with on_disk(self._path):
            self._file.close()


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """A full or read-only disk becomes one line that names the file, the room left and the next move."""
    try:
        yield
    except OSError as error:
        room = f"{free_mb(path):.1f} MB are free; make room, then twinarm resume {path.parent}"
        raise UserError(f"cannot write {path} ({error.strerror}): {room}") from None


def _truncate(path: Path, step: int, cloned: int) -> None:
    rows = [row for row in read(path.parent) if row["step"] <= step and row.get("cloned", 0) <= cloned]
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    part.replace(path)
