"""`twinarm run`: a policy on a robot, from a checkpoint to a lift in one command."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace

import numpy as np
from rich.console import Console

from control.arm import Arm
from control.datasets import Dataset
from control.diary import Diary, written
from control.episodes import Provenance, code_commit
from control.errors import UserError
from control.interfaces import Robot
from control.loop import Step
from control.types import Command, Observation
from policies.learned import Notes, require_start
from policies.remote import RemotePolicy
from policies.spaces import Spaces
from tools.eval import configured, lift_task, open_tidying
from tools.flags.eval import Arguments as EvalArguments
from tools.flags.run import Arguments
from tools.person import await_enter
from tools.players import played
from tools.robots import open_robot, punctual
from tools.supervision import supervised
from tools.timing import Watched, spent, times
from training.collect import dataset_info
from training.evaluate import EVALUATION_SEED, EpisodeResult, Scored, evaluate, requests, sentence
from training.sensed import SensedLift
from training.settings import TrainConfig

NOBODY = "with --step somebody must press Enter for every action; run it in a terminal"


def main(arguments: Arguments) -> None:
    """Open, act, judge, tell."""
    console = Console(stderr=True)
    if arguments.episodes < 1 or arguments.seed < 0:
        raise UserError(f"--episodes must be at least 1 and --seed 0, got {arguments.episodes} and {arguments.seed}")
    if arguments.step and arguments.intervene:
        raise UserError("--step and --intervene both read this terminal; leave one of the two out")
    chosen = {
        name: getattr(arguments, name) for name in ("policy", "robot", "curriculum_stage", "config", "set", "cube")
    }
    config = configured(EvalArguments(**chosen))
    with ExitStack() as stack:
        robot = stack.enter_context(closing(opened(arguments, config)))
        play, notes = played(arguments.policy, config, robot, arguments.any_calibration, arguments.ahead)
        policy = play(EVALUATION_SEED + arguments.seed)
        if isinstance(policy, RemotePolicy):
            stack.callback(policy.close)
        spaces = Spaces(notes.spaces if notes else config.spaces, Arm.of(config.robot.model))
        person = stack.enter_context(supervised(arguments.intervene, arguments.robot, robot, spaces, console.print))
        diary = stack.enter_context(diary_of(arguments, config, robot, spaces))
        results: list[EpisodeResult] = []
        resets = requests(config.task, EVALUATION_SEED + arguments.seed, arguments.episodes)

        def watch(step: Step) -> None:
            if diary:
                diary.add(step)
            person.watch(step)

        def told(result: EpisodeResult) -> None:
            results.append(result)
            if diary:
                diary.finish(result.success)
            console.print(f"start {result.seed}: {result.failure or 'lifted'} after {result.time_s:.1f} s")

        watched = Watched(person.policy(policy), gate(arguments, notes), asking(arguments, robot, spaces))
        judge = person.judge(referee(config, robot))
        stack.enter_context(punctual(robot, beside=arguments.intervene is not None))
        try:
            report = evaluate(robot, watched, judge, resets, config.task.limit_steps, watch, told)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(cut_short(arguments, results)) from None
    stages = spent(watched, policy)
    console.print(times(stages))
    console.print(sentence(report.summary()), soft_wrap=True)
    if person.by_person:
        console.print(f"a person acted in {person.by_person} of {person.steps} steps")
    if arguments.json:
        print(json.dumps(report.summary() | {"times_ms": stages, "steps": person.steps, "by_person": person.by_person}))


def cut_short(arguments: Arguments, results: list[EpisodeResult]) -> str:
    """What there is of an evaluation that was interrupted."""
    lifted = f"{sum(result.success for result in results)} of {len(results)} episodes lifted"
    return f"interrupted; {lifted}" + (f", and kept in {arguments.output}" if arguments.output and results else "")


def referee(config: TrainConfig, robot: Robot) -> Scored:
    """Who says what a lift is: the truth where it is known, else what is felt."""
    if robot.truth() is not None:
        return lift_task(config)
    return SensedLift(Arm.of(config.robot.model), config.robot.cube_m)


def diary_of(
    arguments: Arguments, config: TrainConfig, robot: Robot, spaces: Spaces
) -> AbstractContextManager[Diary | None]:
    """What keeps the episodes; nothing without --output. Raises DatasetError where an arm calibrated otherwise did."""
    if arguments.output is None:
        return nullcontext()
    first, stage, calibration, commit = arguments.seed, config.task.stage, robot.spec.calibration, code_commit()

    def source(number: int) -> Provenance:
        seed, of = EVALUATION_SEED + first + number, {"policy": arguments.policy}
        return Provenance("policy", seed, stage, config.digest, calibration, commit, of)

    dataset = Dataset.create(arguments.output, dataset_info(robot.spec, spaces.config))
    if not arguments.any_calibration:
        dataset.require_calibration(calibration)
    return written(dataset, source)


def opened(arguments: Arguments, config: TrainConfig) -> Robot:
    """The robot, tidying up by itself where that was asked for."""
    in_real_time = arguments.ahead or arguments.intervene is not None  # else a simulator is done before anybody answers
    if arguments.own_reset:
        script = "told" if arguments.policy == "told" else "sighted"
        return open_tidying(arguments.robot, config, script, in_real_time)
    return open_robot(arguments.robot, config.robot, in_real_time)


def gate(arguments: Arguments, notes: Notes | None) -> Callable[[Observation], None]:
    """What lets an episode begin: an arm that stands where the policy knows its way."""

    def check(observation: Observation) -> None:
        if notes is not None and not arguments.any_start:
            require_start(notes, observation.joints_rad)

    return check


def asking(arguments: Arguments, robot: Robot, spaces: Spaces) -> Callable[[Command], Command]:
    """What lets a command go: with --step, somebody's Enter. By then it answers what is long ago, and an arm that was
    active meanwhile would take it for a late one's: so the arm halts, and the action starts from where it stands."""

    def ask(command: Command) -> Command:
        robot.halt()
        await_enter(f"action {np.round(command.action, 2).tolist()}.", NOBODY)
        again = spaces.command(np.array(command.action), robot.observe())
        return replace(again, label=command.label, who=command.who)

    return ask if arguments.step else lambda command: command
