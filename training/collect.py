"""Collecting demonstrations: many episodes, by several processes if asked, the same whoever records which.

Episode i is recorded with seed `first_seed + i`. What is finished lies on disk under its own name, so the same command
completes a collection that was killed, and no episode is lost or recorded twice.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import torch
from torch.quasirandom import SobolEngine

from control.datasets import Dataset
from control.episodes import DatasetInfo, Provenance, code_commit, digest
from control.errors import DatasetError
from control.interfaces import Judge, Policy, Robot
from control.loop import run_episode
from control.messages import Result
from control.types import ResetRequest, RobotSpec, Spawn
from policies.spaces import SpacesConfig
from sim.stages import stage_name
from training.crew import share
from training.evaluate import TRAINING_SEED
from training.lift import LiftTask, load_reward
from training.settings import TaskConfig, TrainConfig
from training.statistics import wilson
from training.teachers import Teacher


@dataclass(frozen=True)
class Demonstrations:
    """What is to be recorded: all that a worker process must know."""

    make_robot: Callable[[], Robot]
    make_policy: Callable[[Robot, int], Policy]  # for the episode of that seed
    judge: Judge
    dataset: Dataset
    provenance: Provenance  # of every episode, but for its seed and the robot's calibration
    task: TaskConfig
    limit_steps: int
    first_seed: int
    spread: bool = False  # lay the cube evenly

    @contextmanager
    def open(self) -> Iterator[Callable[[int], bytes]]:
        with closing(self.make_robot()) as robot:
            yield partial(self.record, robot)

    def request(self, index: int) -> ResetRequest:
        """The reset of episode `index`."""
        request = self.task.request(self.first_seed + index)
        return replace(request, spawn=spread(request.spawn, self.first_seed, index)) if self.spread else request

    def record(self, robot: Robot, index: int) -> bytes:
        """Run episode `index` and store it, lifted or not; nothing happens where it is stored already."""
        if self.dataset.path(index).exists():
            return b""
        seed = self.first_seed + index
        provenance = msgspec.structs.replace(self.provenance, seed=seed, calibration=robot.spec.calibration)
        with self.dataset.recorder(index, provenance) as recorder:
            verdicts = run_episode(
                robot,
                self.make_policy(robot, seed),
                self.judge,
                self.request(index),
                self.limit_steps,
                watch=lambda step: recorder.add(step.command, step.after, step.verdict, step.truth),
                begin=recorder.start,
            )
            recorder.finish(verdicts[-1].success)
        return b""


def plan(
    config: TrainConfig, folder: Path, first_seed: int, make_robot: Callable[[], Robot], any_calibration: bool = False
) -> Demonstrations:
    """The demonstrations that a configuration asks for, to be recorded in `folder`.

    Raises:
        DatasetError: the folder holds another dataset, other files, or, unless `any_calibration` will do, episodes of
            an arm that was calibrated otherwise.
    """
    task, demos, stage = config.task, config.demos, stage_name(config.task.stage)
    with closing(make_robot()) as robot:
        spec = robot.spec
    if not spec.plant:  # an arm is what it is, whatever the task would have it be
        task = msgspec.structs.replace(task, wild=())
    info = dataset_info(
        spec,
        config.spaces,
        stage=stage,
        script=demos.script,
        noise=demos.noise,
        first_seed=first_seed,
        limit_steps=demos.limit_steps,
        reward=task.reward,
        cube_x_m=list(task.cube_x_m),
        cube_y_m=list(task.cube_y_m),
        cube_yaw_rad=list(task.cube_yaw_rad),
        robot=digest(dict(spec.plant)),
        **({"wild": " ".join(task.wild)} if task.wild else {}),
        **({"spread": True} if demos.spread else {}),
    )
    dataset = Dataset.create(folder, info)
    if not any_calibration:
        dataset.require_calibration(spec.calibration)
    return Demonstrations(
        make_robot=make_robot,
        make_policy=Teacher.of(config, demos.script, demos.noise),
        judge=LiftTask(load_reward(task.reward), config.replay.gamma),
        dataset=dataset,
        provenance=Provenance(demos.script, first_seed, stage, config.digest, commit=code_commit()),
        task=task,
        limit_steps=demos.limit_steps,
        first_seed=first_seed,
        spread=demos.spread,
    )


def own_first_seed(config: TrainConfig) -> int:
    """The seed of the first demonstration that a run records itself: another for every seed of a run, as far as they
    go, and below those of training and evaluation whatever it is."""
    episodes = config.demos.episodes
    return config.seed % (TRAINING_SEED // episodes) * episodes


def spread(box: Spawn, first_seed: int, index: int) -> Spawn:
    """The place of episode `index` in `box`, as even as can be for any number of episodes: a Sobol sequence."""
    shares = SobolEngine(3, scramble=True, seed=first_seed).fast_forward(index).draw(1, dtype=torch.float64)[0].tolist()
    x, y, yaw = (
        low + (high - low) * share for (low, high), share in zip((box.x_m, box.y_m, box.yaw_rad), shares, strict=True)
    )
    return Spawn((x, x), (y, y), (yaw, yaw))


@dataclass(frozen=True)
class Collection:
    """The episodes that were asked for, and how many of them were there before."""

    results: tuple[Result, ...]
    found: int

    def summary(self) -> dict[str, Any]:
        """The figures under the names every command uses; the time is from reset to success, None without any."""
        n, successes = len(self.results), sum(result.success for result in self.results)
        low, high = wilson(successes, n)
        times = [result.time_s for result in self.results if result.success]
        return {
            "success": successes / n,
            "n": n,
            "low": low,
            "high": high,
            "median_time_s": median(times) if times else None,
        }


def collect(
    demonstrations: Demonstrations,
    episodes: int,
    workers: int = 1,
    cluster: str | None = None,
    tell: Callable[[int, Result], None] = lambda index, result: None,
) -> Collection:
    """Bring the dataset to `episodes` episodes, recording those that are missing.

    Args:
        workers: processes with a robot of their own; 1 records in this one.
        cluster: a Ray cluster to record on instead, see `cluster.share_on_cluster`.
        tell: called with index and result of every episode, those found first.
    Raises:
        DatasetError: another process is writing the dataset, or the disk is full.
        TwinarmError: what a robot refused, or workers that were killed again and again.
    """
    dataset = demonstrations.dataset
    with dataset.lock():
        dataset.recover()
        dataset.plan(episodes)
        found = [index for index in dataset.indices() if index < episodes]
        for index in found:
            tell(index, dataset.outcome(index))
        missing = sorted(set(range(episodes)) - set(found))
        for index, _ in share(demonstrations, missing, workers, cluster):
            tell(index, dataset.outcome(index))
        return Collection(tuple(dataset.outcome(index) for index in range(episodes)), len(found))


def dataset_info(spec: RobotSpec, spaces: SpacesConfig, **recipe: Any) -> DatasetInfo:
    """What episodes of this robot in this action space share; `recipe` says how they came about.

    Raises:
        DatasetError: the robot lacks the camera that the spaces look through.
    """
    if spaces.camera not in spec.cameras:
        raise DatasetError(
            f"spaces.camera is {spaces.camera}, the robot has {', '.join(spec.cameras)}; name one of these"
        )
    return DatasetInfo.of(spec, action_space(spaces), **recipe)


def action_space(spaces: SpacesConfig) -> str:
    """What an action means, in words: actions of another scale are other actions."""
    kept = f", kept for {spaces.action_repeat} steps" if spaces.action_repeat > 1 else ""
    if spaces.actions == "joints":
        return f"joints {spaces.step_joints_rad} rad{kept}"
    steps = f"{spaces.step_m} m, roll {spaces.step_roll_rad} rad, gripper {spaces.step_gripper_rad} rad"
    return f"{spaces.actions} {steps}{kept}"
