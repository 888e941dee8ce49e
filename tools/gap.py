"""`twinarm gap`: why a policy is not on an arm what it was in the simulator, one cause at a time."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from control.actuators import actuator
from control.config import RobotConfig
from control.errors import UserError
from control.interfaces import Robot
from control.loop import Step
from control.types import GRIPPER, Command, Observation, ResetRequest
from sim.robot import SimRobot
from tools.eval import configured, lift_task
from tools.flags.eval import Arguments as Evaluation
from tools.flags.gap import Arguments
from tools.lockstep import LockstepTwin
from tools.players import player
from tools.progress import bar
from tools.robots import open_robot
from tools.world import BACKLASH_RAD
from training.evaluate import EVALUATION_SEED, EpisodeResult, evaluate, requests
from training.settings import TrainConfig

SETTLING = 5  # periods in which an arm that was put somewhere sinks to where its servos hold it
LATE_S = 0.02  # of a command: half a driver's cycle, the bus, and half a cycle until it is seen to have moved
PICTURE_S = 0.07  # a USB camera's lag of 35 ms, half its period of 33 and what it takes to be read, in whole ticks
FITTED = {"kp": 43.0, "lead_s": 0.006}  # twinarm sysid --robot twin; play and delay are causes of their own


@dataclass(frozen=True)
class Row:
    """What came of one of them."""

    cause: str
    lifted: int
    n: int
    median_s: float | None
    lag_ms: float  # by which the joints trail their targets while these move
    off_deg: float  # rms of joint less target, the five joints of the arm
    sag_deg: float  # of it, what stays when nothing moves: the joint where it is most
    picture_ms: float  # how old a picture was when it was acted upon, as far as the robot knows


@dataclass(frozen=True)
class Cause:
    """What is other than in the simulator: numbers of the servos', the picture's way, and what stands in between."""

    servo: Mapping[str, float] = field(default_factory=dict)
    render: Literal["direct", "exact"] | None = None
    behind: tuple[type["Behind"], ...] = ()


class Behind:
    """A simulated arm, and something between it and who drives it."""

    def __init__(self, robot: Robot):
        self._robot = robot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)


class LateEyed(Behind):
    """Its pictures are those of the period before."""

    def reset(self, request: ResetRequest) -> Observation:
        seen = self._robot.reset(request)
        self._frames = seen.frames
        return seen

    def step(self, command: Command) -> Observation:
        seen = self._robot.step(command)
        before, self._frames = self._frames, seen.frames
        return replace(seen, frames=before)


class Sagged(Behind):
    """It has been let sink to where its servos hold it before an episode begins."""

    def reset(self, request: ResetRequest) -> Observation:
        seen = self._robot.reset(request)
        for _ in range(SETTLING):
            seen = self._robot.step(Command(seen.target_rad, seen.seq))
        return seen


ALONE = {
    "the simulator": Cause(),
    f"commands {1e3 * LATE_S:.0f} ms late": Cause({"delay_s": LATE_S}),
    "half a degree of play": Cause({"backlash_rad": BACKLASH_RAD}),
    "servos as sysid fits the twin's": Cause(FITTED),
    "pictures by way of 640x480": Cause(render="exact"),
    "pictures a period late": Cause(behind=(LateEyed,)),
    "sagged when it begins": Cause(behind=(Sagged,)),
}
TOGETHER = Cause(
    {name: value for cause in ALONE.values() for name, value in cause.servo.items()}, "exact", (LateEyed, Sagged)
)


def main(arguments: Arguments) -> None:
    """Print a row as it comes."""
    if any(assignment.startswith("task.wild=") for assignment in arguments.set):
        raise UserError("gap changes one thing at a time, and nothing is wild besides; leave --set task.wild out")
    config = configured(Evaluation(arguments.policy, set=arguments.set))
    console, rows = Console(stderr=True), []
    robots: dict[str, Callable[[], Robot]] = {
        cause: partial(simulated, what, config.robot) for cause, what in ALONE.items()
    }
    robots["all of these"] = partial(simulated, TOGETHER, config.robot)
    robots["the twin, in lock-step"] = partial(LockstepTwin, config.robot, PICTURE_S)
    robots["the same, its pictures fresh"] = partial(LockstepTwin, config.robot, 0.0)
    robots[arguments.robot] = partial(open_robot, arguments.robot, config.robot)
    if unknown := [name for name in arguments.only if name not in robots]:
        raise UserError(f"no row {unknown[0]}; there are: {', '.join(robots)}")
    for cause, opened in robots.items():
        if arguments.only and cause not in arguments.only:
            continue
        with closing(opened()) as robot:
            rows.append(row(cause, robot, config, arguments, console))
        if arguments.json:
            print(json.dumps(asdict(rows[-1])), flush=True)
    console.print(table(rows))


def simulated(cause: Cause, config: RobotConfig) -> Robot:
    """The simulated arm with that changed."""
    servo = msgspec.structs.replace(actuator(config.profile), **cause.servo)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "servos.yaml"
        path.write_text(yaml.safe_dump(msgspec.to_builtins(servo)))
        changed = msgspec.structs.replace(config, profile=str(path), render=cause.render or config.render)
        robot: Robot = SimRobot(changed)
    for behind in cause.behind:
        robot = behind(robot)
    return robot


def row(cause: str, robot: Robot, config: TrainConfig, arguments: Arguments, console: Console) -> Row:
    """Run the policy on it, with nothing wild, whatever was when it learned.

    How the arm followed is told of the lifts alone, for what pushes at the table does not.
    """
    steps: list[Step] = []
    under_way: list[Step] = []
    policy = player(arguments.policy, config, robot)(0)
    resets = requests(msgspec.structs.replace(config.task, wild=()), EVALUATION_SEED, arguments.episodes)

    def ended(result: EpisodeResult) -> None:
        steps.extend(under_way if result.success else ())
        under_way.clear()
        tell(result.success)

    with bar(console, cause, len(resets)) as tell:
        report = evaluate(robot, policy, lift_task(config), resets, config.task.limit_steps, under_way.append, ended)
    lag_s, off_rad, sag_rad = followed(steps, robot.spec.hz)
    ages_s = [step.before.stamp_s - frame.stamp_s for step in steps for frame in step.before.frames.values()]
    return Row(
        cause=cause,
        lifted=report.successes,
        n=len(report.episodes),
        median_s=report.median_time_s,
        lag_ms=1e3 * lag_s,
        off_deg=float(np.degrees(off_rad)),
        sag_deg=float(np.degrees(np.abs(sag_rad).max())),
        picture_ms=1e3 * float(np.mean(ages_s)) if ages_s else np.nan,
    )


def followed(steps: Sequence[Step], hz: float) -> tuple[float, float, np.ndarray]:
    """How the arm's joints (A,) followed: by how many seconds they trail, their error's rms, and what of it stays
    when nothing moves (A,); nan without any steps.

    A joint that trails is off by its speed times the lag; the rest of its mean is sag.
    """
    if not steps:
        return np.nan, np.nan, np.full(GRIPPER, np.nan)
    off = np.array([(step.after.joints_rad - step.after.target_rad)[:GRIPPER] for step in steps])
    speed = hz * np.array([(step.after.target_rad - step.before.target_rad)[:GRIPPER] for step in steps])
    moves, varies = speed - speed.mean(axis=0), off - off.mean(axis=0)
    lag_s = -float((moves * varies).sum() / (moves**2).sum())
    return lag_s, float(np.sqrt((off**2).mean())), (off + lag_s * speed).mean(axis=0)


def table(rows: Sequence[Row]) -> Table:
    """One line for each cause."""
    heads = ("", "lifted", "median s", "lag ms", "off deg rms", "sag deg", "picture ms")
    shown = Table(*heads, box=None)
    for one in rows:
        median = "-" if one.median_s is None else f"{one.median_s:.2f}"
        numbers = (one.lag_ms, one.off_deg, one.sag_deg, one.picture_ms)
        shown.add_row(one.cause, f"{one.lifted} of {one.n}", median, *(f"{number:.2g}" for number in numbers))
    return shown
