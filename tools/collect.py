"""`twinarm collect`: scripted grasps as a dataset."""

import os
from collections.abc import Callable
from functools import partial

import msgspec
from rich.console import Console

from control.errors import UserError
from control.messages import Result
from sim.stages import stage_name
from tools.audit import warn
from tools.flags.collect import Arguments
from tools.progress import bar
from tools.robots import fitting_config, open_robot
from tools.shipped import EXPERIMENT
from training import settings
from training.cluster import require_cluster
from training.collect import collect, plan
from training.evaluate import TRAINING_SEED, sentence
from training.settings import TrainConfig

WORTH_A_WORKER = 20  # episodes; starting one takes seconds


def main(arguments: Arguments) -> None:
    """Record what is missing, then print the success rate with its interval."""
    console = Console(stderr=True)
    config = configured(arguments)
    if arguments.cluster is not None:
        require_cluster(arguments.cluster)
    episodes = config.demos.episodes
    make_robot = partial(open_robot, arguments.robot, config.robot)
    demonstrations = plan(config, arguments.output, arguments.seed, make_robot, arguments.any_calibration)
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
    last = TRAINING_SEED - config.demos.episodes
    if not 0 <= arguments.seed <= last:
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
