"""A sweep: one configuration, factors that take something away from it or add something, and seeds.

Every arm is the base with a few settings changed; those that change none are one, the base. A cell is an arm
with a seed, and a run like any other, in a folder of its own, so a sweep that was stopped goes on where its cells are.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from control import config
from control.config import require
from control.episodes import digest
from control.errors import ConfigError, TwinarmError, UserError
from sim.robot import SimRobot
from training import checkpoint, job, metrics, runs, settings
from training.collect import collect, own_first_seed, plan
from training.settings import TrainConfig
from training.watch import Watch

BASE = "base"
REPORT = "report.json"
NAME = r"[\w,+-][\w.,+ -]*"  # of a sweep, a factor or an arm: they are parts of folders' names


class SweepConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file in configs/sweeps."""

    name: str
    config: str  # of the base
    factors: dict[str, dict[str, dict[str, Any]]]  # factor -> arm -> settings by dotted name; {} is the base
    settings: dict[str, Any] = {}  # of every arm, by dotted name
    seeds: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        require(len(self.seeds) > 0 and len(set(self.seeds)) == len(self.seeds), "seeds must be distinct, at least one")
        require(bool(self.factors) and all(self.factors.values()), "factors must name at least one arm each")
        for name in (self.name, *self.factors, *(arm for arms in self.factors.values() for arm in arms)):
            good = bool(re.fullmatch(NAME, name))
            require(good, f"{name!r} becomes a folder's name; use letters, digits, spaces and any of . , + - _")


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str  # factor=value, or BASE
    folder: Path
    config: TrainConfig
    written: str  # digest of what the files say, so that new settings which keep their defaults change nothing

    @property
    def done(self) -> bool:
        """Whether the run in the folder has ended, under these settings."""
        there = all((self.folder / name).is_file() for name in (REPORT, runs.CONFIG))
        return there and runs.read_config(self.folder) == self.config

    @property
    def decisions(self) -> int:
        """How far it is."""
        if not (self.folder / metrics.FILE).is_file():
            return 0
        return max((row["step"] for row in metrics.read(self.folder)), default=0)


@dataclass(frozen=True)
class Sweep:
    """What is to be run: all that a worker process must know."""

    folder: Path
    config: SweepConfig
    cells: tuple[Cell, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[int], bytes]]:
        """Cells as jobs for `crew.share`."""
        torch.set_num_threads(1)  # as many trainings as cores
        yield self.run

    def run(self, index: int) -> bytes:
        """Bring one cell to its report, from wherever it stands; gives what stopped it, in words, if something did: the
        other cells need not wait for that."""
        cell = self.cells[index]
        try:
            self._complete(cell)
        except TwinarmError as error:
            return f"arm {cell.arm}, seed {cell.config.seed}: {error}".encode()
        return b""

    def _complete(self, cell: Cell) -> None:
        cell.folder.mkdir(parents=True, exist_ok=True)
        with runs.alone(cell.folder), ExitStack() as stack:
            if not cell.done:
                if saved := checkpoint.load_newest(cell.folder / "checkpoints"):
                    runs.require_same_settings(cell.folder, saved[1], cell.config)
                (cell.folder / REPORT).unlink(missing_ok=True)  # of a shorter run
                runs.write_config(cell.folder, cell.config)
                slots = range(cell.config.schedule.envs)
                robots = [stack.enter_context(SimRobot(cell.config.robot)) for _ in slots]
                job.train(cell.folder, cell.config, robots, Watch(), film=False)

    @property
    def arms(self) -> dict[str, list[Cell]]:
        """The cells of each arm, the base first."""
        names = dict.fromkeys(cell.arm for cell in self.cells)
        return {arm: [cell for cell in self.cells if cell.arm == arm] for arm in names}

    def arms_of(self, factor: str) -> dict[str, list[Cell]]:
        """The cells of each arm of a factor, by the arm's name in it."""
        values = self.config.factors[factor].items()
        return {name: self.arms[arm_name(factor, name, changed)] for name, changed in values}


def arm_name(factor: str, name: str, changed: dict[str, Any]) -> str:
    return f"{factor}={name}" if changed else BASE


def load(name: str) -> SweepConfig:
    """The sweep in a file, or the shipped one of that name. Raises ConfigError naming the key at fault."""
    return config.build(SweepConfig, config.read(name), name)


def plan_sweep(sweep: SweepConfig, root: Path) -> Sweep:
    """All cells, every arm's configuration checked. Raises ConfigError where one cannot be."""
    folder = (root / sweep.name).resolve()
    arms: dict[str, dict[str, Any]] = {BASE: {}}
    for factor, values in sweep.factors.items():
        arms |= {arm_name(factor, name, changed): changed for name, changed in values.items()}
    base = config.read(sweep.config)
    cells = [
        Cell(
            arm,
            folder / arm / f"seed_{seed}",
            _configured(sweep, arm, changed, seed, folder),
            digest([base, sweep.settings | changed, seed]),
        )
        for seed in sweep.seeds
        for arm, changed in arms.items()
    ]
    return Sweep(folder, sweep, tuple(cells))


def _configured(sweep: SweepConfig, arm: str, changed: dict[str, Any], seed: int, folder: Path) -> TrainConfig:
    asked = sweep.settings | changed
    if own := [name for name in ("name", "seed") if name in asked]:
        words = f"{own[0]} is set to {asked[own[0]]}, and a sweep gives each run its own"
        raise ConfigError(f"sweep {sweep.name}, arm {arm}: {words}; leave it out, or change the sweep's seeds")
    flags = asked | {"name": f"{sweep.name}/{arm}", "seed": seed}
    try:
        chosen = settings.load(sweep.config, flags=flags)
    except UserError as error:
        raise ConfigError(f"sweep {sweep.name}, arm {arm}: {error}") from None
    if chosen.bootstrap.path is not None:
        given = chosen.bootstrap.path
        raise ConfigError(
            f"sweep {sweep.name}, arm {arm}: a sweep records its own demonstrations, one set for every seed, and would "
            f"not learn from {given}; leave bootstrap.path out"
        )
    if chosen.bootstrap.mode == "none":
        return chosen
    path = str(folder / "demonstrations" / recipe(chosen))
    return msgspec.structs.replace(chosen, bootstrap=msgspec.structs.replace(chosen.bootstrap, path=path))


def recipe(chosen: TrainConfig) -> str:
    """Short name of what decides a run's demonstrations; their rewards are judged anew, so no reward is part of it."""
    task = msgspec.structs.replace(chosen.task, reward="sparse")
    parts = (chosen.seed, chosen.robot, chosen.spaces, task, chosen.demos)
    return digest([msgspec.to_builtins(part) for part in parts])


def record(cells: Sequence[Cell], workers: int, tell: Callable[[bool], None] = lambda lifted: None) -> None:
    """Complete the demonstrations of cells, which may share them; `tell` hears of every episode."""
    for path, chosen in recordings(cells).items():
        task = msgspec.structs.replace(chosen.task, reward="sparse")
        plain = msgspec.structs.replace(chosen, task=task)
        demonstrations = plan(plain, path, own_first_seed(chosen), partial(SimRobot, chosen.robot))
        collect(demonstrations, chosen.demos.episodes, workers, tell=lambda _, result: tell(result.success))


def recordings(cells: Sequence[Cell]) -> dict[Path, TrainConfig]:
    """The folders of all demonstrations that cells need, each with a configuration that says what is in it."""
    return {Path(cell.config.bootstrap.path): cell.config for cell in cells if cell.config.bootstrap.path is not None}
