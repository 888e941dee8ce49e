"""What `train`, `resume` and `demo` share: a run from its folder to its report."""

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from control.datasets import Dataset
from control.errors import UserError
from sim.stages import stage_name
from tools.progress import bar, counting, watching
from tools.robots import open_robot
from training import runs
from training.collect import dataset_info
from training.evaluate import sentence
from training.lift import load_reward
from training.report import conclude
from training.settings import TrainConfig
from training.train import Trainer


def check(config: TrainConfig) -> None:
    """Raises UserError for what would stop a run at its start: stage, reward, device or demonstrations."""
    stage_name(config.task.stage)
    load_reward(config.task.reward)
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"device is {config.device}, and this machine has no CUDA; use --set device=cpu")
    mode, path = config.bootstrap.mode, config.bootstrap.path
    if mode != "none" and path is None:
        raise UserError(f"bootstrap mode {mode} needs demonstrations; give --bootstrap FOLDER or mode none")
    if mode != "none":
        Dataset.open(Path(str(path)))


def start(config: TrainConfig, root: Path) -> Path:
    """A new run folder with its configuration in it."""
    folder = runs.begin(root, config.name)
    runs.write_config(folder, config)
    return folder


def train(folder: Path, robot: str, console: Console) -> dict[str, Any]:
    """Begin or continue the run in `folder`, then evaluate it. Returns the report.

    Raises:
        UserError: no run there, demonstrations that do not fit, or a robot that cannot be shared by environments.
    """
    torch.set_num_threads(1)  # a simulator shares the cores: a second thread waits more than it works
    config = runs.read_config(folder)
    check(config)
    with ExitStack() as stack:
        stack.enter_context(runs.alone(folder))
        robots = [stack.enter_context(closing(open_robot(robot, config.robot))) for _ in _slots(config, robot)]
        trainer = stack.enter_context(closing(Trainer(config, folder, robots, _demonstrations(config, robots[0].spec))))
        if trainer.step or trainer.cloned:
            console.print(
                f"going on at decision {trainer.step} of {config.schedule.steps}, {trainer.episodes} episodes kept"
            )
        try:
            with watching(console) as watch:
                trainer.run(watch)
        except KeyboardInterrupt:
            console.print(f"stopped at decision {trainer.step}; go on with: twinarm resume {folder}", soft_wrap=True)
            raise
        with bar(console, "evaluating", 2 * config.schedule.final_episodes) as tell:
            return conclude(folder, config, robots[0], trainer.seconds, counting(tell))


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


def _slots(config: TrainConfig, robot: str) -> range:
    if config.schedule.envs > 1 and robot != "sim":
        raise UserError(f"{robot} is one robot, schedule.envs is {config.schedule.envs}; use --set schedule.envs=1")
    return range(config.schedule.envs)


def _demonstrations(config: TrainConfig, spec: Any) -> Dataset | None:
    """The run's demonstrations. Raises UserError where the bootstrap needs some and has none."""
    if config.bootstrap.mode == "none":
        return None
    dataset = Dataset.open(Path(str(config.bootstrap.path)))
    dataset.require(dataset_info(spec, config.spaces))
    return dataset
