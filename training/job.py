"""One run from its folder to its report, whoever looks on: a command, or one process of a sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from control.datasets import Dataset
from control.episodes import DatasetInfo
from control.interfaces import Robot
from training.collect import dataset_info
from training.report import conclude
from training.settings import TrainConfig
from training.train import Trainer
from training.watch import Watch

RUN = "{run}"  # in bootstrap.path: the run's own folder
OWN_DEMONSTRATIONS = f"{RUN}/demonstrations"


def train(
    folder: Path, config: TrainConfig, robots: Sequence[Robot], watch: Watch, film: bool = True
) -> dict[str, Any]:
    """Begin or continue the run in `folder` to its end, evaluate it, and return the report.

    Raises:
        DatasetError: the demonstrations do not fit.
        Stopped: `watch` had enough; what was learned is saved.
    """
    info = dataset_info(robots[0].spec, config.spaces)
    trainer = Trainer(config, folder, robots, demonstrations(folder, config, info), watch)
    watch.started()
    trainer.run(watch)
    return conclude(folder, config, robots[0], trainer.seconds, watch.examined, film)


def records_its_own(config: TrainConfig) -> bool:
    """Whether the run records its demonstrations itself."""
    return config.bootstrap.mode != "none" and str(config.bootstrap.path).startswith(RUN)


def demonstrations_folder(folder: Path, config: TrainConfig) -> Path:
    """Where the demonstrations of the run in `folder` are."""
    return Path(str(config.bootstrap.path).replace(RUN, str(folder), 1))


def demonstrations(folder: Path, config: TrainConfig, info: DatasetInfo) -> Dataset | None:
    """The run's demonstrations; None where the bootstrap needs none. Raises DatasetError where they do not fit."""
    if config.bootstrap.mode == "none":
        return None
    dataset = Dataset.open(demonstrations_folder(folder, config))
    dataset.require(info)
    return dataset
