"""The values that flow through the house: frozen, checked at birth.

J = 6 joints in `RobotSpec.joints` order. Radians, metres, seconds. Joint arrays are float64, frames uint8.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from control.errors import CommandRefused

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
ROLL, GRIPPER = JOINTS.index("wrist_roll"), JOINTS.index("gripper")
LARGEST_PICTURE = (480, 640)  # (H, W) of one drawn for people
Setting = str | int | float | bool | None


def _vector(name: str, value: np.ndarray, length: int) -> np.ndarray:
    """`value` read-only, a copy if it was not, after checking that it is a finite float64 vector of `length`."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != (length,):
        raise ValueError(f"{name} must be a float64 array of shape ({length},), got {_describe(value)}")
    if not all(map(math.isfinite, value.tolist())):  # five times as fast as numpy on six numbers
        raise ValueError(f"{name} must be finite, got {value}")
    if value.flags.writeable or (isinstance(value.base, np.ndarray) and value.base.flags.writeable):
        # Its maker may go on writing to it.
        value = value.copy()
        value.setflags(write=False)
    return value


def keep_vectors(owner: object, names: tuple[str, ...], length: int) -> None:
    """Check these fields of a frozen value at its birth, and make them its own."""
    for name in names:
        given = getattr(owner, name)
        if (kept := _vector(name, given, length)) is not given:
            object.__setattr__(owner, name, kept)


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return f"{type(value).__name__} {value!r}"


