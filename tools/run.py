"""`twinarm run`: a policy on a robot, from a checkpoint to a lift in one command."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import numpy as np
from rich.console import Console
from rich.table import Table

from control.arm import Arm
from control.errors import UserError
from control.interfaces import Policy, Robot
from control.types import Command, Observation
from policies.learned import Notes, require_start
from policies.remote import RemotePolicy
from tools.eval import configured, lift_task, open_tidying
from tools.flags.eval import Arguments as EvalArguments
from tools.flags.run import Arguments
from tools.person import await_enter
from tools.players import played
from tools.robots import open_robot
from training.evaluate import EVALUATION_SEED, EpisodeResult, evaluate, requests, sentence
from training.sensed import SensedLift
from training.settings import TrainConfig

NOBODY = "with --step somebody must press Enter for every action; run it in a terminal"


class Watched:
    """A policy by the clock: it acts, and when and for how long is remembered.

    Args:
        begin: called with an episode's first observation, before anything moves.
        ask: called with every command before it is given away.
    """

    def __init__(self, policy: Policy, begin: Callable[[Observation], None], ask: Callable[[Command], None]):
        self._policy, self._begin, self._ask = policy, begin, ask
        self._since_s: float | None = None
        self.acting_s: list[float] = []
        self.ticks_s: list[float] = []  # from one action to the next
        self.robot_s: list[float] = []  # of it, until the next observation was there and judged

    def reset(self) -> None:
        self._policy.reset()
        self._since_s = None

    def act(self, observation: Observation) -> Command:
        now_s = time.perf_counter()
        if self._since_s is None:
            self._begin(observation)
        else:
            self.ticks_s.append(now_s - self._since_s)
            self.robot_s.append(self.ticks_s[-1] - self.acting_s[-1])
        self._since_s = now_s
        command = self._policy.act(observation)
        self.acting_s.append(time.perf_counter() - now_s)
        self._ask(command)
        return command


def main(arguments: Arguments) -> None:
    """Open, act, judge, tell."""
    console = Console(stderr=True)
    if arguments.episodes < 1 or arguments.seed < 0:
        raise UserError(f"--episodes must be at least 1 and --seed 0, got {arguments.episodes} and {arguments.seed}")
    chosen = {
        name: getattr(arguments, name) for name in ("policy", "robot", "curriculum_stage", "config", "set", "cube")
    }
    config = configured(EvalArguments(**chosen))
    with closing(opened(arguments, config)) as robot, ExitStack() as afterwards:
        play, notes = played(arguments.policy, config, robot, arguments.any_calibration)
        policy = play(EVALUATION_SEED + arguments.seed)
        if isinstance(policy, RemotePolicy):
            afterwards.callback(policy.close)
        watched = Watched(policy, gate(arguments, notes), asking(arguments))
        judge = lift_task(config) if robot.truth() is not None else SensedLift(Arm.of(None), config.robot.cube_m)
        resets = requests(config.task, EVALUATION_SEED + arguments.seed, arguments.episodes)

        def told(result: EpisodeResult) -> None:
            console.print(f"start {result.seed}: {result.failure or 'lifted'} after {result.time_s:.1f} s")

        report = evaluate(robot, watched, judge, resets, config.task.limit_steps, done=told)
    stages = spent(watched, policy)
    console.print(times(stages))
    console.print(sentence(report.summary()), soft_wrap=True)
    if arguments.json:
        print(json.dumps(report.summary() | {"times_ms": stages}))


def opened(arguments: Arguments, config: TrainConfig) -> Robot:
    """The robot, tidying up by itself where that was asked for."""
    if arguments.own_reset:
        return open_tidying(arguments.robot, config, "told" if arguments.policy == "told" else "sighted")
    return open_robot(arguments.robot, config.robot)


def gate(arguments: Arguments, notes: Notes | None) -> Callable[[Observation], None]:
    """What lets an episode begin: an arm that stands where the policy knows its way."""

    def check(observation: Observation) -> None:
        if notes is not None and not arguments.any_start:
            require_start(notes, observation.joints_rad)

    return check


def asking(arguments: Arguments) -> Callable[[Command], None]:
    """What lets a command go: with --step, somebody's Enter."""

    def ask(command: Command) -> None:
        if arguments.step:
            await_enter(f"action {np.round(command.action, 2).tolist()}.", NOBODY)

    return ask


def spent(watched: Watched, policy: Policy) -> dict[str, tuple[float, ...]]:
    """What a tick went to, by stage: milliseconds, p50, p99 and the longest."""
    stages = {"tick": watched.ticks_s, "robot": watched.robot_s, "policy": watched.acting_s}
    if isinstance(policy, RemotePolicy):
        timing = policy.timing
        stages |= {"  asked": timing.asked_s, "  inferred": timing.inferred_s, "picture's age": timing.age_s}
    return {
        name: (*(round(1e3 * float(np.percentile(rows, share)), 2) for share in (50, 99)), round(1e3 * max(rows), 2))
        for name, rows in stages.items()
        if rows
    }


def times(stages: dict[str, tuple[float, ...]]) -> Table:
    """For people."""
    table = Table("ms", "p50", "p99", "longest", box=None)
    for name, row in stages.items():
        table.add_row(name, *(f"{value:.1f}" for value in row))
    return table
