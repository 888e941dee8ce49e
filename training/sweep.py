"""A sweep: one configuration, factors that take something away from it or add something, and seeds.

Every arm is the base with a few settings changed; arms that come to the same configuration are one. A cell is an arm
with a seed, and a run like any other, in a folder of its own, so a sweep that was stopped goes on where its cells are.
"""

import json
from collections.abc import Callable, Iterator
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
from sim.robot import SimRobot
from training import job, metrics, runs, settings
from training.collect import collect, plan
from training.settings import TrainConfig
from training.watch import Watch

BASE = "base"
REPORT = "report.json"


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


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str  # factor=value, or BASE
    folder: Path
    config: TrainConfig

    @property
    def done(self) -> bool:
        return (self.folder / REPORT).is_file()

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
        """Bring one cell to its report, from wherever it stands."""
        cell = self.cells[index]
        if not cell.done:
            cell.folder.mkdir(parents=True, exist_ok=True)
            runs.write_config(cell.folder, cell.config)
            with runs.alone(cell.folder), ExitStack() as stack:
                slots = range(cell.config.schedule.envs)
                robots = [stack.enter_context(SimRobot(cell.config.robot)) for _ in slots]
                job.train(cell.folder, cell.config, robots, Watch(), film=False)
        return b""

    def arms_of(self, factor: str) -> dict[str, list[Cell]]:
        """The cells of each arm of a factor."""
        arms = {name: arm_name(factor, name, changed) for name, changed in self.config.factors[factor].items()}
        return {name: [cell for cell in self.cells if cell.arm == arm] for name, arm in arms.items()}


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
    cells = [
        Cell(arm, folder / arm / f"seed_{seed}", _configured(sweep, f"{sweep.name}/{arm}", changed, seed, folder))
        for seed in sweep.seeds
        for arm, changed in arms.items()
    ]
    return Sweep(folder, sweep, tuple(cells))


def _configured(sweep: SweepConfig, name: str, changed: dict[str, Any], seed: int, folder: Path) -> TrainConfig:
    flags = sweep.settings | changed | {"name": name, "seed": seed}
    chosen = settings.load(sweep.config, flags=flags)
    if chosen.bootstrap.mode == "none":
        return chosen
    path = str(folder / "demonstrations" / recipe(chosen))
    return msgspec.structs.replace(chosen, bootstrap=msgspec.structs.replace(chosen.bootstrap, path=path))


def recipe(chosen: TrainConfig) -> str:
    """Short name of what decides a run's demonstrations; their rewards are judged anew, so no reward is part of it."""
    task = msgspec.structs.replace(chosen.task, reward="sparse")
    parts = (chosen.seed, chosen.robot, chosen.spaces, task, chosen.demos)
    return digest([msgspec.to_builtins(part) for part in parts])


def record(cell: Cell, workers: int) -> None:
    """Complete the demonstrations of a cell, which it may share with others."""
    chosen, path = cell.config, cell.config.bootstrap.path
    if path is not None:
        task = msgspec.structs.replace(chosen.task, reward="sparse")
        plain = msgspec.structs.replace(chosen, task=task)
        first_seed = chosen.seed * chosen.demos.episodes
        collect(plan(plain, Path(path), first_seed, partial(SimRobot, chosen.robot)), chosen.demos.episodes, workers)


def outcome(cell: Cell) -> dict[str, Any]:
    """The report of a finished cell."""
    return json.loads((cell.folder / REPORT).read_text())


def course(cell: Cell) -> list[tuple[int, float, float]]:
    """A cell's validations: decisions, minutes, success."""
    rows = [row for row in metrics.read(cell.folder) if "validation_success" in row]
    return [(row["step"], row["seconds"] / 60, row["validation_success"]) for row in rows]
