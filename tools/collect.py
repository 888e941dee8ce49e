"""`twinarm collect`: scripted grasps as a dataset."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import tyro
from rich.console import Console

from control.errors import UserError
from control.messages import Result
from sim.stages import stage_name
from tools.audit import warn
from tools.progress import bar
from tools.robots import EXPERIMENT, fitting_config, open_robot
from training import settings
from training.cluster import require_cluster
from training.collect import collect, plan
from training.evaluate import TRAINING_SEED, sentence
from training.settings import TrainConfig

WORTH_A_WORKER = 20  # episodes; starting one takes seconds


@dataclass(frozen=True)
class Arguments:
    """Record scripted grasps as a dataset. The same command again records what is missing."""

    output: Path
    """Folder of the dataset."""

    episodes: int | None = None
    """How many episodes; default: the configuration's demos.episodes."""

    curriculum_stage: str | None = None
    """Where an episode starts: home, lifted, grasped, near, far, or 0 to 4; default: the configuration's."""

    script: Literal["scripted", "sighted", "told", "crude"] | None = None
    """scripted: is told where the cube is at every step, and tries again. sighted: the same, but finds the cube in the
    wrist camera's picture. told: the same, but believes it to be at --cube. crude: open-loop timing. Default: the
    configuration's."""

    cube: str | None = None
    """Where the cube is laid, always: x,y,yaw in metres and degrees; default: anywhere in the configuration's box."""

    noise: float | None = None
    """Of the executed actions, in action units (their labels stay clean); default: the configuration's demos.noise,
    and none for crude."""

    seed: int = 0
    """Seed of the first episode; the others follow."""

    workers: int | None = None
    """Processes with a simulator of their own; default: as many as cores, fewer for few episodes."""

    cluster: str | None = None
    """A Ray cluster to record on instead: its address, or local. Its machines must see OUTPUT as a common folder."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    config: str | None = None
    """Configuration of the training this is for; default: drqv2_lift_s3_v13.yaml, or what a served robot runs at."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Record what is missing, then print the success rate with its interval."""
    console = Console(stderr=True)
    config = configured(arguments)
    if arguments.cluster is not None:
        require_cluster(arguments.cluster)
    episodes = config.demos.episodes
    demonstrations = plan(config, arguments.output, arguments.seed, partial(open_robot, arguments.robot, config.robot))
    processes = workers(arguments.robot, arguments.workers, episodes)
    try:
        with bar(console, "recording", episodes) as tell:
            told = partial(_lifted, tell)
            collection = collect(demonstrations, episodes, processes, arguments.cluster, told)
    except KeyboardInterrupt:
        kept = f"{len(demonstrations.dataset.indices())} of {episodes} episodes are kept in {arguments.output}"
        raise KeyboardInterrupt(f"interrupted; {kept}, and the same command records the others") from None
    summary = collection.summary()
    if collection.found:
        console.print(f"{collection.found} of the {episodes} episodes were there already")
    console.print(f"{sentence(summary)}: {arguments.output}", soft_wrap=True)
    warn(config, demonstrations.dataset, console)
    if arguments.json:
        print(msgspec.json.encode(summary | {"found": collection.found, "output": str(arguments.output)}).decode())


def _lifted(tell: Callable[[bool], None], index: int, result: Result) -> None:
    tell(result.success)


def configured(arguments: Arguments) -> TrainConfig:
    """The configuration with the flags put in. Raises UserError for a flag out of range."""
    flags = {
        "demos.script": arguments.script,
        "demos.episodes": arguments.episodes,
        "demos.noise": 0.0 if arguments.script == "crude" and arguments.noise is None else arguments.noise,
        "robot.model": arguments.model,
        "task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage),
        **settings.laid_at(arguments.cube),
    }
    config = settings.load(fitting_config(arguments.robot, arguments.config, EXPERIMENT), arguments.set, flags)
    if not 0 <= arguments.seed <= (last := TRAINING_SEED - config.demos.episodes):
        words = f"seeds from {TRAINING_SEED} on are for training and evaluation"
        raise UserError(
            f"--seed must be 0 to {last} for {config.demos.episodes} episodes, got {arguments.seed}: {words}"
        )
    return config


def workers(robot: str, asked: int | None, episodes: int) -> int:
    """How many processes record. Raises UserError where a served robot should work for several."""
    if asked is not None and asked < 1:
        raise UserError(f"--workers must be at least 1, got {asked}")
    if robot == "sim":
        return asked or min(os.cpu_count() or 1, 1 + episodes // WORTH_A_WORKER)
    if (asked or 1) > 1:
        raise UserError(f"the robot at {robot} works for one at a time; leave --workers out")
    return 1
