"""`twinarm collect`: scripted grasps as a dataset."""

import os
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import tyro
from rich.console import Console

from control.datasets import Dataset
from control.episodes import Provenance, code_commit, digest
from control.errors import UserError
from sim.stages import stage_name
from tools.progress import bar
from tools.robots import EXPERIMENT, fitting_config, open_robot
from training import settings
from training.collect import Demonstrations, collect, dataset_info
from training.evaluate import TRAINING_SEED, sentence
from training.lift import LiftTask, load_reward
from training.settings import TrainConfig
from training.teachers import Teacher

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

    script: Literal["scripted", "crude"] = "scripted"
    """scripted: looks at every step and tries again. crude: open-loop timing."""

    noise: float | None = None
    """Of the executed actions, in action units (their labels stay clean); default: the configuration's demos.noise,
    and none for crude."""

    seed: int = 0
    """Seed of the first episode; the others follow."""

    workers: int | None = None
    """Processes with a simulator of their own; default: as many as cores, fewer for few episodes."""

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
    plan = demonstrations(arguments, config)
    episodes = config.demos.episodes
    processes = workers(arguments, episodes)
    with bar(console, "recording", episodes) as tell:
        collection = collect(plan, episodes, processes, lambda _, result: tell(result.success))
    summary = collection.summary()
    if collection.found:
        console.print(f"{collection.found} of the {episodes} episodes were there already")
    console.print(f"{sentence(summary)}: {arguments.output}", soft_wrap=True)
    if arguments.json:
        print(msgspec.json.encode(summary | {"found": collection.found, "output": str(arguments.output)}).decode())


def configured(arguments: Arguments) -> TrainConfig:
    """The configuration with the flags put in. Raises UserError for a flag out of range."""
    flags = {
        "demos.episodes": arguments.episodes,
        "demos.noise": 0.0 if arguments.script == "crude" and arguments.noise is None else arguments.noise,
        "robot.model": arguments.model,
        "task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage),
    }
    config = settings.load(fitting_config(arguments.robot, arguments.config, EXPERIMENT), arguments.set, flags)
    if config.demos.episodes < 1:
        raise UserError(f"--episodes must be at least 1, got {config.demos.episodes}")
    if config.demos.noise < 0:
        raise UserError(f"--noise must not be negative, got {config.demos.noise}")
    if arguments.script == "crude" and config.demos.noise:
        raise UserError("--script crude is open-loop and knows no clean label; leave --noise out")
    if not 0 <= arguments.seed <= TRAINING_SEED - config.demos.episodes:
        raise UserError(f"--seed {arguments.seed}: seeds from {TRAINING_SEED} on are for training and evaluation")
    return config


def demonstrations(arguments: Arguments, config: TrainConfig) -> Demonstrations:
    """What is to be recorded, and the dataset it goes to."""
    make_robot = partial(open_robot, arguments.robot, config.robot)
    task, demos, stage = config.task, config.demos, stage_name(config.task.stage)
    with closing(make_robot()) as robot:
        spec = robot.spec
    info = dataset_info(
        spec,
        config.spaces,
        stage=stage,
        script=arguments.script,
        noise=demos.noise,
        first_seed=arguments.seed,
        limit_steps=demos.limit_steps,
        reward=task.reward,
        cube_x_m=list(task.cube_x_m),
        cube_y_m=list(task.cube_y_m),
        cube_yaw_rad=list(task.cube_yaw_rad),
        robot=digest(dict(spec.plant)),
    )
    return Demonstrations(
        make_robot=make_robot,
        make_policy=Teacher(config.spaces, arguments.script, demos.noise, config.robot.model),
        judge=LiftTask(load_reward(task.reward), config.replay.gamma),
        dataset=Dataset.create(arguments.output, info),
        provenance=Provenance(arguments.script, arguments.seed, stage, config.digest, commit=code_commit()),
        stage=stage,
        spawn=task.spawn,
        limit_steps=demos.limit_steps,
        first_seed=arguments.seed,
    )


def workers(arguments: Arguments, episodes: int) -> int:
    """Raises UserError where a served robot should work for several."""
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f"--workers must be at least 1, got {arguments.workers}")
    if arguments.robot == "sim":
        return arguments.workers or min(os.cpu_count() or 1, 1 + episodes // WORTH_A_WORKER)
    if (arguments.workers or 1) > 1:
        raise UserError(f"the robot at {arguments.robot} works for one at a time; leave --workers out")
    return 1
