"""The LeRobot dataset, version 3: its files, columns and statistics, and the columns of our own beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from control.episodes import DatasetInfo
from control.types import JOINTS
from hardware.lerobot_units import LeRobotUnits

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
FILES_A_CHUNK, DATA_MB, VIDEO_MB = 1000, 100, 200
STATE, ACTION, PICTURES = "observation.state", "action", "observation.images."
REWARD, DONE, SUCCESS = "next.reward", "next.done", "next.success"
# LeRobot's policies take every column called observation or action for their own, so these are called otherwise.
TARGET, SPEED, LOAD, LIMITED = "twinarm.target_rad", "twinarm.speed_rad_s", "twinarm.load", "twinarm.limited"
STAMP, SEEN = "twinarm.stamp_s", "twinarm.seen_s"  # of the look; of each camera's picture, by name
EXECUTED, MEANT = "twinarm.action", "twinarm.label"  # in the policy's action space
BY_PERSON = "twinarm.by_person"
OUR_TERMS = "info"  # of a column: what LeRobot has no place for
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
MOST_LOOKED_AT = 100  # pictures of an episode, for statistics

Row = dict[str, Any]
Stats = dict[str, dict[str, np.ndarray]]


def column(dtype: str, size: int = 1, names: Sequence[str] | None = None, **info: Any) -> Row:
    """A column's entry in info.json."""
    entry: Row = {"dtype": dtype, "shape": [size], "names": list(names) if names else None}
    return entry | ({OUR_TERMS: info} if info else {})


def columns(info: DatasetInfo, units: LeRobotUnits, action_size: int) -> dict[str, Row]:
    """Every column of an exported dataset."""
    positions = [f"{name}.pos" for name in JOINTS]
    angles: Row = {"unit": units.unit, "zero_rad": units.zero_rad.tolist()}
    angles["rad_per_unit"] = units.rad_per_unit.tolist()
    joints = {name: column("float64", len(JOINTS), JOINTS) for name in (TARGET, SPEED, LOAD)}
    acted = {name: column("float64", action_size, action_space=info.action_space) for name in (EXECUTED, MEANT)}
    return {
        STATE: column("float32", len(JOINTS), positions, **angles),
        ACTION: column("float32", len(JOINTS), positions, **angles),
        **{PICTURES + name: _pictures(size, info.hz) for name, size in info.cameras.items()},
        REWARD: column("float32"),
        DONE: column("bool"),
        SUCCESS: column("bool"),
        **joints,
        LIMITED: column("bool"),
        STAMP: column("float64"),
        SEEN: column("float64", len(info.cameras), sorted(info.cameras)),
        **acted,
        BY_PERSON: column("bool"),
        "timestamp": column("float32"),
        **{name: column("int64") for name in ("frame_index", "episode_index", "index", "task_index")},
    }


def _pictures(size: tuple[int, int], hz: float) -> Row:
    height, width = size
    video: Row = {"video.height": height, "video.width": width, "video.fps": rate(hz), "video.channels": 3}
    video |= {"video.codec": "h264", "video.is_depth_map": False, "has_audio": False}
    return {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"], "info": video}


def rate(hz: float) -> int | float:
    """LeRobot's rates are whole numbers where they can be."""
    return int(hz) if hz == int(hz) else hz


def schema(features: dict[str, Row]) -> pa.Schema:
    """Of the data files: every column but the videos."""
    return pa.schema([(name, _type(entry)) for name, entry in features.items() if entry["dtype"] != "video"])


def _type(entry: Row) -> pa.DataType:
    one = pa.bool_() if entry["dtype"] == "bool" else pa.type_for_alias(entry["dtype"])
    return one if entry["shape"] == [1] else pa.list_(one, entry["shape"][0])


def shared(info: DatasetInfo, features: dict[str, Row], episodes: int, rows: int) -> Row:
    """The content of info.json."""
    return {
        "codebase_version": VERSION,
        "robot_type": "so101_follower",
        "total_episodes": episodes,
        "total_frames": rows,
        "total_tasks": 1,
        "chunks_size": FILES_A_CHUNK,
        "data_files_size_in_mb": DATA_MB,
        "video_files_size_in_mb": VIDEO_MB,
        "fps": rate(info.hz),
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA,
        "video_path": VIDEO,
        "features": features,
    }


def stats(values: np.ndarray) -> dict[str, np.ndarray]:
    """Of one column over an episode: (N, ...) numbers, or (N, H, W, 3) uint8 pictures as shares of full light."""
    count = np.array([len(values)])
    if values.dtype == np.uint8:
        looks = values[np.linspace(0, len(values) - 1, min(len(values), MOST_LOOKED_AT)).astype(int)]
        count, values = np.array([len(looks)]), looks.reshape(-1, 3, 1, 1) / 255
    values = np.asarray(values, np.float64).reshape(len(values), *(values.shape[1:] or (1,)))
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0), "count": count}
    return found | dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), axis=0), strict=True))


def together(episodes: Sequence[Stats]) -> Stats:
    """Of a whole dataset from its episodes', as LeRobot puts them together: quantiles are the episodes' means."""
    return {name: _together([each[name] for each in episodes]) for name in episodes[0]}


def _together(each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    rows = {name: np.stack([one[name] for one in each]) for name in each[0]}
    share = rows["count"].reshape(-1, *(1,) * (rows["mean"].ndim - 1)) / rows["count"].sum()
    mean = (share * rows["mean"]).sum(0)
    spread = np.sqrt((share * (rows["std"] ** 2 + (rows["mean"] - mean) ** 2)).sum(0))
    found = {"min": rows["min"].min(0), "max": rows["max"].max(0), "mean": mean, "std": spread}
    return found | {"count": rows["count"].sum(0)} | {name: (share * rows[name]).sum(0) for name in QUANTILES}


def plain(found: Stats) -> dict[str, dict[str, list[Any]]]:
    """As JSON and parquet take it."""
    return {name: {kind: values.tolist() for kind, values in each.items()} for name, each in found.items()}
