"""Episodes as robomimic's HDF5: data/demo_i/{obs, next_obs, actions, rewards, dones, states}, and masks."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from control.episodes import TRUTH, DatasetInfo, Episode

ENV, GYM = "twinarm/Lift-v0", 2  # robomimic's number for an environment of Gymnasium's kind
FELT = ("joints_rad", "speed_rad_s", "load", "target_rad", "stamp_s")
VALID_EVERY = 10  # one episode in so many is kept for validation


class Sink(io.FileIO):
    """A file whose writes never fail in the sight of HDF5, which crashes where one does; `check` tells of it."""

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        try:
            while rest and self.fault is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.fault = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.fault = self.fault or error
            return size or 0

    def check(self) -> None:
        """Raises OSError, the first that a write met."""
        if self.fault is not None:
            raise self.fault


def export(episodes: Iterable[Episode], info: DatasetInfo, path: Path) -> None:
    """Write a new file at `path`; there is at least one episode. Raises OSError where there is no room."""
    with Sink(path, "w+") as sink:
        _fill(sink, episodes, info)
        sink.check()


def _fill(sink: Sink, episodes: Iterable[Episode], info: DatasetInfo) -> None:
    masks: dict[str, list[str]] = {"train": [], "valid": [], "success": [], "failure": []}
    with h5py.File(sink, "w", libver="latest") as file:
        data, total = file.create_group("data"), 0
        for number, episode in enumerate(episodes):
            name = f"demo_{number}"
            _write(data.create_group(name), episode)
            masks["valid" if number % VALID_EVERY == VALID_EVERY - 1 else "train"].append(name)
            masks["success" if episode.success else "failure"].append(name)
            total += len(episode)
            sink.check()
        data.attrs["total"] = total
        data.attrs["env_args"] = json.dumps({"env_name": ENV, "type": GYM, "env_kwargs": {}})
        data.attrs["hz"], data.attrs["action_space"] = info.hz, info.action_space
        for key, names in masks.items():
            file.create_dataset(f"mask/{key}", data=np.array(names, dtype="S"))


def _write(group: h5py.Group, episode: Episode) -> None:
    """One episode: row t of everything belongs to step t, and next_obs is what that step led to."""
    group.attrs["num_samples"], group.attrs["success"] = len(episode), episode.success
    group.attrs["provenance"] = json.dumps({"source": episode.provenance.source, "seed": episode.provenance.seed})
    group["actions"], group["labels"] = episode.action, episode.label
    group["requested_rad"], group["rewards"] = episode.requested_rad, episode.reward
    group["by_person"] = episode.by_person
    group["dones"] = (episode.discount == 0).astype(np.int64)
    group["states"] = states(episode)[:-1]
    for name, values in looks(episode).items():
        squeeze = {"compression": "gzip", "chunks": (1, *values.shape[1:])} if values.dtype == np.uint8 else {}
        group.create_dataset(f"obs/{name}", data=values[:-1], **squeeze)
        group.create_dataset(f"next_obs/{name}", data=values[1:], **squeeze)


def looks(episode: Episode) -> dict[str, np.ndarray]:
    """What was seen and felt, (T+1, ...) each; a camera's pictures are called <camera>_image, as robomimic has it."""
    felt = {name: getattr(episode, name).reshape(len(episode) + 1, -1) for name in FELT}
    return felt | {f"{name}_image": pictures for name, pictures in episode.frames.items()}


def states(episode: Episode) -> np.ndarray:
    """(T+1, S) joints and their speeds, then what the simulator knew, where there was one."""
    told = [episode.truth[name].reshape(len(episode) + 1, -1) for name in TRUTH] if episode.truth else []
    return np.concatenate([episode.joints_rad, episode.speed_rad_s, *told], axis=1)
