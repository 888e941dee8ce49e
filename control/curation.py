"""Datasets made of others: their files are copied byte by byte, so an episode goes on saying where it comes from."""

import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from control.datasets import Dataset
from control.episodes import DatasetInfo
from control.errors import DatasetError
from control.recorder import on_disk


def merge(sources: Sequence[Dataset], folder: Path) -> Dataset:
    """All episodes of the `sources`, one dataset after another. Done again, it completes what a crash left.

    Raises:
        DatasetError: they differ in cameras, rate, joints or actions; or `folder` holds something else.
    """
    first, *others = sources
    for other in others:
        other.require(first.info)
    alike = {
        key: value for key, value in first.info.recipe.items() if all(o.info.recipe.get(key) == value for o in others)
    }
    names = ", ".join(source.folder.name for source in sources)
    info = told(first.info, alike | {"merged": names})
    return gather(folder, info, [(s, index) for s in sources for index in s.indices()])


def split(source: Dataset, folders: tuple[Path, Path], share: float, seed: int) -> tuple[Dataset, Dataset]:
    """A `share` of the episodes, drawn at random, and the rest. Done again, it completes what a crash left.

    Raises:
        DatasetError: one of the two would be empty, or a folder holds something else.
    """
    indices = source.indices()
    drawn = sorted(np.random.default_rng(seed).permutation(indices)[: round(share * len(indices))].tolist())
    rest = sorted(set(indices) - set(drawn))
    if not drawn or not rest:
        raise DatasetError(
            f"{share:g} of {len(indices)} episodes is {len(drawn)}, and {len(rest)} are left; both need some"
        )
    one, other = (
        gather(
            folder,
            told(source.info, source.info.recipe | {"split": f"{part:g} of {source.folder.name}, seed {seed}"}),
            [(source, index) for index in chosen],
        )
        for folder, part, chosen in zip(folders, (share, 1 - share), (drawn, rest), strict=True)
    )
    return one, other


def gather(folder: Path, info: DatasetInfo, chosen: Sequence[tuple[Dataset, int]]) -> Dataset:
    """Copy these episodes to a dataset in `folder`, numbered from 0.

    Raises:
        DatasetError: `folder` holds something else.
    """
    dataset = Dataset.create(folder, info)
    with dataset.lock():
        dataset.recover()
        for there in dataset.indices():
            _require_same(dataset.path(there), chosen[there] if there < len(chosen) else None)
        dataset.plan(len(chosen))
        for new, (source, index) in enumerate(chosen):
            path = dataset.path(new)
            if path.exists():
                continue
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            with on_disk(part):
                shutil.copyfile(source.path(index), part)
                os.replace(part, path)
    return dataset


def _require_same(path: Path, wanted: tuple[Dataset, int] | None) -> None:
    """Raises DatasetError where an episode is there already and is not the `wanted` one: the sources have changed."""
    if wanted is None or not filecmp.cmp(path, wanted[0].path(wanted[1]), shallow=False):
        belongs = f"episode {wanted[1]} of {wanted[0].folder}" if wanted else "none"
        words = f"{path} was copied before, and what belongs there now is {belongs}"
        raise DatasetError(f"{words}: the sources or the copy changed since; name another folder")


def told(info: DatasetInfo, recipe: dict[str, str | int | float | bool | list[float]]) -> DatasetInfo:
    """The same, come about otherwise."""
    return msgspec.structs.replace(info, recipe=recipe)
