"""Episodes of an SO-101 that wanders: angles in its range, pictures of noise, numbers of every size."""

from pathlib import Path

import numpy as np

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import DatasetInfo, Episode, Provenance
from control.types import JOINTS
from policies.spaces import Spaces, SpacesConfig
from training.collect import action_space

ARM, PX, HZ = Arm.from_facts(), 16, 10.0
SPACES = SpacesConfig(camera_px=PX, frame_stack=1)
INFO = DatasetInfo({"wrist_cam": (PX, PX)}, HZ, JOINTS, action_space(SPACES))


def wander(steps: int, seed: int, success: bool, info: DatasetInfo = INFO) -> Episode:
    """`steps` steps; where it succeeds, in the last one."""
    rng, looks = np.random.default_rng(seed), steps + 1
    size = Spaces(SPACES, ARM).action_size
    ended = np.arange(steps) == (steps - 1 if success else steps)
    return Episode(
        info=info,
        provenance=Provenance("toy", seed, "near", calibration="exact"),
        success=success,
        complete=True,
        frames={name: rng.integers(0, 256, (looks, *hw, 3), np.uint8) for name, hw in info.cameras.items()},
        frame_stamp_s={name: np.sort(rng.uniform(0, steps / HZ, looks)) for name in info.cameras},
        seq=np.arange(looks),
        stamp_s=np.concatenate([[0.0], np.cumsum(rng.uniform(0.09, 0.11, steps))]),
        joints_rad=rng.uniform(ARM.lower_rad, ARM.upper_rad, (looks, 6)),
        speed_rad_s=rng.normal(size=(looks, 6)),
        load=rng.uniform(-1, 1, (looks, 6)),
        target_rad=rng.uniform(ARM.lower_rad, ARM.upper_rad, (looks, 6)),
        limited=rng.random(looks) < 0.5,
        answers=np.arange(steps),
        requested_rad=rng.uniform(ARM.lower_rad, ARM.upper_rad, (steps, 6)),
        action=rng.uniform(-1, 1, (steps, size)),
        label=rng.uniform(-1, 1, (steps, size)),
        by_person=rng.random(steps) < 0.5,
        reward=ended.astype(float) - 0.25 * rng.random(steps),
        discount=1.0 - ended,
        step_success=ended,
        terms=tuple({"success": float(each)} for each in ended),
    )


def stored(folder: Path, episodes: list[Episode]) -> Dataset:
    dataset = Dataset.create(folder, episodes[0].info)
    for index, episode in enumerate(episodes):
        dataset.write(index, episode)
    return dataset
