"""The lift as a Gymnasium environment, in front of any robot."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from control.arm import Arm
from control.deadman import DeadMan
from control.interfaces import Judge, Policy, Robot, Scenic
from control.operating import Operator
from control.types import Command, Observation, Verdict
from policies.intervention import Shared
from policies.spaces import Spaces
from training.evaluate import TRAINING_SEED, VALIDATION_SEED
from training.experience import earned
from training.lift import LiftTask, load_reward
from training.sensed import SensedLift
from training.settings import TrainConfig

VIEW, VIEW_HW = "front", (480, 640)
FELT_MOST = 20.0  # of what the arm feels, which is of order one; a bound that checkers want


class LiftEnv(gymnasium.Env[Any, np.ndarray]):
    """One step is one decision: an action (A,) in [-1, 1], kept for `spaces.action_repeat` control periods.

    An observation is {"pixels": (H, W, 3) uint8, "proprio": (P,) float32}: the newest picture and what the arm feels.
    It is `terminated` where the task ended, which is where it succeeded, and `truncated` where time ran out; `info`
    tells `success`, the reward's terms, `who` decided, "policy" or "person", and the `action` (A,) that was executed. A
    robot that tells no truth is judged by feel.

    Args:
        robot: it is closed with the environment.
        operator: with whom a person may take the arm from whoever calls `step`; closed with the environment.
        render_mode: None or "rgb_array".
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(
        self, robot: Robot, config: TrainConfig, render_mode: str | None = None, operator: Operator | None = None
    ):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be None or rgb_array, got {render_mode}")
        self.robot, self.config, self.render_mode = robot, config, render_mode
        self.spaces = Spaces(config.spaces, Arm.of(config.robot.model))
        self.metadata = self.metadata | {"render_fps": max(1, round(robot.spec.hz / config.spaces.action_repeat))}
        height, width = robot.spec.cameras[config.spaces.camera][1]
        felt = (self.spaces.proprio_size,)
        self.observation_space = Dict(
            {
                "pixels": Box(0, 255, (height, width, 3), np.uint8),
                "proprio": Box(-FELT_MOST, FELT_MOST, felt, np.float32),
            }
        )
        self.action_space = Box(-1, 1, (self.spaces.action_size,), np.float32)
        self._judge: Judge = LiftTask(load_reward(config.task.reward), config.replay.gamma)
        self._operator, self._caller = operator, Called(self.spaces)
        self._actor: Policy = self._caller
        if operator:
            stand = operator.stand if isinstance(operator, DeadMan) else None
            self._actor = Shared(self._caller, operator, robot, self.spaces, stand)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode: that of the given seed, else the next of those that training uses, by the last seed."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(TRAINING_SEED, VALIDATION_SEED)) if seed is None else seed
        self._actor.reset()
        self._seen, self._steps = self.robot.reset(self.config.task.request(drawn)), 0
        truth = self.robot.truth()
        if truth is None:
            self._judge = SensedLift(self.spaces.arm, self.config.robot.cube_m)
        self._judge.reset(self._seen, truth)
        return self._looked(), {"seed": drawn, "success": False}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Raises CommandRefused for an action that is not finite or of another size."""
        verdicts: list[Verdict] = []
        self._caller.action = np.asarray(action, np.float64)
        while len(verdicts) < self.config.spaces.action_repeat and not self._ended(verdicts):
            command, verdict = self._period()
            verdicts.append(verdict)
        last, executed = verdicts[-1], np.array(command.action, np.float32)
        info = {"success": last.success, "terms": dict(last.terms), "limited": self._seen.limited}
        info |= {"who": str(command.who), "action": executed}
        terminated = last.discount == 0
        return self._looked(), earned(verdicts), terminated, not terminated and self._ended(verdicts), info

    def _period(self) -> tuple[Command, Verdict]:
        command = self._actor.act(self._seen)
        self._seen, self._steps = self.robot.step(command), self._steps + 1
        return command, self._judge.judge(self._seen, command, self.robot.truth())

    def _ended(self, verdicts: list[Verdict]) -> bool:
        return bool(verdicts and verdicts[-1].discount == 0) or self._steps >= self.config.task.limit_steps

    def _looked(self) -> dict[str, np.ndarray]:
        felt = np.clip(self.spaces.proprio(self._seen), -FELT_MOST, FELT_MOST)
        return {"pixels": self.spaces.pixels(self._seen).copy(), "proprio": felt}

    def render(self) -> np.ndarray | None:
        """The scene from the front, (480, 640, 3) uint8; of a robot without one, what the policy sees."""
        if self.render_mode is None:
            return None
        if isinstance(self.robot, Scenic) and VIEW in self.robot.spec.scene_cameras:
            return self.robot.picture(VIEW, *VIEW_HW)
        return self.spaces.pixels(self._seen)

    def close(self) -> None:
        if self._operator:
            self._operator.close()
        self.robot.close()


class Called:
    """A policy that does what it was told last, for whoever calls `step`."""

    def __init__(self, spaces: Spaces):
        self._spaces, self.action = spaces, np.zeros(spaces.action_size)

    def reset(self) -> None:
        """Nothing is remembered."""

    def act(self, observation: Observation) -> Command:
        return self._spaces.command(self.action, observation)
