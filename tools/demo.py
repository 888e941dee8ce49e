"""`twinarm demo`: the main job, from nothing to a film."""

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from sim.stages import stage_name
from tools import collect, training
from training import runs, settings


@dataclass(frozen=True)
class Arguments:
    """Collect demonstrations, clone them, improve by reinforcement, evaluate on unseen resets, film."""

    stage: str = "near"
    """Where an episode starts: home, lifted, grasped, near, far, or 0 to 4."""

    config: str | None = None
    """Configuration; default: lift_fast.yaml, and lift_home.yaml for the stages home and far."""

    seed: int = 0
    """Of everything random."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    output: Path = Path("runs")
    """The run goes to OUTPUT/<name>/<date>/; OUTPUT/latest points at it."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Run the whole job in a new folder."""
    console, started = Console(stderr=True), time.monotonic()
    stage = stage_name(arguments.stage)
    name = arguments.config or ("lift_home.yaml" if stage in ("home", "far") else "lift_fast.yaml")
    config = settings.load(name, flags={"task.stage": stage, "seed": arguments.seed})
    if before := runs.earlier(arguments.output, config.name):
        console.print(f"{len(before)} earlier runs stay where they are; the first is {before[0]}", soft_wrap=True)
    folder = runs.begin(arguments.output, config.name)
    console.print(f"run {folder}", soft_wrap=True)
    demos, first_seed = folder / "demonstrations", arguments.seed * config.demos.episodes
    collect.main(collect.Arguments(demos, config=name, curriculum_stage=stage, seed=first_seed, robot=arguments.robot))
    bootstrap = msgspec.structs.replace(config.bootstrap, path=str(demos.resolve()))
    runs.write_config(folder, msgspec.structs.replace(config, bootstrap=bootstrap))
    report = training.train(folder, arguments.robot, console)
    training.tell(folder, report, console, arguments.json)
    console.print(f"{time.monotonic() - started:.0f} s in all")
