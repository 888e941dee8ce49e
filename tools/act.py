"""`twinarm act`: live through episodes on a robot with a learner's newest weights, and send them there."""

import json
from collections.abc import Sequence
from contextlib import ExitStack, closing

import numpy as np
import torch
from rich.console import Console

from control.errors import UserError
from control.interfaces import Robot
from policies.learned import require_calibration, require_fit
from policies.tidying import begins_by_itself
from tools.eval import open_tidying
from tools.flags.act import Arguments
from tools.robots import open_robot, punctual
from tools.run import referee
from tools.status_line import StatusLine
from tools.supervision import Supervision, supervised
from tools.timing import Watched, spent, times
from training.acting import Exploring, Told, act
from training.courier import Courier
from training.settings import TrainConfig


def main(arguments: Arguments) -> None:
    """Meet the learner, open the robot, act, tell."""
    console = Console(stderr=True)
    torch.set_num_threads(1)
    outcomes: list[bool] = []
    with ExitStack() as stack:
        line = stack.enter_context(closing(StatusLine()))
        line.show(f"waiting for the learner at {arguments.learner}")
        courier = stack.enter_context(closing(Courier(arguments.learner, line.tell)))
        config, notes = courier.card.config, courier.card.notes
        robot = stack.enter_context(closing(opened(arguments, config)))
        require_fit(notes, robot.spec, arguments.learner)
        if not arguments.any_calibration:
            require_calibration(notes, robot.spec, arguments.learner)
        refuse_untold_reward(config, robot)
        person = stack.enter_context(supervised(arguments.intervene, arguments.robot, robot, courier.spaces, line.tell))
        rng = np.random.default_rng()
        policy = Exploring(courier, rng)
        watched = Watched(person.policy(policy), lambda seen: None, lambda command: command)

        def lived(success: bool, steps: int) -> None:
            outcomes.append(success)
            recent = outcomes[-20:]
            line.show(f"{len(outcomes)} episodes, {sum(recent)} of the last {len(recent)} lifted")

        def conclude() -> None:
            line.show("")
            tell(arguments, console, spent(watched, policy), outcomes, person)

        stack.callback(conclude)  # however it ends
        told = Told(person.watch, lived, line.tell, lambda why: line.show(f"waiting {why}"))
        courier.start()
        stack.enter_context(punctual(robot, beside=arguments.intervene is not None))
        act(robot, watched, person.judge(referee(config, robot)), courier, rng, told)


def tell(
    arguments: Arguments,
    console: Console,
    stages: dict[str, tuple[float, ...]],
    outcomes: Sequence[bool],
    person: Supervision,
) -> None:
    """What the time went to, and what came of it."""
    lifted, steps, theirs = sum(outcomes), person.steps, person.by_person
    console.print(times(stages))
    beside = f", {theirs} of {steps} steps by a person" if arguments.intervene else ""
    console.print(f"{lifted} of {len(outcomes)} episodes lifted{beside}")
    if arguments.json:
        figures = {"episodes": len(outcomes), "lifted": lifted, "steps": steps, "by_person": theirs}
        print(json.dumps(figures | {"times_ms": stages}))


def opened(arguments: Arguments, config: TrainConfig) -> Robot:
    """The robot that the learner's run is for. Raises UserError for a start that it cannot bring about."""
    if not arguments.own_reset:
        return open_robot(arguments.robot, config.robot, realtime=True)
    if not begins_by_itself(config.task.stage, config.task.wild):
        raise UserError("--own-reset starts at home, in the world as it is; learn with --curriculum-stage home")
    return open_tidying(arguments.robot, config, realtime=True)


def refuse_untold_reward(config: TrainConfig, robot: Robot) -> None:
    """Raises UserError where the run's reward takes knowing the truth, and nobody knows it here."""
    if robot.truth() is None and config.task.reward != "sparse":
        raise UserError(
            f"by feel only a lift is told, and this run's reward is {config.task.reward}; learn with "
            "--set task.reward=sparse"
        )
