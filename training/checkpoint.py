"""Checkpoints: one safetensors file each, tensors and, in its header, everything else that a resume needs.

A file is written beside its place, synced and renamed, so that a crash leaves the old one or the new one.
"""

from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError, safe_open
from torch import Tensor

from control.errors import CheckpointError
from policies.tensors import write

KEEP = 2


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run stands: with the tensors and the episode log, enough to go on exactly."""

    settings: dict[str, Any]  # the whole configuration so far
    demonstrations: str  # digest; empty where there are none
    step: int
    cloned: int  # cloning updates done
    credit: float  # updates due but not yet made
    episodes: int  # finished ones in the log
    seconds: float
    rng: str  # of numpy's PCG64, as JSON: its integers have 128 bits
    # Of a run with robots of its own:
    plant: dict[str, Any] = {}  # what its robot is made of
    open: tuple["OpenEpisode", ...] = ()  # one for every environment
    next_eval: int = 0
    validated: int = -1  # decision of the last validation
    best: tuple[float, float] = (-1.0, 0.0)  # validation success and minus median time of the saved policy


class OpenEpisode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unfinished episode: what it began with and the actions decided since."""

    index: int
    actions: tuple[tuple[float, ...], ...]


def save(folder: Path, tensors: dict[str, Tensor], progress: Progress) -> Path:
    """Write the checkpoint of `progress.step` and forget all but the newest KEEP.

    Raises:
        CheckpointError: it cannot be written; those before it are as they were.
    """
    path = folder / f"step_{progress.step:09d}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    write(path, tensors, {"progress": msgspec.json.encode(progress).decode()}, run=folder.parent)
    for stale in sorted(folder.glob("step_*.safetensors"))[:-KEEP]:
        stale.unlink()
    return path


def load_newest(folder: Path) -> tuple[dict[str, Tensor], Progress] | None:
    """The newest whole checkpoint, or None. Raises CheckpointError when there are some and none is whole."""
    faults = []
    for path in sorted(folder.glob("step_*.safetensors"), reverse=True):
        try:
            return load(path)
        except CheckpointError as error:
            faults.append(str(error))
    if faults:
        raise CheckpointError(f"{'; '.join(faults)}; start the run anew")
    return None


def load(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """Tensors and progress at `path`. Raises CheckpointError where the file is truncated or something else."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return tensors, msgspec.json.decode(header["progress"], type=Progress)
    except (OSError, SafetensorError, KeyError, msgspec.MsgspecError) as error:
        raise CheckpointError(f"{path} is no whole checkpoint ({str(error).splitlines()[0]})") from None
