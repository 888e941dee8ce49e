"""Exploration: one environment's endless stream of episodes, a decision at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from control.interfaces import Judge, Robot
from control.loop import Step, play
from control.types import ResetRequest
from policies.actor import noisy
from policies.learned import LearnedPolicy, Network
from policies.repeat import Repeat
from policies.spaces import Spaces
from training.checkpoint import OpenEpisode
from training.settings import TrainConfig

Decide = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Stacked pixels (C, H, W) and proprioception (P,) to an action (A,) to be tried."""


LAPSE_DECISIONS = 5


def lapses(chance: float, action_size: int, decisions: int, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Decisions of an episode that are no policy's: at each, by `chance`, one random action begins and is held.

    What a policy never does it cannot learn to mend: noise of a step opens no gripper that has closed beside the cube.
    """
    lapsed: dict[int, np.ndarray] = {}
    for start in np.flatnonzero(rng.random(decisions) < chance).tolist():
        action = rng.uniform(-1, 1, action_size)
        lapsed |= dict.fromkeys(range(start, start + LAPSE_DECISIONS), action)
    return lapsed


def explored(
    network: Network, pixels: np.ndarray, proprio: np.ndarray, config: TrainConfig, step: int, rng: np.random.Generator
) -> np.ndarray:
    """What is tried at decision `step`: the network's action and noise, or anything at all at the random start."""
    action = network.act(pixels, proprio)
    if step < config.schedule.start_steps:
        return rng.uniform(-1, 1, action.shape)
    return noisy(action, config.agent.noise.at(step), rng)


class Recall:
    """A network whose first actions are remembered ones: an interrupted episode is lived through again.

    Args:
        lapsed: actions to take in its stead, by the number of the decision.
    """

    def __init__(self, decide: Decide, remembered: tuple[tuple[float, ...], ...], lapsed: Mapping[int, np.ndarray]):
        self._decide, self._lapsed = decide, lapsed
        self._known = dict(enumerate(map(np.array, remembered)))
        self.actions: list[tuple[float, ...]] = []

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        decision = len(self.actions)
        action = self._known.get(decision, self._lapsed.get(decision))
        if action is None:
            action = self._decide(pixels, proprio)
        self.actions.append(tuple(action.tolist()))
        return action


@dataclass(frozen=True)
class Rollout:
    """One episode in progress.

    Args:
        index: of the episode among all that this run began; its seed follows from it.
    """

    index: int
    network: Recall
    steps: list[Step]
    _stream: Iterator[Step]
    _repeat: int
    _limit_steps: int

    @classmethod
    def begin(
        cls,
        robot: Robot,
        spaces: Spaces,
        judge: Judge,
        request: ResetRequest,
        limit_steps: int,
        decide: Decide,
        lapsed: Mapping[int, np.ndarray],
        resume: OpenEpisode,
    ) -> "Rollout":
        """Start the episode `resume.index`, or go on where its remembered actions end."""
        network = Recall(decide, resume.actions, lapsed)
        policy = Repeat(LearnedPolicy(network, spaces), spaces)
        stream = play(robot, policy, judge, request, limit_steps)
        rollout = cls(resume.index, network, [], stream, spaces.config.action_repeat, limit_steps)
        for _ in resume.actions:
            rollout.decide()
        return rollout

    def decide(self) -> None:
        """Make one decision and live with it for its control steps, or until the episode ends."""
        self.steps.extend(islice(self._stream, self._repeat))

    @property
    def ended(self) -> bool:
        """The task is over, or the time."""
        return self.steps[-1].verdict.discount == 0 or len(self.steps) >= self._limit_steps

    @property
    def open(self) -> OpenEpisode:
        return OpenEpisode(self.index, tuple(self.network.actions))
