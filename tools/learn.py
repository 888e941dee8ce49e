"""`twinarm learn`: learn from actors elsewhere, and send them the newest weights."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console

from control.errors import UserError
from control.keys import read_keys
from control.link import Listener
from sim.stages import stage_name
from tools.flags.learn import Arguments
from tools.progress import stoppable, watching
from tools.training import check, refuse_idle
from training import job, runs, settings
from training.exchange import LARGEST_PIECE
from training.live import LiveLearner, conclude, info_of
from training.settings import TrainConfig
from training.watch import Stopped

OF_A_NEW_ONE = ("config", "bootstrap", "curriculum_stage", "output", "set")  # flags


def main(arguments: Arguments) -> None:
    """Listen, learn until the schedule ends, tell how it went."""
    console = Console(stderr=True)
    torch.set_num_threads(1)  # whoever acts may share the cores
    keys = read_keys(arguments.keys) if arguments.keys else None
    with Listener(arguments.endpoint, keys, LARGEST_PIECE) as listener, run_of(arguments) as (folder, config, started):
        demonstrations = job.demonstrations(folder, config, info_of(config))
        console.print(f"run {folder}, for actors at {listener.endpoint}", soft_wrap=True)
        again = f"twinarm learn {arguments.endpoint} --run {folder}"
        try:
            with stoppable(console) as enough, watching(console, started, enough, 0) as watch:
                learner = LiveLearner(config, folder, demonstrations, watch)
                watch.started()
                learner.run(listener, watch)
        except Stopped as stopped:
            raise KeyboardInterrupt(f"saved at {stopped}; go on with: {again}") from None
    report = conclude(folder, learner.seconds)
    for name in ("first", "last"):
        part = report[name]
        interval = f"95 % interval {part['low']:.1%} to {part['high']:.1%}"
        console.print(f"the {name} {part['n']} episodes: {part['success']:.1%} lifted ({interval})")
    console.print(f"  {folder / 'policy.safetensors'}\n  {folder / 'curves.png'}", soft_wrap=True)
    if arguments.json:
        print(json.dumps(report | {"run": str(folder)}))


def refuse_meant_for_new(arguments: Arguments) -> None:
    """Raises UserError for a flag that a run which goes on could not heed."""
    idle = [name for name in OF_A_NEW_ONE if getattr(arguments, name) != getattr(Arguments, name)]
    if idle:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UserError(f"{flags}: a run that goes on keeps its own settings; leave it out, or leave --run out")


@contextmanager
def run_of(arguments: Arguments) -> Iterator[tuple[Path, TrainConfig, Callable[[], None]]]:
    """The run, of which this is the only process: its folder, its configuration, and what to call when it has begun.

    Raises:
        UserError: it is no run, or its configuration cannot be learned.
    """
    if arguments.run is not None:
        refuse_meant_for_new(arguments)
        folder = arguments.run.resolve()
        config = runs.read_config(folder)
        check(config)
        with runs.alone(folder):
            yield folder, config, lambda: None
        return
    flags = {
        "bootstrap.path": arguments.bootstrap and str(arguments.bootstrap.resolve()),
        "task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage),
    }
    config = settings.load(arguments.config, arguments.set, flags)
    refuse_idle(arguments.bootstrap, config)
    check(config)
    with runs.begun(arguments.output, config) as (folder, start), runs.alone(folder):
        yield folder, config, start
