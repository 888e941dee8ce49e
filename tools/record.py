"""`twinarm record`: what a person does with an arm, as a dataset."""

import json
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

from control.arm import Arm
from control.datasets import Dataset
from control.deadman import DeadMan
from control.episodes import Provenance, code_commit
from control.errors import UserError
from control.interfaces import Judge, Robot
from control.loop import Step
from control.operating import Operator
from control.types import GRIPPER
from policies.human import SyntheticPerson
from policies.repeat import Repeat
from policies.spaces import Spaces
from policies.teleop import Teleoperated
from sim.stages import stage_name
from tools.flags.record import Arguments
from tools.operators import open_operator, require_speed
from tools.review import clip
from tools.robots import FAST, fitting_config, open_robot
from tools.status_line import StatusLine
from training import settings
from training.collect import dataset_info
from training.evaluate import TRAINING_SEED
from training.film import film_episode
from training.lift import LiftTask, load_reward
from training.recording import ELSEWHERE, Session
from training.sensed import SensedLift
from training.settings import TrainConfig

SYNTHETIC = "synthetic"


def main(arguments: Arguments) -> None:
    """Record what is missing."""
    config = configured(arguments)
    realtime = arguments.device != SYNTHETIC
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the terminal would be left without echo
    with (
        closing(StatusLine()) as line,
        closing(open_robot(arguments.robot, config.robot, realtime)) as robot,
        closing(operator(arguments, config, robot, line)) as person,
    ):
        dataset = Dataset.create(arguments.output, info_of(config, robot))
        if not arguments.any_calibration:
            dataset.require_calibration(robot.spec.calibration)
        session = session_of(arguments, config, robot, person, dataset, line)
        there = f"they are kept in {dataset.folder}, and the same command goes on from there"
        try:
            whole = session.record(arguments.episodes)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted after {len(dataset.indices())} episodes; {there}") from None
    figures = counted(dataset, arguments.episodes)
    ended = f"{figures['success']} of them successes: {dataset.folder}" if whole else there
    print(f"{figures['n']} of {arguments.episodes} episodes; {ended}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(figures | {"output": str(arguments.output)}))


def configured(arguments: Arguments) -> TrainConfig:
    """The configuration with the flags put in. Raises UserError for a flag out of range."""
    if not 1 <= arguments.episodes <= ELSEWHERE:
        raise UserError(f"--episodes must be 1 to {ELSEWHERE}, got {arguments.episodes}")
    if not 0 <= arguments.seed < TRAINING_SEED - ELSEWHERE:
        raise UserError(
            f"--seed {arguments.seed}: it must be 0 to {TRAINING_SEED - ELSEWHERE}; others are for training"
        )
    require_speed(arguments.speed)
    flags = {"task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage)}
    return settings.load(fitting_config(arguments.robot, arguments.config, FAST), arguments.set, flags)


def info_of(config: TrainConfig, robot: Robot) -> Any:
    """What all episodes of the dataset share."""
    task = config.task
    ranges = {name: list(getattr(task, name)) for name in ("cube_x_m", "cube_y_m", "cube_yaw_rad")}
    # An arm is what it is, whatever the task would have it be.
    wild = {"wild": " ".join(task.wild)} if task.wild and robot.spec.plant else {}
    return dataset_info(robot.spec, config.spaces, stage=stage_name(task.stage), reward=task.reward, **ranges, **wild)


def operator(arguments: Arguments, config: TrainConfig, robot: Robot, line: StatusLine) -> Operator:
    """Who is at the controls. Raises UserError where there is no such device."""
    if arguments.device == SYNTHETIC:
        if robot.truth() is None:
            raise UserError("--device synthetic sees by the truth, and this robot tells none; take sim or twin")
        asked_hz = robot.spec.hz / config.spaces.action_repeat
        return SyntheticPerson(robot.truth, asked_hz, np.random.default_rng(arguments.seed))
    return open_operator(arguments.device, arguments.robot, robot, line.tell)


def session_of(
    arguments: Arguments, config: TrainConfig, robot: Robot, person: Operator, dataset: Dataset, line: StatusLine
) -> Session:
    """All that is needed to record."""
    told = {"device": arguments.device, "who": arguments.who, "speed_m_s": f"{arguments.speed:g}"}
    noted = {name: value for name, value in told.items() if value}
    stage, calibration = stage_name(config.task.stage), robot.spec.calibration
    spaces = Spaces(config.spaces, Arm.of(config.robot.model))
    driver = Teleoperated(person, robot, spaces, arguments.speed, robot.spec.hz / config.spaces.action_repeat)
    return Session(
        robot=robot,
        policy=Repeat(driver, spaces),
        operator=person,
        judge=judge_of(config, robot),
        dataset=dataset,
        provenance=Provenance("teleop", 0, stage, config.digest, calibration, code_commit(), noted),
        task=config.task,
        limit_steps=max(1, round(arguments.limit_s * robot.spec.hz)),
        first_seed=arguments.seed,
        face=driver.face,
        show=shower(arguments, dataset, line),
        watch=watcher(line),
        stand=person.stand if isinstance(person, DeadMan) else lambda: None,
    )


def judge_of(config: TrainConfig, robot: Robot) -> Judge:
    """Who says what a lift is: by the truth where it is told, else by feel."""
    if robot.truth() is None:
        return SensedLift(Arm.of(config.robot.model), config.robot.cube_m)
    return LiftTask(load_reward(config.task.reward), config.replay.gamma)


def shower(arguments: Arguments, dataset: Dataset, line: StatusLine) -> Callable[[int], None]:
    """What shows a take that is to be reviewed: its clip, and how it went."""

    asked = ":" if arguments.device == SYNTHETIC else "; keep, redo or discard?"

    def show(index: int) -> None:
        at = clip(dataset, index)
        film_episode(at, dataset.read(index))
        result = dataset.outcome(index)
        label = "success" if result.success else "failure"
        line.tell(f"episode {index}: {label} after {result.time_s:.1f} s{asked} {at}")

    return show


def watcher(line: StatusLine) -> Callable[[Step], None]:
    """What shows a take while it is recorded."""

    def watch(step: Step) -> None:
        doing = "driven" if any(step.command.action) else "stands"
        line.show(f"recording, {doing}, gripper {np.degrees(step.after.joints_rad[GRIPPER]):.0f}°")

    return watch


def counted(dataset: Dataset, wanted: int) -> dict[str, Any]:
    """How many there are, how many succeeded, how long they take."""
    results = [dataset.outcome(index) for index in dataset.indices()]
    return {
        "n": len(results),
        "wanted": wanted,
        "success": sum(result.success for result in results),
        "seconds": round(sum(result.time_s for result in results), 1),
    }
