"""Episodes of a LeRobot dataset as demonstrations: radians, the policy's picture, and actions in its space.

LeRobot keeps what the joints were told to do. Which action of a policy would have told them so is worked out: the one
whose target is the recorded one, cut to a full action. It starts at the target in force, which LeRobot does not keep:
that is what the governor here would have made of the targets before. Speeds are differences, loads 0, and a person
decided everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from control.episodes import DatasetInfo, Episode, Provenance, code_commit
from control.errors import DatasetError
from control.governor import Governor
from control.pictures import policy_picture
from control.types import JOINTS
from hardware.lerobot_units import LeRobotUnits
from policies.spaces import Spaces
from training import lerobot_form as form
from training.aiming import Loss, aimed
from training.lerobot_folder import LeRobotFolder

RATES = [100 / ticks for ticks in range(1, 101)]  # that a robot here can have
BEYOND_RAD = 0.2  # of the model's range: then the unit or the calibration is another


@dataclass(frozen=True)
class Import:
    """How a dataset becomes demonstrations.

    Args:
        governor: of the robot that is to learn from them.
        info: of the demonstrations; the dataset's rate is a multiple of its.
        camera: the column that becomes the policy's picture.
        lifted: every episode is a success, where the dataset does not say.
    Raises:
        DatasetError: rates that do not fit, or nobody says which episodes are successes.
    """

    folder: LeRobotFolder
    spaces: Spaces
    info: DatasetInfo
    units: LeRobotUnits
    governor: Governor
    camera: str
    lifted: bool

    def __post_init__(self) -> None:
        fps, hz = self.folder.info.fps, self.info.hz
        if fps / hz % 1:
            fits = max((rate for rate in RATES if fps / rate % 1 == 0), default=None)
            what = f"{self.folder.root} has {fps:g} looks a second, no multiple of {hz:g}"
            advice = (
                f"use --set robot.hz={fits:g}, here and in the training" if fits else "no rate of a robot here fits"
            )
            raise DatasetError(f"{what}; {advice}")
        told = {form.SUCCESS, form.REWARD} & self.folder.info.features.keys()
        if not told and not self.lifted:
            raise DatasetError(f"{self.folder.root} does not say which episodes are lifts; if all are, add --lifted")

    @property
    def stride(self) -> int:
        """The dataset's rows in a control period."""
        return round(self.folder.info.fps / self.info.hz)

    def read(self, entry: form.Row) -> "Imported | None":
        """An episode; None for one that is shorter than a control period."""
        rows = self.folder.rows(entry)
        if len(rows["timestamp"]) <= self.stride:
            return None
        return Imported(self, entry, rows)


