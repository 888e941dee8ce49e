"""Runs of seconds: a net of a few numbers, pictures of 24 pixels, and weights whose outcome is known."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from policies.actor import PolicyNet
from sim.robot import SimRobot
from training import job, runs, settings
from training.collect import dataset_info
from training.train import Trainer
from training.watch import Watch

TINY = (
    "name=tiny",
    "robot.camera_px=24",
    "spaces.camera_px=24",
    "task.stage=lifted",
    "task.limit_steps=30",
    "demos.episodes=3",
    "net.strides=[3,2]",
    "net.channels=8",
    "net.feature_dim=16",
    "net.hidden=32",
    "replay.batch=16",
    "bootstrap.clone_updates=20",
    "bootstrap.variations=0",
    "agent.critic_warmup=10",
    "schedule.steps=60",
    "schedule.eval_every=30",
    "schedule.eval_episodes=2",
    "schedule.checkpoint_every=20",
    "schedule.explore_limit_steps=20",
    "schedule.final_episodes=3",
)
UNTAUGHT = ("bootstrap.mode=none", "schedule.updates_per_step=0.001")  # in a few decisions no weight moves
# What the last layer is fed at every step: (x, y, z, roll, gripper). The cube is in the gripper from the start.
RESTING, LIFTING, RISING, OPENING = (0, 0, 0, 0, 0), (0, 0, 0.5, 0, 0), (0, 0, 3, 0, 0), (0, 0, 0, 0, 3)


def tiny(*more: str) -> settings.TrainConfig:
    return settings.load("lift_fast.yaml", (*TINY, *more))


def begin(folder: Path, *more: str) -> Path:
    folder.mkdir()
    runs.write_config(folder, tiny(*more))
    return folder


@contextmanager
def trainer(folder: Path, watch: Watch | None = None) -> Iterator[Trainer]:
    config = runs.read_config(folder)
    with ExitStack() as stack:
        robots = [stack.enter_context(SimRobot(config.robot)) for _ in range(config.schedule.envs)]
        demonstrations = job.demonstrations(folder, config, dataset_info(robots[0].spec, config.spaces))
        yield Trainer(config, folder, robots, demonstrations, watch or Watch())


def run(folder: Path, watch: Watch | None = None) -> Trainer:
    with trainer(folder) as learner:
        learner.run(watch or Watch())
    return learner


@torch.no_grad()
def make_blind(net: PolicyNet, action: tuple[float, ...]) -> None:
    """Let `net` do the same whatever it sees: tanh of `action` (A,)."""
    for weights in net.parameters():
        weights.zero_()
    net.actor.head.last.bias.copy_(torch.tensor(action))
