"""Run folders: `runs/<experiment>/<YYYYMMDD_HHMMSS>/`, never overwritten; `runs/latest` points at the newest."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from control import config
from control.errors import CheckpointError, UserError
from control.types import RobotSpec
from training.checkpoint import Progress
from training.settings import TrainConfig

CONFIG, LOCK = "config.yaml", ".lock"
# What may change between the parts of a run: how long it lasts, where it runs and what it is called.
FREE = ("name", "run_on", "bootstrap.path", "schedule.steps", "schedule.final_episodes", "schedule.checkpoint_every")


def begin(root: Path, settings: TrainConfig) -> Path:
    """A new folder for a run, with its configuration in it."""
    (root / settings.name).mkdir(parents=True, exist_ok=True)
    folder = root / settings.name / datetime.now().strftime("%Y%m%d_%H%M%S")
    while True:
        try:
            folder.mkdir()
        except FileExistsError:  # another run began in this second, perhaps this very moment
            folder = folder.with_name(folder.name + "_again")
        else:
            write_config(folder, settings)
            return folder


@contextmanager
def begun(root: Path, settings: TrainConfig) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A new folder for a run, and what to call when nothing refuses it any more: `latest` then points at it.

    A run that is refused before that leaves no folder behind.
    """
    folder = begin(root, settings)
    started = []

    def start() -> None:
        started.append(True)
        make_latest(root, folder)

    try:
        yield folder, start
    except KeyboardInterrupt:
        if started:
            raise
        raise KeyboardInterrupt("interrupted before the run began, so nothing of it is kept") from None
    finally:
        if not started:
            shutil.rmtree(folder)


def make_latest(root: Path, folder: Path) -> None:
    """Let `root`/latest point at a run that nothing refuses any more."""
    part = root / f".latest.{os.getpid()}"
    part.symlink_to(folder.relative_to(root))
    part.replace(root / "latest")


def earlier(root: Path, name: str) -> list[Path]:
    """The runs of that name so far, oldest first."""
    return sorted(path for path in (root / name).glob("*") if (path / CONFIG).is_file())


def write_config(folder: Path, settings: TrainConfig) -> None:
    """Keep the configuration with the run."""
    (folder / CONFIG).write_text(yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False))


def read_config(folder: Path) -> TrainConfig:
    """The configuration of a run. Raises UserError where `folder` is none."""
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder} is no run: it has no {CONFIG}; name a folder such as runs/latest")
    return config.build(TrainConfig, config.read(folder / CONFIG), str(folder / CONFIG))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that trains in `folder`. Raises UserError while another one does."""
    with open(folder / LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder} is being trained by another process; wait for it to end") from None
        yield


def require_same_settings(folder: Path, progress: Progress, settings: TrainConfig) -> None:
    """Raises CheckpointError where settings that shape learning changed between two parts of a run, or where it has
    gone beyond what it is to last now: its policy would pass for one that learned less.

    A setting that came into being meanwhile had its default.
    """
    then = config.build(TrainConfig, progress.settings, f"{folder}: the newest checkpoint")
    if changed := changes(then.plain, settings.plain):
        words = f"{folder} was trained with other settings: {'; '.join(changed)}"
        raise CheckpointError(f"{words}; put them back, or begin a new run")
    was, wanted = then.schedule.steps, settings.schedule.steps
    if wanted < was and progress.step > wanted:
        words = f"{folder} has made {progress.step} decisions of {was}, and schedule.steps is {wanted} now"
        raise CheckpointError(f"{words}; put it back, or begin a new run")


def require_own_robots(folder: Path, progress: Progress) -> None:
    """Raises CheckpointError where others act for the run: it has no episodes of its own to go on with."""
    if not progress.open:
        raise CheckpointError(f"{folder} learns while others act; go on with: twinarm learn ENDPOINT --run {folder}")


def require_actors(folder: Path, progress: Progress) -> None:
    """Raises CheckpointError where the run acts on robots of its own: its open episodes would be lost."""
    if progress.open:
        raise CheckpointError(f"{folder} acts on robots of its own; go on with: twinarm resume {folder}")


def require_same_plant(folder: Path, progress: Progress, spec: RobotSpec) -> None:
    """Raises CheckpointError where the robot's make changed on a run's way."""
    if changed := changes(progress.plant, dict(spec.plant), "the robot's "):
        raise CheckpointError(f"{folder} was trained on another robot: {'; '.join(changed)}; begin a new run")


def require_same(folder: Path, progress: Progress, settings: TrainConfig, taught_by: str) -> None:
    """Raises CheckpointError where settings or the demonstrations changed on a run's way."""
    require_same_settings(folder, progress, settings)
    if progress.demonstrations != taught_by:
        words = f"{folder} was taught by other demonstrations than those in {settings.bootstrap.path} now"
        raise CheckpointError(f"{words}; put them back, or begin a new run")


def changes(then: dict[str, Any], now: dict[str, Any], path: str = "") -> list[str]:
    """One phrase for each setting that two configurations do not share and that a run must not change on its way."""
    found = []
    for key in {**then, **now}:
        name, before, after = f"{path}{key}", then.get(key), now.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += changes(before, after, f"{name}.")
        elif before != after and name not in FREE:
            found.append(f"{name} was {before}, is {after}")
    return found