@dataclass(frozen=True)
class Imported:
    """An episode on its way; N rows of the dataset are K + 1 looks and the K steps between them."""

    plan: Import
    entry: form.Row
    rows: Mapping[str, np.ndarray]

    @cached_property
    def looks(self) -> np.ndarray:
        """(K+1,) rows at which the policy looks."""
        return np.arange(0, len(self.rows["timestamp"]), self.plan.stride)

    def joints(self, name: str) -> np.ndarray:
        """(N, J) radians. Raises DatasetError for numbers that are none."""
        values = self.rows[name][:, self.plan.folder.joint_columns(name)].astype(np.float64)
        if not np.isfinite(values).all():
            raise DatasetError(f"{name} of episode {self.entry['episode_index']} is not finite everywhere")
        return self.plan.units.to_rad(values)

    def measured(self) -> np.ndarray:
        """(K+1, J) where the joints were. Raises DatasetError for angles that no SO-101 has."""
        joints_rad, arm = self.joints(form.STATE)[self.looks], self.plan.spaces.arm
        beyond = np.maximum(arm.lower_rad - joints_rad, joints_rad - arm.upper_rad).max(axis=0)
        j = int(beyond.argmax())
        if beyond[j] > BEYOND_RAD:
            raise DatasetError(
                f"in episode {self.entry['episode_index']} {JOINTS[j]} stands {np.degrees(beyond[j]):.0f} degrees "
                f"beyond its range, taken as {self.plan.units.unit}; give --units and --calibration of the recorded arm"
            )
        return joints_rad

    @cached_property
    def requested_rad(self) -> np.ndarray:
        """(K, J) the last target of each control period."""
        return self.joints(form.ACTION)[self.looks[1:] - 1]

    def known(self, name: str) -> np.ndarray | None:
        """(K+1, ...) a column of ours at the looks; None where the dataset is another's."""
        return self.rows[name][self.looks] if name in self.rows else None

    def episode(self) -> tuple[Episode, Loss]:
        """Raises DatasetError where pictures are missing or angles cannot be."""
        seen = self._observed()
        action, label, loss = self._actions(seen)
        reward, success = self._verdicts()
        steps, person = len(self.looks) - 1, self.known(form.BY_PERSON)
        episode = Episode(
            info=self.plan.info,
            provenance=self._provenance(),
            success=bool(success.any()),
            complete=True,
            **seen,
            answers=np.arange(steps),
            requested_rad=self.requested_rad,
            action=action,
            label=label,
            by_person=np.ones(steps, bool) if person is None else person[:-1],
            reward=reward,
            discount=1.0 - success,
            step_success=success,
            terms=tuple(MappingProxyType({"success": float(each)}) for each in success),
        )
        return episode, loss

    def _observed(self) -> dict[str, Any]:
        """What the policy saw and felt, by the names that an Episode has for it."""
        joints = self.measured()
        stamp, target, seen = self.known(form.STAMP), self.known(form.TARGET), self.known(form.SEEN)
        speed, load, limited = self.known(form.SPEED), self.known(form.LOAD), self.known(form.LIMITED)
        stamp = self.rows["timestamp"][self.looks].astype(np.float64) if stamp is None else stamp
        camera = self.plan.spaces.config.camera
        return {
            "frames": {camera: self._pictures()},
            "frame_stamp_s": {camera: stamp if seen is None else self._seen(seen)},
            "seq": np.arange(len(self.looks)),
            "stamp_s": stamp,
            "joints_rad": joints,
            "speed_rad_s": np.gradient(joints, stamp, axis=0) if speed is None else speed,
            "load": np.zeros_like(joints) if load is None else load,
            "target_rad": self._in_force(joints) if target is None else target,
            "limited": np.zeros(len(joints), bool) if limited is None else limited,
        }

    def _in_force(self, joints_rad: np.ndarray) -> np.ndarray:
        """(K+1, J) what the governor here would have made of the targets, the joints (K+1, J) being where they were."""
        governor = self.plan.governor
        governor.start(joints_rad[0])
        targets = [governor.target_rad]
        for asked, measured in zip(self.requested_rad, joints_rad[:-1], strict=True):
            governor.accept(asked, measured)
            targets.append(governor.target_rad)
        return np.array(targets)

    def _seen(self, seen: np.ndarray) -> np.ndarray:
        names = self.plan.folder.info.features[form.SEEN].names
        return seen.reshape(len(seen), -1)[:, names.index(self.plan.camera.removeprefix(form.PICTURES))]

    def _pictures(self) -> np.ndarray:
        px = self.plan.spaces.config.camera_px
        pictures = self.plan.folder.pictures(self.entry, self.plan.camera, dict(self.rows), self.looks.tolist())
        return np.stack([each if each.shape[:2] == (px, px) else policy_picture(_wide(each), px) for each in pictures])

    def _actions(self, seen: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, Loss]:
        """Executed and meant actions (K, A), and what they lose of the recorded targets."""
        executed, meant = self.rows.get(form.EXECUTED), self.rows.get(form.MEANT)
        if executed is not None and meant is not None and self._same_actions:
            nothing = np.zeros(len(self.looks) - 1)
            return executed[self.looks[:-1]], meant[self.looks[:-1]], Loss(nothing > 0, nothing, nothing)
        action, loss = aimed(self.plan.spaces, seen, self.requested_rad)
        return action, action.copy(), loss

    @property
    def _same_actions(self) -> bool:
        told = self.plan.folder.info.features[form.EXECUTED].info or {}
        return self.plan.stride == 1 and told.get("action_space") == self.plan.info.action_space

    def _verdicts(self) -> tuple[np.ndarray, np.ndarray]:
        """Reward (K,) and success (K,) bool; the rows after the last look belong to the step before it."""
        last = self.plan.lifted and form.SUCCESS not in self.rows and form.REWARD not in self.rows
        none = np.zeros(len(self.rows["timestamp"]))
        reward = self.rows.get(form.REWARD, none).astype(np.float64)
        success = self.rows.get(form.SUCCESS, reward > 0).astype(bool)
        starts = self.looks[:-1]
        reached = np.logical_or.reduceat(success, starts)
        if last:
            reached[-1] = True
        return np.add.reduceat(reward, starts) if form.REWARD in self.rows else reached.astype(float), reached

    def _provenance(self) -> Provenance:
        told = {"dataset": self.plan.folder.root.name, "units": self.plan.units.unit, "camera": self.plan.camera}
        return Provenance("lerobot", int(self.entry["episode_index"]), "unknown", commit=code_commit(), extra=told)


def _wide(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture that is higher than wide; one that is not, as it is."""
    height, width = picture.shape[:2]
    top = max(0, height - width) // 2
    return picture[top : top + min(height, width)]
