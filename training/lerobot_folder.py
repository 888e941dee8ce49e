"""A LeRobot dataset, version 3, as it lies on disk: which columns it has, and an episode's rows and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import cv2
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from control.errors import DatasetError
from control.types import JOINTS
from hardware.lerobot_units import LeRobotUnits
from training import lerobot_form as form
from training.videos import pictures_at

ENTRY = ("episode_index", "length")


class Feature(msgspec.Struct, frozen=True):
    """A column's entry in info.json."""

    dtype: str
    shape: list[int]
    names: Any = None
    info: dict[str, Any] | None = None


class Info(msgspec.Struct, frozen=True):
    """What is read of info.json."""

    codebase_version: str
    fps: float
    features: dict[str, Feature]
    data_path: str = form.DATA
    video_path: str | None = form.VIDEO


@dataclass(frozen=True)
class LeRobotFolder:
    """Opened to read."""

    root: Path
    info: Info

    @classmethod
    def open(cls, root: Path) -> Self:
        """Raises DatasetError where there is no LeRobot dataset of version 3 that holds an SO-101's joints."""
        path = root / form.INFO
        if not path.is_file():
            raise DatasetError(f"{root} is no LeRobot dataset: {form.INFO} is missing")
        try:
            info = msgspec.json.decode(path.read_bytes(), type=Info)
        except msgspec.MsgspecError as error:
            raise DatasetError(f"{path} is no LeRobot info: {error}") from None
        if not info.codebase_version.startswith("v3."):
            raise DatasetError(f"{root} has LeRobot's version {info.codebase_version}; convert it to v3.0 with LeRobot")
        if not 1 <= info.fps <= 1000:
            raise DatasetError(f"{path} says {info.fps:g} looks a second; that is no rate of a camera")
        if (info.data_path, info.video_path) not in ((form.DATA, form.VIDEO), (form.DATA, None)):
            raise DatasetError(f"{path} keeps its files at {info.data_path} and {info.video_path}, not where v3.0 does")
        folder = cls(root, info)
        for name in (form.STATE, form.ACTION):
            folder.joint_columns(name)
        return folder

    def joint_columns(self, name: str) -> list[int]:
        """Which of a column's numbers is which joint, in the order of JOINTS. Raises DatasetError where one is none."""
        entry = self.info.features.get(name)
        if entry is None:
            raise DatasetError(f"{self.root} has no column {name}; it has {', '.join(self.info.features)}")
        names = entry.names.get("motors", []) if isinstance(entry.names, dict) else entry.names or []
        plain = [str(each).removesuffix(".pos").removeprefix("main_") for each in names]
        if missing := [joint for joint in JOINTS if joint not in plain]:
            raise DatasetError(f"{name} of {self.root} has no {', '.join(missing)}; it holds {', '.join(plain)}")
        return [plain.index(joint) for joint in JOINTS]

    @property
    def units(self) -> LeRobotUnits | None:
        """Those of its joint angles, where it says so; LeRobot itself does not."""
        told = self.info.features[form.STATE].info or {}
        try:
            zero, step = (np.array(told[name], float) for name in ("zero_rad", "rad_per_unit"))
            return LeRobotUnits(told["unit"], zero, step)
        except (KeyError, ValueError, TypeError):
            return None

    @property
    def cameras(self) -> list[str]:
        """Columns of pictures."""
        return [name for name, entry in self.info.features.items() if entry.dtype in ("video", "image")]

    def camera(self, wanted: str, named: str | None) -> str:
        """The column of the camera called `wanted` here, or of the one that is `named`. Raises DatasetError."""
        for name in (named, f"{form.PICTURES}{named or wanted}"):
            if name in self.cameras:
                return str(name)
        if named is None and len(self.cameras) == 1:
            return self.cameras[0]
        there = ", ".join(self.cameras) or "none"
        raise DatasetError(f"{self.root} has no camera {named or wanted}; name one with --camera: {there}")

    @cached_property
    def entries(self) -> list[form.Row]:
        """Every episode's row of meta/episodes, by its index."""
        paths = sorted((self.root / "meta/episodes").glob("*/*.parquet"))
        rows = [row for path in paths for row in _rows(path)]
        if not rows:
            raise DatasetError(f"{self.root} lists no episode in meta/episodes")
        return sorted(rows, key=lambda row: row["episode_index"])

    def rows(self, entry: form.Row) -> dict[str, np.ndarray]:
        """An episode's columns but for pictures stored as videos, (N, ...) each. Raises DatasetError."""
        path = self.root / form.DATA.format(chunk_index=entry["data/chunk_index"], file_index=entry["data/file_index"])
        table = _read(path, filters=[("episode_index", "=", entry["episode_index"])])
        if len(table) != entry["length"]:
            raise DatasetError(f"{path} has {len(table)} of {entry['length']} rows of episode {entry['episode_index']}")
        return {name: _array(table[name]) for name in table.column_names if name in self.info.features}

    def pictures(
        self, entry: form.Row, camera: str, rows: dict[str, np.ndarray], looks: Sequence[int]
    ) -> list[np.ndarray]:
        """An episode's pictures (H, W, 3) at those of its rows. Raises DatasetError where one is missing."""
        if self.info.features[camera].dtype == "image":
            return [_decoded(rows[camera][look]["bytes"]) for look in looks]
        key = f"videos/{camera}/"
        place = {name: entry[key + name] for name in ("chunk_index", "file_index")}
        path = self.root / form.VIDEO.format(video_key=camera, **place)
        stamps = [entry[key + "from_timestamp"] + float(rows["timestamp"][look]) for look in looks]
        return pictures_at(path, stamps, 0.49 / self.info.fps)


def _rows(path: Path) -> list[form.Row]:
    names = [name for name in pq.read_schema(path).names if not name.startswith("stats/")]
    rows: list[form.Row] = _read(path, columns=names).to_pylist()
    if rows and (missing := {*ENTRY, "data/chunk_index", "data/file_index"} - rows[0].keys()):
        raise DatasetError(f"{path} lacks {', '.join(sorted(missing))}")
    return rows


def _read(path: Path, **how: Any) -> pa.Table:
    try:
        return pq.read_table(path, **how)
    except (pa.ArrowException, FileNotFoundError) as error:
        raise DatasetError(f"{path} cannot be read ({str(error).splitlines()[0]})") from None


def _array(column: pa.ChunkedArray) -> np.ndarray:
    """Its rows; a row of several numbers is a row of the array."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return np.array(column.to_pylist())
    return column.to_numpy()


def _decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise DatasetError("a picture cannot be read")
    return picture
