"""What `train`, `resume` and `demo` share: a run from its folder to its report."""

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from rich.console import Console

from control.datasets import Dataset
from control.errors import TwinarmError, UserError
from tools.audit import warn
from tools.collect import workers
from tools.progress import bar, stoppable, watching
from tools.robots import open_robot
from training import collect, job, runs
from training.checkpoint import load_newest
from training.collect import dataset_info
from training.evaluate import sentence
from training.reward_audit import audit
from training.settings import TrainConfig
from training.variations import require_truth
from training.watch import Stopped


def check(config: TrainConfig) -> None:
    """Raises UserError for what would stop a run at its start: device, robot, variations or demonstrations."""
    require_device(config)
    if config.schedule.envs > 1 and config.run_on != "sim":
        raise UserError(f"{config.run_on} is one robot, schedule.envs is {config.schedule.envs}; set schedule.envs=1")
    mode, path = config.bootstrap.mode, config.bootstrap.path
    if mode != "none" and path is None:
        raise UserError(f"bootstrap mode {mode} needs demonstrations; give --bootstrap FOLDER or mode none")
    if mode != "none" and config.bootstrap.variations and config.run_on != "sim":
        raise UserError(
            f"bootstrap.variations is {config.bootstrap.variations}, and only a simulator in this process draws them; "
            f"train on sim with demonstrations from {config.run_on}, or use --set bootstrap.variations=0"
        )
    if mode != "none" and not job.records_its_own(config):
        dataset = Dataset.open(Path(str(path)))
        if config.bootstrap.variations and dataset.indices():
            require_truth(dataset.read(dataset.indices()[0]))


def refuse_idle(bootstrap: Path | None, config: TrainConfig) -> None:
    """Raises UserError where demonstrations are given and the bootstrap would not look at them."""
    if bootstrap is not None and config.bootstrap.mode == "none":
        words = f"bootstrap.mode is none, so nothing would be learned from {bootstrap}"
        raise UserError(f"{words}; leave --bootstrap out, or use --set bootstrap.mode=balanced")


def require_device(config: TrainConfig) -> None:
    """Raises UserError where this machine lacks the configuration's device."""
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"device is {config.device}, and this machine has no CUDA; use --set device=cpu")


def train(folder: Path, robot: str, console: Console, started: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Begin or continue the run in `folder`: demonstrations, learning, evaluation. Returns the report.

    Args:
        started: called when nothing refuses the run any more, before it records and before it learns.
    Raises:
        UserError: no run there, demonstrations that do not fit, or a robot that cannot be shared by environments.
        KeyboardInterrupt: asked to stop; it says what is saved.
    """
    torch.set_num_threads(1)  # a simulator shares the cores: a second thread waits more than it works
    config = msgspec.structs.replace(runs.read_config(folder), run_on=robot)
    check(config)
    with runs.alone(folder):
        if saved := load_newest(folder / "checkpoints"):
            runs.require_same_settings(folder, saved[1], config)
            if saved[1].step >= config.schedule.steps:
                console.print(f"{folder} has made all its {saved[1].step} decisions; it is only judged again")
        if job.records_its_own(config):
            record(folder, config, console, started)
        return learn(folder, config, console, started)


def record(folder: Path, config: TrainConfig, console: Console, started: Callable[[], None]) -> None:
    """Complete the run's own demonstrations."""
    demos = config.demos
    plan = collect.plan(
        config,
        job.demonstrations_folder(folder, config),
        collect.own_first_seed(config),
        partial(open_robot, config.run_on, config.robot),
    )
    started()
    processes = workers(config.run_on, None, demos.episodes)
    try:
        with bar(console, "recording", demos.episodes) as tell:
            recorded = collect.collect(plan, demos.episodes, processes, tell=lambda _, result: tell(result.success))
    except KeyboardInterrupt:
        kept = f"{len(plan.dataset.indices())} of {demos.episodes} demonstrations are kept"
        raise KeyboardInterrupt(f"interrupted; {kept}; go on with: twinarm resume {folder}") from None
    console.print(f"demonstrations: {sentence(recorded.summary())}", soft_wrap=True)


def learn(folder: Path, config: TrainConfig, console: Console, started: Callable[[], None]) -> dict[str, Any]:
    """Train to the end of the schedule, then evaluate."""
    with ExitStack() as stack:
        slots = range(config.schedule.envs)
        robots = [stack.enter_context(closing(open_robot(config.run_on, config.robot))) for _ in slots]
        finals = config.schedule.final_episodes
        try:
            info = dataset_info(robots[0].spec, config.spaces)
            with console.status("looking at the reward and the demonstrations"):
                look_before(config, job.demonstrations(folder, config, info), console)
            with stoppable(console) as enough, watching(console, started, enough, finals) as watch:
                return job.train(folder, config, robots, watch)
        except (Stopped, KeyboardInterrupt):
            raise KeyboardInterrupt(kept(folder, config)) from None


def kept(folder: Path, config: TrainConfig) -> str:
    """What an interrupted run has learned and how to go on, in words."""
    if not (saved := load_newest(folder / "checkpoints")):
        return f"interrupted before anything was learned; go on with: twinarm resume {folder}"
    done = f"decision {saved[1].step} of {config.schedule.steps}, {saved[1].episodes} episodes"
    return f"saved at {done}; go on with: twinarm resume {folder}"


def look_before(config: TrainConfig, demos: Dataset | None, console: Console) -> None:
    """Audit reward and demonstrations, and warn of what training on them will lead to."""
    try:
        _, [verdict] = audit(config, [config.task.reward])
        mark = "" if verdict.sound else "[yellow]warning[/yellow]: "
        console.print(f"reward audit: {mark}{verdict.sentence()}", soft_wrap=True)
    except TwinarmError as error:
        console.print(f"reward audit: not done: {error}", soft_wrap=True)
    if demos is not None:
        warn(config, demos, console)


def tell(folder: Path, report: dict[str, Any], console: Console, as_json: bool) -> None:
    """The end of a run: its figures and where everything is."""
    if "after_cloning" in report:
        console.print(f"after cloning:       {sentence(report['after_cloning'])}", soft_wrap=True)
    console.print(f"after reinforcement: [bold]{sentence(report)}[/bold]", soft_wrap=True)
    if report["policy_step"] == 0:
        console.print("(on validation, reinforcement found nothing better than the clone, so that is the policy kept)")
    for name in ("report.md", "curves.png", "eval.mp4"):
        console.print(f"  {folder / name}", soft_wrap=True)
    if as_json:
        print(json.dumps(report | {"run": str(folder)}))
