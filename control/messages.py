"""The messages of an episode's file, and their JSON schemas as Foxglove reads them."""

from typing import Any

import cv2
import msgspec
import numpy as np

from control.types import Observation, Who

PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


class Stamp(msgspec.Struct, frozen=True):
    sec: int
    nsec: int


class CompressedImage(msgspec.Struct, frozen=True):
    """foxglove.CompressedImage."""

    timestamp: Stamp
    frame_id: str
    data: bytes
    format: str


class State(msgspec.Struct, frozen=True):
    seq: int
    stamp_s: float
    joints_rad: list[float]
    speed_rad_s: list[float]
    load: list[float]
    target_rad: list[float]
    limited: bool
    frame_stamp_s: dict[str, float]


class Action(msgspec.Struct, frozen=True):
    answers: int
    requested_rad: list[float]
    action: list[float]
    label: list[float]
    who: Who = Who.POLICY


class Result(msgspec.Struct, frozen=True):
    """How an episode ended."""

    success: bool
    steps: int
    time_s: float  # reset to last observation
    complete: bool


def to_state(observation: Observation, first: Observation) -> State:
    """`observation` in the episode that began with `first`: seq and stamps are counted from there."""
    return State(
        observation.seq - first.seq,
        since(first, observation.stamp_s),
        observation.joints_rad.tolist(),
        observation.speed_rad_s.tolist(),
        observation.load.tolist(),
        observation.target_rad.tolist(),
        bool(observation.limited),
        {name: since(first, frame.stamp_s) for name, frame in observation.frames.items()},
    )


def since(first: Observation, stamp_s: float) -> float:
    """Seconds from `first` to `stamp_s`, in whole nanoseconds as in MCAP, whatever the clock said when it began."""
    return round(stamp_s - first.stamp_s, 9)


def encode_image(rgb: np.ndarray, stamp_s: float, camera: str, lossy: bool) -> CompressedImage:
    """`rgb` (H, W, 3) uint8 as JPEG where `lossy`, else as PNG."""
    kind, flags = ("jpeg", JPEG) if lossy else ("png", PNG)
    _, data = cv2.imencode(f".{kind}", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), flags)
    sec, nsec = divmod(nanoseconds(stamp_s), 10**9)
    return CompressedImage(Stamp(sec, nsec), camera, data.tobytes(), kind)


def nanoseconds(stamp_s: float) -> int:
    return round(stamp_s * 1e9)


def to_metadata(value: msgspec.Struct) -> dict[str, str]:
    """Each field as JSON text, the form in which MCAP keeps metadata."""
    return {name: msgspec.json.encode(getattr(value, name)).decode() for name in value.__struct_fields__}


def json_schema(example: Any) -> dict[str, Any]:
    """The JSON schema of values like `example`: Foxglove reads no $ref, no tuples, and wants every property listed."""
    match example:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case bytes():
            return {"type": "string", "contentEncoding": "base64"}
        case list() | tuple():
            return {"type": "array", "items": json_schema(example[0] if example else 0.0)}
        case dict():
            return {"type": "object", "properties": {name: json_schema(value) for name, value in example.items()}}
        case _:
            return {"type": "string"}


def plain(value: Any) -> Any:
    """What msgspec does not know: an array or number of numpy's, a read-only mapping."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else dict(value)
