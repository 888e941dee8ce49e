"""`twinarm eval`: a policy on unseen resets."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from control.arm import Arm
from control.errors import UserError
from control.interfaces import Robot
from policies.tidying import begins_by_itself
from sim.stages import stage_name
from sim.wild import FACTORS
from tools.collect import workers
from tools.flags.eval import Arguments
from tools.person import ask_person
from tools.players import UNTAUGHT, player
from tools.progress import bar, counting
from tools.robots import FAST, fitting_config, open_robot, require_simulator
from training import runs, settings
from training.cluster import require_cluster
from training.evaluate import EVALUATION_SEED, Report, Scored, requests, sentence
from training.examination import Examination, examine
from training.lift import LiftTask, load_reward
from training.report import FILMED, shoot
from training.sensed import SensedLift
from training.settings import TaskConfig, TrainConfig
from training.teachers import SCRIPTS, Teacher

TABLE_WIDTH = 118


def main(arguments: Arguments) -> None:
    """Evaluate, print the table, keep it."""
    console = Console(stderr=True)
    if arguments.episodes < 1 or arguments.seed < 0:
        raise UserError(f"--episodes must be at least 1 and --seed 0, got {arguments.episodes} and {arguments.seed}")
    if arguments.wild or arguments.by_factor:
        require_simulator(arguments.robot, "--wild" if arguments.wild else "--by-factor")
    config = configured(arguments)
    processes = workers(arguments.robot, arguments.workers, arguments.episodes)
    if arguments.cluster is not None:
        require_cluster(arguments.cluster)
    judge, witness = referee(arguments, config), lift_task(config) if arguments.by_feel else None
    arguments.output.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    make_robot = robot_maker(arguments, config)
    make_player = partial(player, arguments.policy, config, any_calibration=arguments.any_calibration)

    def examined(task: TaskConfig, label: str) -> Report:
        resets = requests(task, EVALUATION_SEED + arguments.seed, arguments.episodes)
        model = config.robot.model
        examination = Examination(make_robot, make_player, judge, tuple(resets), task.limit_steps, model, witness)
        with bar(console, label, len(resets)) as tell:
            return examine(examination, processes, arguments.cluster, counting(tell))

    report = examined(config.task, "evaluating")
    folder = keep(arguments, report)
    factors = each_alone(by_factor(arguments, config.task), examined, folder)
    if arguments.video:
        film(folder / "eval.mp4", arguments, config)
    show(report, console)
    for name, found in factors.items():
        console.print(f"wild in {name}: {sentence(found)}", soft_wrap=True)
    console.print(f"{sentence(report.summary())}\n{folder}", soft_wrap=True)
    if arguments.json:
        alone = {"factors": factors} if factors else {}
        print(json.dumps(report.summary() | alone | {"stage": config.task.stage, "output": str(folder)}))


def robot_maker(arguments: Arguments, config: TrainConfig) -> Callable[[], Robot]:
    """What opens the robot, in whatever process evaluates. Raises UserError for a start that it cannot bring about."""
    if not arguments.own_reset:
        return partial(open_robot, arguments.robot, config.robot)
    if not begins_by_itself(config.task.stage, config.task.wild):
        raise UserError("--own-reset starts at home, in the world as it is; add --curriculum-stage home")
    script = "told" if arguments.policy == "told" else "sighted"
    return partial(open_tidying, arguments.robot, config, script)


def open_tidying(name: str, config: TrainConfig, script: str = "sighted", realtime: bool = False) -> Robot:
    """A robot that puts the cube back by itself, and asks whoever sits there where it sees none."""
    return Teacher.of(config, script).tidying(open_robot(name, config.robot, realtime), ask_person)


def referee(arguments: Arguments, config: TrainConfig) -> Scored:
    """Who says what a lift is."""
    if arguments.by_feel:
        return SensedLift(Arm.of(config.robot.model), config.robot.cube_m)
    return lift_task(config)


def lift_task(config: TrainConfig) -> LiftTask:
    """The judge who is told the truth."""
    return LiftTask(load_reward(config.task.reward), config.replay.gamma)


def by_factor(arguments: Arguments, task: TaskConfig) -> dict[str, TaskConfig]:
    """The task with no wild factor and with each alone, by what varies; none of them unless asked for."""
    if not arguments.by_factor:
        return {}
    alone = {name: (name,) for name in FACTORS}
    return {name: msgspec.structs.replace(task, wild=factors) for name, factors in {"nothing": (), **alone}.items()}


def configured(arguments: Arguments) -> TrainConfig:
    """The configuration to evaluate under: the named one, the run's, or the default."""
    flags = {
        "task.stage": arguments.curriculum_stage and stage_name(arguments.curriculum_stage),
        "robot.model": arguments.model,
        "task.wild": list(FACTORS) if arguments.wild else None,
        **settings.laid_at(arguments.cube),
    }
    if arguments.policy == "told" and arguments.cube is None:
        raise UserError("told takes the cube to lie where --cube says; give --cube x,y,yaw, as twinarm touch prints it")
    idle = [assignment for assignment in arguments.set if assignment.startswith("spaces.")]
    if idle and arguments.policy not in (*SCRIPTS, *UNTAUGHT):
        raise UserError(f"--set {idle[0]}: {arguments.policy} acts in the spaces that it learned in; leave it out")
    path = Path(arguments.policy)
    run = path if path.is_dir() else path.parent
    of_a_run = path.exists() and (run / runs.CONFIG).is_file()
    named = arguments.config or (str(run / runs.CONFIG) if of_a_run else None)
    return settings.load(fitting_config(arguments.robot, named, FAST), arguments.set, flags)


