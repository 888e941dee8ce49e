"""Episodes: what was seen, done and judged, aligned so that row t of everything belongs to the same moment.

    observation[0] ── action[0] ──> observation[1] ── action[1] ──> ... ──> observation[T]
                      reward[0]                       reward[1]

`observation[t]` is what the policy saw when it chose `action[t]`; `reward[t]` and `discount[t]` judge the step from t
to t+1. So T steps have T+1 observations. (The public experiment that this project explains stored each action beside
the observation *after* it, which shifts every label by one step.)
"""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from control.types import Command, Frame, Observation, RobotSpec, Truth, Verdict, Who

OBSERVED = ("seq", "stamp_s", "joints_rad", "speed_rad_s", "load", "target_rad", "limited")  # rows: T+1
STEPPED = (  # rows: T
    "answers",
    "requested_rad",
    "action",
    "label",
    "by_person",
    "reward",
    "discount",
    "step_success",
    "terms",
)
UNCALIBRATED = ("exact", "")  # of a simulator
HASHED = ("joints_rad", "speed_rad_s", "load", "target_rad", "limited", *STEPPED[1:-1])
TRUTH = tuple(f.name for f in fields(Truth))


class DatasetInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every episode of a dataset shares. A reader depends on all but `recipe`, which says how they came about."""

    cameras: dict[str, tuple[int, int]]  # name -> (H, W)
    hz: float
    joints: tuple[str, ...]
    action_space: str
    jpeg: tuple[str, ...] = ()  # cameras stored lossily, for frames of sensor size
    recipe: dict[str, str | int | float | bool | list[float]] = {}  # stage, script, noise, first seed ...

    @classmethod
    def of(cls, spec: RobotSpec, action_space: str, **recipe: str | int | float | bool | list[float]) -> "DatasetInfo":
        """The episodes that a robot of this spec makes: policy-size frames, lossless."""
        cameras = {name: policy for name, (_, policy) in spec.cameras.items()}
        return cls(cameras, float(spec.hz), tuple(spec.joints), action_space, recipe=recipe)

    @property
    def shape(self) -> dict[str, Any]:
        """What a reader depends on."""
        return {name: getattr(self, name) for name in ("cameras", "hz", "joints", "action_space")}

    @property
    def facts(self) -> dict[str, Any]:
        """What must be the same for two recordings to share a folder."""
        return self.shape | {"jpeg": self.jpeg} | self.recipe


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """One phrase for each key in which the two are not the same."""
    keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    return [f"{key.replace('_', ' ')} is {mine.get(key)}, not {theirs.get(key)}" for key in keys]


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one episode comes from."""

    source: str  # who acted: scripted, crude, drqv2, teleop
    seed: int
    stage: str
    config: str = ""  # digest of the configuration
    calibration: str = ""  # RobotSpec.calibration
    commit: str = ""  # git commit of the code
    extra: dict[str, str] = {}


