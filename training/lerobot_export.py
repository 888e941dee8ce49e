"""Episodes as a LeRobot dataset, version 3, its joint angles in a unit of LeRobot's.

A row is a look and the joint targets that were asked for at it. LeRobot has no look without an action: beside the last
one stands the target in force, which asks to stay. Its `timestamp` is the row's number over the rate, whatever the
clock said; what the clock said is in `twinarm.stamp_s`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from control.episodes import DatasetInfo, Episode
from hardware.lerobot_units import LeRobotUnits
from training import lerobot_form as form
from training.videos import VideoWriter

TASK = "Pick up the cube."
PANDAS_INDEX = "__index_level_0__"


class Shards:
    """Numbers the files of one kind, and says when one is full."""

    def __init__(self, most_mb: float):
        self._most_mb, self._number = most_mb, -1

    def full(self, path: Path) -> bool:
        return path.stat().st_size > self._most_mb * 2**20

    def next(self) -> dict[str, int]:
        self._number += 1
        chunk, file = divmod(self._number, form.FILES_A_CHUNK)
        return {"chunk_index": chunk, "file_index": file}


class DataFiles:
    """The parquet files of rows."""

    def __init__(self, root: Path, schema: pa.Schema):
        self._root, self._schema, self._shards = root, schema, Shards(form.DATA_MB)
        self._path, self._place = root, dict[str, int]()
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: dict[str, np.ndarray]) -> dict[str, int]:
        """Append an episode's columns; returns which file holds them."""
        if self._writer is None or self._shards.full(self._path):
            self.close()
            self._place = self._shards.next()
            self._path = self._root / form.DATA.format(**self._place)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._path, self._schema)
        arrays = [pa.array(rows[field.name].tolist(), field.type) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return self._place

    def close(self) -> None:
        if self._writer:
            self._writer.close()


class VideoFiles:
    """The MP4 files of one camera."""

    def __init__(self, root: Path, name: str, info: DatasetInfo):
        self._root, self._name, self._info, self._shards = root, name, info, Shards(form.VIDEO_MB)
        self._place = dict[str, int]()
        self._writer: VideoWriter | None = None

    def add(self, pictures: np.ndarray) -> dict[str, Any]:
        """Append an episode's pictures; returns which file holds them, from when to when."""
        name, info = self._name, self._info
        if self._writer is None or self._shards.full(self._writer.path):
            self.close()
            self._place = self._shards.next()
            path = self._root / form.VIDEO.format(video_key=form.PICTURES + name, **self._place)
            self._writer = VideoWriter(path, info.hz, info.cameras[name], name in info.jpeg)
        first = self._writer.pictures
        self._writer.add(pictures)
        return self._place | {"from_timestamp": first / info.hz, "to_timestamp": self._writer.pictures / info.hz}

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def export(episodes: Iterable[Episode], info: DatasetInfo, units: LeRobotUnits, root: Path) -> None:
    """Write a dataset to the new folder `root`; there is at least one episode."""
    videos = {name: VideoFiles(root, name, info) for name in info.cameras}
    data: DataFiles | None = None
    table: list[form.Row] = []
    found: list[form.Stats] = []
    features: dict[str, form.Row] = {}
    total = 0
    for index, episode in enumerate(episodes):
        features = features or form.columns(info, units, episode.action.shape[1])
        data = data or DataFiles(root, form.schema(features))
        rows = columns(episode, units, index, total)
        found.append({name: form.stats(values) for name, values in rows.items()})
        place = {"data": data.add(rows)}
        for name, files in videos.items():
            place[f"videos/{form.PICTURES}{name}"] = files.add(episode.frames[name])
            found[-1][form.PICTURES + name] = form.stats(episode.frames[name])
        table.append(entry(index, total, len(episode) + 1, place, found[-1]))
        total += len(episode) + 1
    for video in videos.values():
        video.close()
    if data:
        data.close()
    _write_meta(root, form.shared(info, features, len(table), total), table, form.together(found))


def columns(episode: Episode, units: LeRobotUnits, index: int, first: int) -> dict[str, np.ndarray]:
    """An episode's rows by column, (T+1, ...) each; `first` is the number of its first row in the dataset."""
    looks = len(episode) + 1
    asked = np.concatenate([episode.requested_rad, episode.target_rad[-1:]])
    numbers = np.arange(looks)
    seen = np.stack([episode.frame_stamp_s[name] for name in sorted(episode.frames)], axis=1)
    return {
        form.STATE: units.from_rad(episode.joints_rad),
        form.ACTION: units.from_rad(asked),
        form.REWARD: np.append(episode.reward, 0.0),
        form.DONE: numbers >= len(episode) - 1,
        form.SUCCESS: np.append(episode.step_success, False),
        form.TARGET: episode.target_rad,
        form.SPEED: episode.speed_rad_s,
        form.LOAD: episode.load,
        form.LIMITED: episode.limited,
        form.STAMP: episode.stamp_s,
        form.SEEN: seen[:, 0] if seen.shape[1] == 1 else seen,
        form.EXECUTED: _with_none(episode.action),
        form.MEANT: _with_none(episode.label),
        form.BY_PERSON: np.append(episode.by_person, False),
        "timestamp": numbers / episode.info.hz,
        "frame_index": numbers,
        "episode_index": np.full(looks, index),
        "index": first + numbers,
        "task_index": np.zeros(looks, int),
    }


def _with_none(actions: np.ndarray) -> np.ndarray:
    """(T, A) actions, and one more row that moves nothing."""
    return np.concatenate([actions, np.zeros((1, actions.shape[1]))])


def entry(index: int, first: int, looks: int, places: dict[str, Any], found: form.Stats) -> form.Row:
    """An episode's row in meta/episodes."""
    where = {f"{kind}/{key}": value for kind, place in places.items() for key, value in place.items()}
    rows = {"dataset_from_index": first, "dataset_to_index": first + looks}
    stats = {f"stats/{name}/{kind}": v for name, each in form.plain(found).items() for kind, v in each.items()}
    whole = {"episode_index": index, "tasks": [TASK], "length": looks, **where, **rows, **stats}
    return whole | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}


def _write_meta(root: Path, info: form.Row, table: list[form.Row], found: form.Stats) -> None:
    path = root / form.EPISODES.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(table), path)
    pq.write_table(_tasks(), root / form.TASKS)
    (root / form.STATS).write_text(json.dumps(form.plain(found), indent=4))
    (root / form.INFO).write_text(json.dumps(info, indent=4))


def _tasks() -> pa.Table:
    """The one task, as pandas would have written it: LeRobot looks for its words in the table's index."""
    words = {"name": None, "field_name": PANDAS_INDEX, "pandas_type": "unicode", "numpy_type": "object"}
    number = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    columns = [each | {"metadata": None} for each in (number, words)]
    pandas = {"index_columns": [PANDAS_INDEX], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    table = pa.table({"task_index": [0], PANDAS_INDEX: [TASK]})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})
