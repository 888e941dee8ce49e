"""Episodes as learning sees them: from what was recorded to arrays of decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from control.episodes import Episode
from control.interfaces import Judge
from control.loop import Step
from control.types import Observation, Verdict, Who
from policies.spaces import Spaces
from training.lift import AFTER, BEFORE
from training.replay import EpisodeArrays

Recorded = TypeVar("Recorded", Episode, EpisodeArrays)


@dataclass(frozen=True)
class Row:
    """One control step: what was done, what was meant, and the word on it."""

    action: tuple[float, ...]
    label: tuple[float, ...]
    verdict: Verdict
    who: Who


def from_steps(steps: Sequence[Step], spaces: Spaces) -> EpisodeArrays:
    """The episode that a robot has just been through."""
    rows = [
        Row(step.command.action, step.command.label or step.command.action, step.verdict, step.command.who)
        for step in steps
    ]
    return _arrays([steps[0].before, *(step.after for step in steps)], rows, spaces)


def from_episode(episode: Episode, spaces: Spaces, judge: Judge) -> EpisodeArrays:
    """A recorded episode, judged anew by `judge` where the truth was recorded, else with the rewards it has."""
    observations = [episode.observation(t) for t in range(len(episode) + 1)]
    judge.reset(observations[0], episode.truth_at(0))
    rows = []
    for t in range(len(episode)):
        verdict, command = episode.verdict(t), episode.command(t)
        if episode.truth is not None:
            verdict = judge.judge(observations[t + 1], command, episode.truth_at(t + 1))
        rows.append(Row(command.action, command.label, verdict, command.who))
        if verdict.discount == 0:
            break
    return _arrays(observations[: len(rows) + 1], rows, spaces)


def pauses(episode: EpisodeArrays | Episode) -> np.ndarray:
    """Where a person who had the arm let it stand: (T,) bool. That is nothing to learn to do."""
    return episode.by_person & ~episode.label.any(axis=1)


def answered(episode: Recorded, steps: int) -> Recorded:
    """The episode with a person's labels beside the looks that they answered, `steps` of its rows before what they did;
    at the end of their turn the last one. What was executed stays where it was."""
    turn, every = np.cumsum(~episode.by_person), np.arange(len(episode.by_person))
    rows = every
    for later in range(1, steps + 1):
        ahead = np.minimum(every + later, every[-1])
        rows = np.where(episode.by_person & (turn[ahead] == turn), ahead, rows)
    return replace(episode, label=episode.label[rows])


def parts(episode: EpisodeArrays, wanted: np.ndarray) -> list[EpisodeArrays]:
    """The unbroken stretches of the decisions that are `wanted`, (T,) bool."""
    edges = np.flatnonzero(np.diff(wanted.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return [episode.part(start, stop) for start, stop in edges.tolist()]


def _arrays(observations: Sequence[Observation], rows: Sequence[Row], spaces: Spaces) -> EpisodeArrays:
    """Groups of `action_repeat` control steps become one decision each; an end stays an end."""
    repeat = spaces.config.action_repeat
    starts = range(0, len(rows), repeat)
    seen = [observations[t] for t in (*starts, len(rows))]
    groups = [rows[t : t + repeat] for t in starts]
    return EpisodeArrays(
        frames=np.stack([spaces.pixels(observation) for observation in seen]),
        proprio=np.stack([spaces.proprio(observation) for observation in seen]),
        action=_column(group[0].action for group in groups),
        label=_column(group[0].label for group in groups),
        by_person=np.array([group[0].who == Who.PERSON for group in groups]),
        reward=_column(earned([row.verdict for row in group]) for group in groups),
        discount=_column(min(row.verdict.discount for row in group) for group in groups),
    )


def earned(verdicts: Sequence[Verdict]) -> float:
    """The reward of one decision over its control steps: their sum, save that a potential counts once.

    A potential pays gamma * new - old, and gamma is a decision's discount. So what it pays within the decision is left
    out: between decisions the rest cancels, and over an episode only its two ends remain.
    """
    within = sum(one.terms.get(AFTER, 0.0) + two.terms.get(BEFORE, 0.0) for one, two in pairwise(verdicts))
    return sum(verdict.reward for verdict in verdicts) - within


def _column(values: Iterable[float | tuple[float, ...]]) -> np.ndarray:
    return np.array(list(values), np.float32)
