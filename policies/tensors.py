"""Tensors as a safetensors file that is whole or not there: written beside its place, synced and renamed."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from control.errors import CheckpointError
from control.recorder import sync_folder


def write(path: Path, tensors: dict[str, Tensor], header: dict[str, str], run: Path) -> None:
    """Put `tensors` and `header` at `path`, a file of the run in the folder `run`.

    Raises:
        CheckpointError: it cannot be written; what was at `path` is as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata=header)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        needed = sum(value.nbytes for value in tensors.values()) / 1e6
        room = f"it needs {needed:.1f} MB, {free_mb(path):.1f} MB are free"
        raise CheckpointError(f"cannot write {path} ({error}): {room}; make room, then twinarm resume {run}") from None


def free_mb(path: Path) -> float:
    """What is free for a file at `path`, whether or not its folder is there."""
    folder = next(folder for folder in path.absolute().parents if folder.is_dir())
    return shutil.disk_usage(folder).free / 1e6
