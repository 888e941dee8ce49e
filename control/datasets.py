"""A dataset is a folder: `dataset.json` says what its episodes share, `episode_NNNNNN.mcap` is one episode each.

A recording in progress is a `.part`; a finished file never changes, but for its label. What a crash left of a recording
becomes `episode_NNNNNN.incomplete.mcap` and is kept until that index is recorded again. What nobody wants any more is
moved to `discarded/`.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from control import playback
from control.episodes import DatasetInfo, Episode, Provenance, differences, digest, foreign
from control.errors import DatasetError
from control.messages import Result
from control.recorder import Recorder, incomplete, on_disk, sync, sync_folder

MANIFEST, NEW_MANIFEST, LOCK = "dataset.json", ".dataset.json.new", ".lock"
DISCARDED = "discarded"
FINISHED, INCOMPLETE, PART = r"episode_(\d+)\.mcap", r"episode_(\d+)\.incomplete\.mcap", r"episode_(\d+)\..*\.part"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of dataset.json."""

    info: DatasetInfo
    planned: int = 0  # episodes that were asked for; a dataset with fewer is half-written
    format: int = 1


class Dataset:
    """Episodes in a folder. `create` to write, `open` to read; both may be used at once by several processes."""

    def __init__(self, folder: Path, info: DatasetInfo) -> None:
        """For a folder known to be a dataset."""
        self.folder, self.info = folder, info

    @classmethod
    def create(cls, folder: Path, info: DatasetInfo) -> "Dataset":
        """The dataset in `folder`, begun now or earlier with the same `info`.

        Raises:
            DatasetError: the folder holds another dataset, or other files.
        """
        if (folder / MANIFEST).exists():
            if faults := differences(read_manifest(folder).info.facts, info.facts):
                raise DatasetError(f"{folder} holds another dataset: its {'; its '.join(faults)}; name another folder")
            return cls(folder, info)
        with on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if any(path.name not in (LOCK, NEW_MANIFEST) for path in folder.iterdir()):
            raise DatasetError(f"{folder} holds other files and is no dataset; name another folder")
        write_manifest(folder, Manifest(info))
        return cls(folder, info)

    @classmethod
    def found(cls, folder: Path) -> "Dataset":
        """A dataset to look at, be it half-written. Raises DatasetError where there is none."""
        return cls(folder, read_manifest(folder).info)

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """A dataset to read. Raises DatasetError where it is missing, empty or half-written."""
        dataset = cls.found(folder)
        have, wanted = len(dataset.indices()), dataset.planned
        if have < wanted:
            whole = f"{have} of {wanted} episodes"
            again = "run the command that records it again to complete it"
            enough = f", or with --episodes {have} to leave it at that" if have else ""
            raise DatasetError(f"{folder} holds {whole}; {again}{enough}")
        if not have:
            raise DatasetError(f"{folder} holds no finished episode; collect some first")
        return dataset

    @property
    def digest(self) -> str:
        """A short name for what it holds now: what its episodes share, which there are, and how long each file is."""
        files = [(index, self.path(index).stat().st_size) for index in self.indices()]
        return digest([self.info.facts, files])

    def require(self, info: DatasetInfo) -> None:
        """Raises DatasetError unless the episodes have the cameras, rate, joints and action space of `info`."""
        if faults := differences(self.info.shape, info.shape):
            what = f"{self.folder} does not fit: its {'; its '.join(faults)}"
            raise DatasetError(f"{what}; collect one with the configuration that is to use it")

    def require_calibration(self, mine: str, *indices: int) -> None:
        """Raises DatasetError where arms calibrated otherwise than `mine` recorded these episodes, or any."""
        calibrations = [self.provenance(index).calibration for index in indices or self.indices()]
        if theirs := foreign(calibrations, mine):
            raise DatasetError(
                f"{self.folder} was recorded by an arm with calibration {', '.join(theirs)}, this one has {mine}: the "
                "same angles are other poses; use that calibration, or say --any-calibration"
            )

    def path(self, index: int) -> Path:
        return self.folder / f"episode_{index:06d}.mcap"

    def indices(self) -> list[int]:
        """Finished episodes, ascending."""
        return [index for index, _ in self._found(FINISHED)]

    def incomplete(self) -> list[int]:
        """Episodes of which a crash left a part, ascending; see `recover`."""
        return [index for index, _ in self._found(INCOMPLETE)]

    def read(self, index: int) -> Episode:
        """Raises DatasetError where the file is damaged or belongs to another dataset."""
        return self._load(self.path(index))

    def read_incomplete(self, index: int) -> Episode:
        """What a crash left of an episode: `complete` is False. Raises DatasetError as `read` does."""
        return self._load(incomplete(self.path(index)))

    def outcome(self, index: int) -> Result:
        """Success, steps and time of a finished episode, without reading its frames."""
        return playback.outcome(existing(self.path(index)))

    def provenance(self, index: int) -> Provenance:
        """Where a finished episode comes from, without reading its frames."""
        return playback.provenance(existing(self.path(index)))

    def recorder(self, index: int, provenance: Provenance) -> Recorder:
        """A recorder of episode `index`; a finished episode of that index is replaced when it finishes."""
        return Recorder(self.path(index), self.info, provenance)

    def write(self, index: int, episode: Episode) -> None:
        """Store an episode that is already in memory."""
        with self.recorder(index, episode.provenance) as recorder:
            recorder.start(episode.observation(0), episode.truth_at(0))
            for t in range(len(episode)):
                after, truth = episode.observation(t + 1), episode.truth_at(t + 1)
                recorder.add(episode.command(t), after, episode.verdict(t), truth)
            recorder.finish(episode.success)

    def relabel(self, index: int, success: bool) -> None:
        """Say of a finished episode that it did what it was to do, or that it did not. Pictures keep their bytes."""
        playback.relabel(existing(self.path(index)), success)

    def discard(self, index: int) -> Path:
        """Move what there is of episode `index`, finished or incomplete, to `discarded/`. Returns where it is now."""
        found = self.path(index) if self.path(index).exists() else incomplete(self.path(index))
        folder = self.folder / DISCARDED
        folder.mkdir(exist_ok=True)
        at = next(path for n in count(1) if not (path := folder / f"{index:06d}_{n}.mcap").exists())
        found.rename(at)
        sync_folder(folder)
        return at

    def recover(self) -> list[int]:
        """Save what a crash left: a part that is complete gets its name, of another its readable steps are kept.

        To be called under `lock`. Returns the indices of the episodes kept as incomplete.
        """
        kept = []
        for index, part in self._found(PART):
            path = self.path(index)
            if not path.exists():
                if playback.Contents(part).whole:
                    part.replace(path)
                    continue
                if playback.salvage(part, incomplete(path)):
                    kept.append(index)
            part.unlink()
        sync_folder(self.folder)
        return kept

    def truncate(self, kept: int) -> None:
        """Drop every episode from index `kept` on, highest first, so that a crash leaves no gap."""
        for index, path in reversed(self._found(r"episode_(\d+)\..*")):
            if index >= kept:
                path.unlink()
        sync_folder(self.folder)

    def plan(self, wanted: int) -> None:
        """Write down how many episodes are `wanted`, so that `open` can tell a half-written dataset."""
        write_manifest(self.folder, Manifest(self.info, wanted))

    @property
    def planned(self) -> int:
        """How many episodes are wanted."""
        return read_manifest(self.folder).planned

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer. Raises DatasetError while another process is."""
        with open(self.folder / LOCK, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatasetError(f"{self.folder} is being written by another process; wait for it to end") from None
            yield

    def _found(self, pattern: str) -> list[tuple[int, Path]]:
        """(index, path) of the files whose whole name matches, by index."""
        names = ((re.fullmatch(pattern, path.name), path) for path in self.folder.iterdir())
        return sorted((int(name.group(1)), path) for name, path in names if name)

    def _load(self, path: Path) -> Episode:
        episode = playback.load(existing(path))
        if faults := differences(episode.info.shape, self.info.shape):
            raise DatasetError(f"{path} belongs to another dataset: its {'; its '.join(faults)}")
        return episode


def existing(path: Path) -> Path:
    """Raises DatasetError where there is no such file."""
    if not path.is_file():
        raise DatasetError(f"there is no {path}")
    return path


def read_manifest(folder: Path) -> Manifest:
    """Raises DatasetError where `folder` is missing, empty, or its dataset.json cannot be read."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DatasetError(f"there is no dataset at {folder}; collect one first")
    if not path.is_file():
        state = "holds other files" if any(folder.iterdir()) else "is empty"
        raise DatasetError(f"{folder} {state}, it is no dataset: {MANIFEST} is missing")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is damaged ({error}); restore it, or collect into another folder") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Atomically: a crash leaves the old one or the new one."""
    new = folder / NEW_MANIFEST
    with on_disk(new), open(new, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        sync(file)
        os.replace(new, folder / MANIFEST)
        sync_folder(folder)
