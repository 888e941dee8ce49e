"""Exploration: one environment's endless stream of episodes, a decision at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from control.interfaces import Judge, Robot
from control.loop import Step, play
from control.types import ResetRequest
from policies.learned import LearnedPolicy
from policies.repeat import Repeat
from policies.spaces import Spaces
from training.checkpoint import OpenEpisode

Decide = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Stacked pixels (C, H, W) and proprioception (P,) to an action (A,) to be tried."""


class Recall:
    """A network whose first actions are remembered ones: an interrupted episode is lived through again."""

    def __init__(self, decide: Decide, remembered: tuple[tuple[float, ...], ...]):
        self._decide, self._remembered = decide, list(remembered)
        self.actions: list[tuple[float, ...]] = []

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        known = len(self.actions) < len(self._remembered)
        action = np.array(self._remembered[len(self.actions)]) if known else self._decide(pixels, proprio)
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
        resume: OpenEpisode,
    ) -> "Rollout":
        """Start the episode `resume.index`, or go on where its remembered actions end."""
        network = Recall(decide, resume.actions)
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