def film(path: Path, arguments: Arguments, config: TrainConfig) -> None:
    """The first episodes again, from three sides."""
    judge = referee(arguments, config)
    resets = requests(config.task, EVALUATION_SEED + arguments.seed, min(FILMED, arguments.episodes))
    with closing(robot_maker(arguments, config)()) as robot:
        policy = player(arguments.policy, config, robot, arguments.any_calibration)(resets[0].seed)
        shoot(path, robot, policy, judge, resets, config.task.limit_steps)


def each_alone(
    tasks: dict[str, TaskConfig], examined: Callable[[TaskConfig, str], Report], folder: Path
) -> dict[str, dict[str, Any]]:
    """The summary of each task by what varies in it, added to the report in `folder` as it comes.

    Raises:
        KeyboardInterrupt: saying how much is kept.
    """
    path, found = folder / "report.json", dict[str, dict[str, Any]]()
    part, whole = path.with_suffix(".part"), json.loads(path.read_text())
    try:
        for name, task in tasks.items():
            summary = examined(task, name).summary()
            part.write_text(json.dumps(whole | {"factors": found | {name: summary}}, indent=2) + "\n")
            part.replace(path)
            found[name] = summary
    except KeyboardInterrupt:
        kept = f"the evaluation and {len(found)} of {len(tasks)} factors alone are kept in {folder}"
        raise KeyboardInterrupt(f"interrupted; {kept}") from None
    return found


def keep(arguments: Arguments, report: Report) -> Path:
    """Write summary and episodes to a new folder."""
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    folder.mkdir(parents=True)
    summary = report.summary() | {"policy": arguments.policy, "arguments": asdict(arguments)}
    (folder / "report.json").write_text(json.dumps(summary, indent=2, default=str) + "\n")
    (folder / "episodes.json").write_text(json.dumps(report.table(), indent=1) + "\n")
    return folder


def show(report: Report, console: Console, most: int = 10) -> None:
    """The experiment's block for the first episodes."""
    console = Console(stderr=True, width=max(console.width, TABLE_WIDTH))
    table = Table(title=f"first {min(most, len(report.episodes))} episodes", title_justify="left")
    for name in (
        "seed",
        "result",
        "steps",
        "reward",
        "cube z min/max/final m",
        "grasping steps",
        "gripper min/max/mean rad",
    ):
        table.add_column(name, justify="right")
    for e in report.episodes[:most]:
        cube = f"{e.cube_z_min_m:.4f} / {e.cube_z_max_m:.4f} / {e.cube_z_final_m:.4f}"
        gripper = f"{e.gripper_min_rad:.3f} / {e.gripper_max_rad:.3f} / {e.gripper_mean_rad:.3f}"
        grasping = f"{e.grasping_steps} ({e.grasping_share:.0%})"
        table.add_row(str(e.seed), e.failure or "lifted", str(e.steps), f"{e.reward:.2f}", cube, grasping, gripper)
    console.print(table)