@dataclass(frozen=True, eq=False)
class Episode:
    """T steps, T+1 observations; J joints, A action dimensions. Arrays are float64 unless said, and read-only."""

    info: DatasetInfo
    provenance: Provenance
    success: bool
    complete: bool  # False: the readable part of a recording that a crash cut short
    frames: Mapping[str, np.ndarray]  # camera -> (T+1, H, W, 3) uint8
    frame_stamp_s: Mapping[str, np.ndarray]  # camera -> (T+1,)
    seq: np.ndarray  # (T+1,) int64, from 0
    stamp_s: np.ndarray  # (T+1,) the robot's monotonic clock, from the first observation
    joints_rad: np.ndarray  # (T+1, J) measured
    speed_rad_s: np.ndarray  # (T+1, J) measured
    load: np.ndarray  # (T+1, J)
    target_rad: np.ndarray  # (T+1, J) applied: the target in force
    limited: np.ndarray  # (T+1,) bool: the command before it was clamped
    answers: np.ndarray  # (T,) int64: seq of the observation the command was computed from
    requested_rad: np.ndarray  # (T, J) what the policy asked for
    action: np.ndarray  # (T, A) executed, in the policy's action space
    label: np.ndarray  # (T, A) what the policy meant; differs from `action` where noise was added
    by_person: np.ndarray  # (T,) bool: a person decided it, not the policy
    reward: np.ndarray  # (T,)
    discount: np.ndarray  # (T,) 0 where the task ended
    step_success: np.ndarray  # (T,) bool
    terms: tuple[Mapping[str, float], ...]  # (T,) the reward's terms
    truth: Mapping[str, np.ndarray] | None = None  # field of Truth -> (T+1, ...); None where there is no simulator

    def __post_init__(self) -> None:
        for name, rows, expected in self._lengths():
            if rows != expected:
                raise ValueError(f"{name} has {rows} rows; {len(self)} steps need {expected}")
        for name, stack in self.frames.items():
            if stack.dtype != np.uint8 or stack.shape[1:] != (*self.info.cameras[name], 3):
                raise ValueError(f"frames of {name} must be uint8 of {self.info.cameras[name]}, got {stack.shape[1:]}")
        for array in self._arrays():
            array.flags.writeable = False

    def _lengths(self) -> Iterator[tuple[str, int, int]]:
        steps = len(self)
        yield from ((name, len(getattr(self, name)), steps + 1) for name in OBSERVED)
        yield from ((name, len(getattr(self, name)), steps) for name in STEPPED)
        for group in (self.frames, self.frame_stamp_s, self.truth or {}):
            yield from ((name, len(rows), steps + 1) for name, rows in group.items())

    def _arrays(self) -> Iterator[np.ndarray]:
        yield from (getattr(self, name) for name in OBSERVED + STEPPED[:-1])
        for group in (self.frames, self.frame_stamp_s, self.truth or {}):
            yield from group.values()

    def __len__(self) -> int:
        """T, the number of steps."""
        return len(self.reward)

    @property
    def time_s(self) -> float:
        """From the reset to the last observation, on the robot's clock."""
        return float(self.stamp_s[-1] - self.stamp_s[0])

    def observation(self, t: int) -> Observation:
        """What the policy saw before step t; t = T is the last one."""
        frames = {name: Frame(self.frames[name][t], float(self.frame_stamp_s[name][t])) for name in self.frames}
        return Observation(
            seq=int(self.seq[t]),
            stamp_s=float(self.stamp_s[t]),
            limited=bool(self.limited[t]),
            frames=MappingProxyType(frames),
            **{name: getattr(self, name)[t] for name in ("joints_rad", "speed_rad_s", "load", "target_rad")},
        )

    def command(self, t: int) -> Command:
        """What the policy asked for at observation t."""
        action, label = tuple(self.action[t].tolist()), tuple(self.label[t].tolist())
        who = Who.PERSON if self.by_person[t] else Who.POLICY
        return Command(self.requested_rad[t], int(self.answers[t]), action=action, label=label, who=who)

    def verdict(self, t: int) -> Verdict:
        """The word on the step from observation t to t+1."""
        return Verdict(float(self.reward[t]), float(self.discount[t]), bool(self.step_success[t]), self.terms[t])

    def truth_at(self, t: int) -> Truth | None:
        """The simulator's knowledge at observation t."""
        if self.truth is None:
            return None
        rows = {name: self.truth[name][t] for name in TRUTH}
        fixed, moving = rows.pop("pads_touch").tolist()
        return Truth(**rows, pads_touch=(fixed, moving))

    def digest(self) -> str:
        """SHA-256 of frames, states, actions and rewards; seq and stamps, which say when, are left out."""
        sha = hashlib.sha256()
        groups = (self.frames, {name: getattr(self, name) for name in HASHED}, self.truth or {})
        for group in groups:
            for name in sorted(group):
                sha.update(name.encode() + np.ascontiguousarray(group[name]).tobytes())
        return sha.hexdigest()


def labelled(success: bool) -> Verdict:
    """What a person's own word on an episode says of its last step."""
    reward = float(success)
    return Verdict(reward, 1.0 - reward, success, {"success": reward})


def foreign(calibrations: Iterable[str], mine: str) -> list[str]:
    """Those of `calibrations` by which the angles of this arm are other poses: none where it took part itself, and none
    beside a simulator, whose angles are true."""
    theirs = sorted(set(calibrations) - set(UNCALIBRATED))
    return [] if mine in (*theirs, *UNCALIBRATED) else theirs


def digest(value: object) -> str:
    """A short name for a configuration: 16 hexadecimal digits of the SHA-256 of its sorted JSON."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]


def code_commit() -> str:
    """The git commit of this code, with + when edited; empty outside a checkout."""
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        told = [
            subprocess.run([*git, *words], capture_output=True, text=True, timeout=5)
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told[0].stdout.strip() + ("+" if told[1].stdout.strip() else "")
