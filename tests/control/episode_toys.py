"""Small recordings for tests: pictures of noise whose first pixel tells the step."""

from pathlib import Path

import numpy as np

from control.datasets import Dataset
from control.episodes import DatasetInfo, Provenance
from control.types import Command, Frame, Observation, Truth, Verdict

INFO = DatasetInfo({"wrist_cam": (12, 16)}, 10.0, ("a", "b", "c", "d", "e", "f"), "tool", recipe={"stage": "near"})
FROM = Provenance("toy", 7, "near", extra={"why": "a test"})


def observation(t: int, rng: np.random.Generator, size: tuple[int, int] = (12, 16)) -> Observation:
    """Observation number t; its picture's first pixel is (t, 0, 0)."""
    rgb = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    rgb[0, 0] = t, 0, 0
    joints = [rng.normal(size=6) for _ in range(4)]
    return Observation(t, 0.1 * t, *joints, limited=bool(t % 2), frames={"wrist_cam": Frame(rgb, 0.1 * t + 0.01)})


def truth(rng: np.random.Generator) -> Truth:
    return Truth(rng.normal(size=3), rng.normal(size=4), rng.normal(size=3), rng.normal(size=3), (True, False))


def record(dataset: Dataset, index: int, steps: int, finish: bool = True, seed: int = 0) -> None:
    """An episode in which action t is (t, ...) and reward t is t."""
    rng = np.random.default_rng(seed)
    with dataset.recorder(index, FROM) as recorder:
        recorder.start(observation(0, rng), truth(rng))
        for t in range(steps):
            action, label = (float(t), *rng.normal(size=2)), (-float(t), 0.0, 1.0)
            command = Command(rng.normal(size=6), answers=t, action=action, label=label)
            verdict = Verdict(float(t), 1.0, t == steps - 1, {"reach": rng.normal()})
            recorder.add(command, observation(t + 1, rng), verdict, truth(rng))
        if finish:
            recorder.finish(success=True)


def whole(tmp_path: Path, steps: int = 5) -> Dataset:
    dataset = Dataset.create(tmp_path / "set", INFO)
    record(dataset, 0, steps)
    return dataset
