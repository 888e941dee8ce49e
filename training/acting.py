"""Living through episodes by the clock with a learner's newest weights, and handing them over."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from control.errors import CameraError
from control.interfaces import Policy, Robot
from control.loop import Step, play
from control.types import Command, Observation
from policies.learned import LearnedPolicy
from policies.repeat import Repeat
from training.courier import Courier
from training.evaluate import Scored
from training.exchange import Lived
from training.rollout import Recall, explored, lapses
from training.settings import TrainConfig
from training.train import VARIED, first_seed

WAIT_S = 0.1
FAILURES = 3  # in a row


class Exploring:
    """The newest weights as a policy that tries things: noise on its actions, and lapses."""

    def __init__(self, courier: Courier, rng: np.random.Generator):
        self._courier, self._config, self._spaces, self._rng = courier, courier.card.config, courier.spaces, rng
        self.reset()

    def reset(self) -> None:
        chance, limit = self._config.agent.noise.lapses, self._config.schedule.explore_limit_steps
        lapsed = lapses(chance, self._spaces.action_size, limit, self._rng)
        network = Recall(self._try, (), lapsed)
        self._policy = Repeat(LearnedPolicy(network, self._spaces), self._spaces)

    def act(self, observation: Observation) -> Command:
        return self._policy.act(observation)

    def _try(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        return explored(self._courier.network, pixels, proprio, self._config, self._courier.step, self._rng)


@dataclass(frozen=True)
class Told:
    """What is told to those who look on, and asked of them."""

    step: Callable[[Step], None] = lambda step: None
    episode: Callable[[bool, int], None] = lambda success, steps: None
    failed: Callable[[str], None] = lambda why: None
    waiting: Callable[[str], None] = lambda why: None  # again and again while the arm stands


def act(robot: Robot, policy: Policy, judge: Scored, courier: Courier, rng: np.random.Generator, told: Told) -> None:
    """Live through one episode after another until the learner has had enough.

    The robot holds while there are no weights yet, and while nothing more can be kept for a learner that is lost. An
    episode in which the camera failed is nothing to learn from, and the next one begins.

    Raises:
        CameraError: it failed in several episodes in a row.
    """
    failed = 0
    while not courier.enough:
        if not courier.version or courier.full:
            told.waiting("for the first weights" if not courier.version else "for the learner: what is kept is full")
            time.sleep(WAIT_S)
            continue
        try:
            lived = episode(robot, policy, judge, courier.card.config, rng, told.step)
        except CameraError as error:
            failed += 1
            if failed == FAILURES:
                raise
            told.failed(f"{error}; the episode is dropped")
            continue
        failed = 0
        courier.deliver(lived)
        told.episode(lived.steps[-1].verdict.success, len(lived.steps))


def episode(
    robot: Robot,
    policy: Policy,
    judge: Scored,
    config: TrainConfig,
    rng: np.random.Generator,
    watch: Callable[[Step], None],
) -> Lived:
    """One episode, from a start that is drawn, not counted: nothing has to be agreed on between actors."""
    seed = first_seed(config) + int(rng.integers(VARIED))
    steps = []
    for step in play(robot, policy, judge, config.task.request(seed), config.schedule.explore_limit_steps):
        watch(step)
        steps.append(step)
    return Lived(secrets.token_hex(8), seed, robot.spec.calibration, tuple(steps))
