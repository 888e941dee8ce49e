"""Everything a run is made of, in one configuration file."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import PurePath
from typing import Any, Literal

import msgspec
import numpy as np

from control import config
from control.config import RobotConfig, require
from control.types import ResetRequest, Spawn
from policies.actor import NetConfig
from policies.known import place_of
from policies.spaces import SpacesConfig
from sim.stages import stage_name
from sim.wild import FACTORS
from training.agent_config import AgentConfig
from training.lift import load_reward


class TaskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of the robot."""

    stage: str = "near"  # curriculum stage, by name or by the experiment's number
    reward: str = "sparse"  # a name in configs/rewards.yaml
    limit_steps: int = 200  # control steps
    cube_x_m: tuple[float, float] = (0.16, 0.30)
    cube_y_m: tuple[float, float] = (-0.12, 0.12)
    cube_yaw_rad: tuple[float, float] = (-np.pi, np.pi)
    wild: tuple[str, ...] = ()  # what differs from one reset to the next besides: factors of wild.yaml

    def __post_init__(self) -> None:
        stage_name(self.stage)
        load_reward(self.reward)
        for name in ("cube_x_m", "cube_y_m"):
            require(
                max(map(abs, getattr(self, name))) < 1,
                f"{name} must be in metres, got {getattr(self, name)}; is it mm?",
            )
        require(
            max(map(abs, self.cube_yaw_rad)) < 7,
            f"cube_yaw_rad must be in radians, got {self.cube_yaw_rad}; is it degrees?",
        )
        for name in ("cube_x_m", "cube_y_m"):
            require(getattr(self, name)[0] <= getattr(self, name)[1], f"{name} must go from low to high")
        require(self.cube_yaw_rad[0] <= self.cube_yaw_rad[1], "cube_yaw_rad must go from low to high")
        unknown = [name for name in self.wild if name not in FACTORS]
        require(not unknown, f"no wild factor {', '.join(unknown)}; there are: {', '.join(FACTORS)}")
        require(1 <= self.limit_steps <= 10_000, f"limit_steps must be 1 to 10000, got {self.limit_steps}")

    def request(self, seed: int) -> ResetRequest:
        """The reset of that seed. Raises UserError for a stage that is none."""
        spawn = Spawn(self.cube_x_m, self.cube_y_m, self.cube_yaw_rad)
        return ResetRequest(stage_name(self.stage), seed, spawn, self.wild)


class BootstrapConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of the demonstrations."""

    mode: Literal["none", "seed", "balanced"] = "balanced"
    # none: they are not used. seed: they go once into the one uniform replay. balanced: they keep one of their own.
    demo_share: float = 0.5  # of every batch, when balanced
    path: str | None = None  # folder of the demonstrations; in "{run}/..." the run records its own
    clone_updates: int = 600  # updates of behaviour cloning before any reinforcement
    imitate_successes: bool = False  # add the agent's own successes to the demonstrations; for `balanced`
    shift_steps: int = 0  # looks are taken this many steps late, as the experiment's collector stored them: a fault
    variations: int = 0  # of each demonstration: in the looks of task.wild, and led astray on its way to the cube
    stray: float = 0.0  # how far astray: standard deviation in metres sideways per metre above the cube
    reaction_s: float = 0.2  # how late a person answers what they see; their labels are taken to be that much older
    clone_failures: bool = False  # also what failed demonstrations did; sound where their labels are a teacher's

    def __post_init__(self) -> None:
        require(0 <= self.demo_share <= 1, f"demo_share must be 0 to 1, got {self.demo_share}")
        require(0 <= self.variations <= 1000, f"variations must be 0 to 1000, got {self.variations}")
        require(0 <= self.stray <= 2, f"stray must be 0 to 2, got {self.stray}")
        require(0 <= self.reaction_s <= 1, f"reaction_s must be 0 to 1 second, got {self.reaction_s}; is it ms?")
        require(0 <= self.shift_steps <= 10, f"shift_steps must be 0 to 10, got {self.shift_steps}")


class ReplayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    capacity: int = 100_000  # frames
    n_step: int = 3
    gamma: float = 0.97  # per decision; at 10 Hz a second is worth 0.74
    batch: int = 128
    blur: float = 0.0  # noise on what the arm feels, in every batch; of order one is what it feels

    def __post_init__(self) -> None:
        require(0 <= self.blur < 1, f"blur must be 0 to 1, got {self.blur}")
        require(0 < self.gamma < 1, f"gamma must be between 0 and 1, got {self.gamma}")
        require(min(self.capacity, self.n_step, self.batch) >= 1, "capacity, n_step and batch must be at least 1")


class ScheduleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, how often; counted in decisions of the agent over all its environments."""

    steps: int = 4000
    envs: int = 1
    explore_limit_steps: int = 80  # control steps after which an exploring episode is cut; a time limit, not an end
    start_steps: int = 0  # uniformly random decisions before the first update
    updates_per_step: float = 1.0
    eval_every: int = 1000
    eval_episodes: int = 20
    checkpoint_every: int = 500
    final_episodes: int = 100

    def __post_init__(self) -> None:
        require(self.envs >= 1 and self.steps >= 0, "envs must be at least 1 and steps not negative")
        require(
            min(self.explore_limit_steps, self.final_episodes) >= 1,
            "explore_limit_steps and final_episodes must be at least 1",
        )
        require(self.updates_per_step > 0, f"updates_per_step must be positive, got {self.updates_per_step}")
        require(
            min(self.eval_every, self.eval_episodes, self.checkpoint_every) >= 1,
            "eval_every, eval_episodes and checkpoint_every must be at least 1",
        )


class DemosConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `collect` and `demo` record for this run."""

    script: Literal["scripted", "sighted", "told", "crude"] = "scripted"
    cube_rgb: tuple[float, float, float] = (0.85, 0.1, 0.1)  # of the cube that `sighted` looks for
    episodes: int = 20
    noise: float = 0.3  # of the executed action, in action units; the label stays clean
    limit_steps: int = 80
    spread: bool = False  # lay the cube evenly over task's ranges rather than at random: few draws leave gaps

    def __post_init__(self) -> None:
        require(self.limit_steps >= 1, f"limit_steps must be at least 1, got {self.limit_steps}")
        require(self.episodes >= 1, f"episodes must be at least 1, got {self.episodes}")
        require(self.episodes <= 100_000, f"episodes must be at most 100000, got {self.episodes}")
        require(self.noise >= 0, f"noise must not be negative, got {self.noise}")
        crude = self.script == "crude"
        require(not (crude and self.noise), "the crude script is open-loop and knows no clean label; set noise 0")


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run."""

    name: str
    seed: int = 0
    device: str = "cpu"
    run_on: str = "sim"  # the robot: sim, or the endpoint of a served one
    robot: RobotConfig = RobotConfig()
    spaces: SpacesConfig = SpacesConfig()
    task: TaskConfig = TaskConfig()
    demos: DemosConfig = DemosConfig()
    net: NetConfig = NetConfig()
    agent: AgentConfig = AgentConfig()
    replay: ReplayConfig = ReplayConfig()
    bootstrap: BootstrapConfig = BootstrapConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    def __post_init__(self) -> None:
        longest = max(self.schedule.explore_limit_steps, self.demos.limit_steps)
        name, frames = PurePath(self.name), 1 + ceil(longest / self.spaces.action_repeat)
        require(
            bool(name.parts) and not name.is_absolute() and ".." not in name.parts,
            f"name must name a folder inside the output, got {self.name!r}",
        )
        require(self.seed >= 0, f"seed must not be negative, got {self.seed}")
        require(bool(re.fullmatch(r"cpu|cuda(:\d+)?", self.device)), f"device must be cpu or cuda, got {self.device}")
        require(
            self.replay.capacity >= frames,
            f"replay.capacity is {self.replay.capacity} frames, an episode takes up to {frames}; make it larger",
        )
        require(
            self.robot.camera_px == self.spaces.camera_px,
            f"robot.camera_px is {self.robot.camera_px} and spaces.camera_px {self.spaces.camera_px}; make them equal",
        )

    @property
    def plain(self) -> dict[str, Any]:
        """These values as a JSON file would give them back."""
        return msgspec.json.decode(msgspec.json.encode(self))

    @property
    def digest(self) -> str:
        """Short name of all these values together."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:12]


def load(name: str, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> TrainConfig:
    """The configuration file `name` with overrides and flags put in. Raises ConfigError naming the key at fault."""
    values = config.override(config.read(name), assignments, flags)
    task = values.get("task")
    if isinstance(task, dict) and isinstance(task.get("stage"), int):  # YAML takes the experiment's 3 for a number
        task["stage"] = stage_name(str(task["stage"]))
    return config.build(TrainConfig, values, name)


def laid_at(cube: str | None) -> dict[str, list[float]]:
    """The task's settings, by dotted name, for a cube that always lies in one place (see known.FORM); none without."""
    if cube is None:
        return {}
    names = ("task.cube_x_m", "task.cube_y_m", "task.cube_yaw_rad")
    return {name: [value, value] for name, value in zip(names, place_of(cube), strict=True)}