@dataclass(frozen=True, eq=False)
class RobotSpec:
    """What a robot is, as told once at hello."""

    joints: tuple[str, ...]
    lower_rad: np.ndarray  # (J,)
    upper_rad: np.ndarray  # (J,)
    speed_rad_s: np.ndarray  # (J,) the governor's limit
    accel_rad_s2: np.ndarray  # (J,) the governor's limit
    hz: float  # control rate
    cameras: Mapping[str, tuple[tuple[int, int], tuple[int, int]]]  # name -> sensor (H, W), policy (H, W)
    profile: str  # actuator profile
    calibration: str  # digest; "exact" where there is nothing to calibrate
    scene_cameras: tuple[str, ...] = ()  # what `Scenic.picture` can show; none where nothing can be drawn
    # What a simulated one is made of: the keys of its configuration.
    plant: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        keep_vectors(self, ("lower_rad", "upper_rad", "speed_rad_s", "accel_rad_s2"), len(self.joints))
        if not (self.lower_rad < self.upper_rad).all():
            raise ValueError(f"lower_rad {self.lower_rad} must lie below upper_rad {self.upper_rad}")
        if not 1 <= self.hz <= 100:
            raise ValueError(f"hz must be between 1 and 100, got {self.hz}")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, stamped where it was taken. Read-only, but no copy: who took it paints no more on it."""

    rgb: np.ndarray  # (H, W, 3) uint8
    stamp_s: float

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3:
            raise ValueError(f"rgb must be uint8 of shape (H, W, 3), got {_describe(self.rgb)}")
        if self.rgb.flags.writeable:
            view = self.rgb.view()
            view.setflags(write=False)
            object.__setattr__(self, "rgb", view)


@dataclass(frozen=True, eq=False)
class Observation:
    """What the robot senses at one control tick; never anything it could not sense."""

    seq: int  # grows with every period and every reset
    stamp_s: float  # the robot's monotonic clock; no reset sets it back
    joints_rad: np.ndarray  # (J,) measured
    speed_rad_s: np.ndarray  # (J,) measured
    load: np.ndarray  # (J,) fraction of the torque limit, in [-1, 1]; positive where it drives the angle up
    target_rad: np.ndarray  # (J,) the target in force; the next action's delta starts here
    limited: bool  # the last command was clamped
    frames: Mapping[str, Frame] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        keep_vectors(self, ("joints_rad", "speed_rad_s", "load", "target_rad"), len(JOINTS))


class Who(StrEnum):
    """Who acts."""

    POLICY = "policy"
    PERSON = "person"


@dataclass(frozen=True, eq=False)
class Command:
    """Joint targets for one control period."""

    target_rad: np.ndarray  # (J,) absolute
    answers: int  # Observation.seq this command was computed from
    ttl_s: float = 1.0
    action: tuple[float, ...] = ()  # the policy-space action it came from, kept for rewards and records
    label: tuple[float, ...] = ()  # the action its author would have wanted, where noise was added to it
    who: Who = Who.POLICY  # decided it; for rewards and records, as the actions are

    def __post_init__(self) -> None:
        try:
            keep_vectors(self, ("target_rad",), len(JOINTS))
        except ValueError as error:
            raise CommandRefused(f"{error}; nothing was moved") from None
        if not 0.0 < self.ttl_s < math.inf:
            raise CommandRefused(f"a command's ttl_s must be a time, got {self.ttl_s}; nothing was moved")


@dataclass(frozen=True)
class Spawn:
    """Where the cube may start: ranges of its centre on the table and of its yaw."""

    x_m: tuple[float, float] = (0.16, 0.30)
    y_m: tuple[float, float] = (-0.12, 0.12)
    yaw_rad: tuple[float, float] = (-np.pi, np.pi)

    def draw(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """One place in it: x and y in metres, yaw in radians."""
        return rng.uniform(*self.x_m), rng.uniform(*self.y_m), rng.uniform(*self.yaw_rad)


AS_FOUND = "as_found"  # a stage beside the curriculum's: the arm goes home, the cube stays where it is


@dataclass(frozen=True)
class ResetRequest:
    """How an episode starts: a curriculum stage or AS_FOUND, and the seed everything random is drawn from."""

    stage: str = "home"
    seed: int = 0
    spawn: Spawn = Spawn()
    wild: tuple[str, ...] = ()  # what a simulator varies besides: factors of its configs/wild.yaml

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise CommandRefused(f"a reset's seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True)
class Status:
    """Who drives a served robot, and how old the newest look at it is."""

    driver: str  # empty where nobody drives
    since: str  # local time of day
    age_s: float  # of what those who watch see


@dataclass(frozen=True)
class PictureRequest:
    """A picture for people: which of `RobotSpec.scene_cameras`, and how large. Raises CommandRefused for a bad size."""

    camera: str
    height: int
    width: int

    def __post_init__(self) -> None:
        largest_h, largest_w = LARGEST_PICTURE
        if not (1 <= self.height <= largest_h and 1 <= self.width <= largest_w):
            raise CommandRefused(
                f"a picture has 1x1 to {largest_h}x{largest_w} pixels (height x width), not {self.height}x{self.width}"
            )


@dataclass(frozen=True, eq=False)
class Health:
    """The robot's own condition; nan where it has no such sensor."""

    state: str
    volts: float
    temperature_c: np.ndarray  # (J,)
    errors: tuple[str, ...]
    bus_success: float  # share of the last 100 bus cycles
    late_ticks: int
    worst_late_s: float
    counters: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Truth:
    """What only a simulator knows; for judges and logs, never for a policy's network."""

    cube_m: np.ndarray  # (3,) centre
    cube_quat: np.ndarray  # (4,) w, x, y, z
    tool_m: np.ndarray  # (3,) tool point between the fingertips
    moving_pad_m: np.ndarray  # (3,) centre of the moving finger's pad
    pads_touch: tuple[bool, bool]  # fixed, moving finger on the cube

    def __post_init__(self) -> None:
        keep_vectors(self, ("cube_m", "tool_m", "moving_pad_m"), 3)
        keep_vectors(self, ("cube_quat",), 4)

    @property
    def cube_yaw_rad(self) -> float:
        """The cube's turn about the vertical."""
        w, x, y, z = self.cube_quat
        return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


@dataclass(frozen=True)
class Verdict:
    """A judge's word on one step."""

    reward: float
    discount: float  # 0: the task ended here; 1: it goes on, even when time ran out
    success: bool
    terms: Mapping[str, float]
