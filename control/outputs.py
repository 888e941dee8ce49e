"""Files and folders that are whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.errors import UserError
from control.recorder import sync_folder


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write a file or folder to; it becomes `path` when the block ends, and is gone if the
    block fails. What a kill leaves is called `.<name>.<pid>.part`, and may be deleted.

    Raises:
        UserError: something is at `path` already.
    """
    refuse_present(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        refuse_present(path)
        part.rename(path)
        sync_folder(path.parent)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)


def refuse_present(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} is there already, and nothing is written over it; choose another name")


def have_room(place: Path) -> None:
    """Make sure before the work, not after it, that something can be written at `place`. Raises UserError."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {place.parent}: {error.strerror}") from None
    if not os.access(place.parent, os.W_OK):
        raise UserError(f"{place} cannot be written: {place.parent} does not permit it; choose another folder")
