"""Whether demonstrations are fit to learn from: found out from what was recorded, before anything is trained on it.

The fault to fear most is silent: actions stored beside the look after the one they answered. Such a dataset trains
without complaint, and what it trains hovers over the cube.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from control.datasets import Dataset
from control.episodes import Episode
from control.types import GRIPPER
from policies.spaces import Spaces
from training.experience import from_episode
from training.lift import LiftTask, RewardConfig
from training.statistics import wilson

LOOKED_AT = 40  # episodes at most: reading pictures takes time
LAGS = (0, 1, -1, 2, -2)  # steps; of equals the first is chosen
MOVED_RAD = 0.02  # a step in which the pictures must change
FROZEN, SATURATED = 0.02, 0.5  # shares from which on it is a fault
THUMBNAIL, RIDGE = (8, 8), 0.01  # of the pictures and the fit by which motion is told from them
ENOUGH = 4  # episodes: of fewer the spread is ill known, and 8 of 115 sound pairs were called late
SURE = 3  # standard errors by which pictures must fit other joints better than their own


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    fine: bool
    words: str


def audit(dataset: Dataset, spaces: Spaces, reward: RewardConfig, gamma: float, hover: float) -> list[Finding]:
    """Look at the first episodes of a dataset.

    Args:
        hover: what hovering open at the cube for ever is worth under `reward`, see reward_audit.hover_worth.
    """
    indices = dataset.indices()
    episodes = [dataset.read(index) for index in indices[:LOOKED_AT]]
    successes = sum(dataset.outcome(index).success for index in indices)
    returns = [worth(episode, spaces, reward, gamma) for episode in episodes]
    return [
        labels(episodes, spaces),
        pictures(episodes, spaces.config.camera),
        frozen(episodes, spaces.config.camera),
        copies(episodes),
        saturation(episodes),
        success(successes, len(indices)),
        advantage(returns, hover),
    ]


def labels(episodes: Sequence[Episode], spaces: Spaces) -> Finding:
    """Whether each action, done from the look it is stored with, gives the target that was then in force."""
    misses = np.array([row for episode in episodes for row in _misses(episode, spaces)]).reshape(-1, len(LAGS))
    lag = LAGS[int(misses.mean(axis=0).argmin())] if len(misses) else 0
    if lag == 0:
        return Finding("labels", True, "every action is stored with the look that it answered")
    word = "later" if lag > 0 else "earlier"
    words = f"actions belong to the looks {abs(lag)} step {word}: what learns from this hovers; record it again"
    return Finding("labels", False, words)


def _misses(episode: Episode, spaces: Spaces) -> Iterator[list[float]]:
    """For every step: how far the arm's next target is from where the actions at LAGS would have put it, radians."""
    for t in range(max(LAGS), len(episode) - max(LAGS)):
        seen, then = episode.observation(t), episode.target_rad[t + 1, :GRIPPER]  # a gripper's stops at what it holds
        asked = (spaces.command(episode.action[t + lag], seen).target_rad[:GRIPPER] for lag in LAGS)
        yield [float(np.abs(target - then).max()) for target in asked]


def pictures(episodes: Sequence[Episode], camera: str) -> Finding:
    """Whether the motion that pictures show is that of the joints, and not that of some steps before or after."""
    episodes = [episode for episode in episodes if len(episode) > 3 * max(LAGS)]
    if len(episodes) < ENOUGH:
        words = f"{len(episodes)} episodes are too few to tell whether pictures are late; it takes {ENOUGH}"
        return Finding("pictures", True, words)
    likeness = np.stack([_likeness(episodes, camera, lag) for lag in LAGS], axis=1)
    best = int(likeness.mean(axis=0).argmax())
    gain = likeness[:, best] - likeness[:, 0]
    if gain.mean() <= SURE * gain.std() / np.sqrt(len(gain)):
        return Finding("pictures", True, "pictures change when the joints move")
    lag = LAGS[best]
    when, blame = ("before", "is the camera late?") if lag > 0 else ("after", "are the joints late?")
    words = f"pictures fit the joints of {abs(lag)} steps {when}; {blame}"
    return Finding("pictures", False, words)


def _likeness(episodes: Sequence[Episode], camera: str, lag: int) -> np.ndarray:
    """How well the change of a picture tells the joints' motion `lag` steps before; of every episode, a correlation.

    Each episode is told by a linear fit to the others, so that pictures that tell nothing score about 0.
    """
    rows = [_motions(episode, camera, lag) for episode in episodes]
    return np.array([_foretold(rows[:i] + rows[i + 1 :], held_out) for i, held_out in enumerate(rows)])


def _motions(episode: Episode, camera: str, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the small pictures (T', 192), and of the joints `lag` steps before (T', 6); T' is one at any lag."""
    small = [cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA).ravel() for frame in episode.frames[camera]]
    steps = np.arange(max(LAGS), len(episode) - max(LAGS))
    return np.diff(np.array(small, float), axis=0)[steps], np.diff(episode.joints_rad, axis=0)[steps - lag]


def _foretold(known: Sequence[tuple[np.ndarray, np.ndarray]], held_out: tuple[np.ndarray, np.ndarray]) -> float:
    """Correlation of a held-out episode's motions with those that a ridge regression on the known ones tells."""
    seen, moved = (np.concatenate(columns) for columns in zip(*known, strict=True))
    spread = moved.std(axis=0) + 1e-6
    ridge = (RIDGE * len(seen) * seen.var() + 1e-9) * np.eye(seen.shape[1])
    middle, mean = seen.mean(axis=0), moved.mean(axis=0)
    weights = np.linalg.solve(
        (seen - middle).T @ (seen - middle) + ridge, (seen - middle).T @ ((moved - mean) / spread)
    )
    told, truth = (held_out[0] - middle) @ weights, (held_out[1] - mean) / spread
    if not told.std() or not truth.std():
        return 0.0
    return float(np.corrcoef(told.ravel(), truth.ravel())[0, 1])


def _changes(episode: Episode, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Of every step: mean change of the picture, and sum of the joints' motion in radians; two arrays (T,)."""
    frames = episode.frames[camera].astype(np.int16)
    return np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)), np.abs(np.diff(episode.joints_rad, axis=0)).sum(1)


def frozen(episodes: Sequence[Episode], camera: str) -> Finding:
    """Whether pictures stand still while the arm moves."""
    change, moved = map(np.concatenate, zip(*(_changes(episode, camera) for episode in episodes), strict=True))
    moving = moved > MOVED_RAD
    share = float((change[moving] == 0).mean()) if moving.any() else 0.0
    words = f"{share:.1%} of the pictures of a moving arm are the last one again"
    return Finding("frozen pictures", share < FROZEN, words)


def copies(episodes: Sequence[Episode]) -> Finding:
    """Whether an episode is there twice."""
    distinct = len({episode.action.tobytes() + episode.joints_rad.tobytes() for episode in episodes})
    words = f"{len(episodes) - distinct} of {len(episodes)} episodes are copies of others"
    return Finding("copies", distinct == len(episodes), words)


def saturation(episodes: Sequence[Episode]) -> Finding:
    """Whether the labels of the arm, the gripper's aside, keep hitting the end of their range."""
    arm = np.concatenate([episode.label for episode in episodes])[:, :-1]
    share = float((np.abs(arm) > 0.999).mean())
    return Finding("saturation", share < SATURATED, f"{share:.0%} of the arm's labels are full actions")


def success(successes: int, episodes: int) -> Finding:
    """Whether there is anything to imitate."""
    low, high = wilson(successes, episodes)
    words = f"{successes} of {episodes} lifted ({successes / episodes:.0%}, 95 % interval {low:.0%} to {high:.0%})"
    return Finding("success", successes > 0, words)


def advantage(returns: Sequence[float], hover: float) -> Finding:
    """Whether what was demonstrated is worth more than waiting over the cube."""
    mean = float(np.mean(returns))
    words = f"a demonstration is worth {mean:.3g}, hovering open for ever {hover:.3g} (discounted)"
    return Finding("return", mean > hover, words)


def room(steps: Sequence[int], repeat: int, variations: int, capacity: int) -> Finding:
    """Whether the replay holds all that is made of the episodes, which last so many control steps: what does not fit
    is forgotten before anything was learned from it, the first recorded first."""
    frames = (1 + variations) * sum(1 + ceil(each / repeat) for each in steps)
    words = f"demonstrations take {frames} of the replay's {capacity} frames"
    if frames <= capacity:
        return Finding("room", True, words)
    varied = " or fewer bootstrap.variations" if variations else ""
    return Finding("room", False, f"{words}, so the first are forgotten; --set replay.capacity={frames}{varied}")


def worth(episode: Episode, spaces: Spaces, reward: RewardConfig, gamma: float) -> float:
    """The discounted return of an episode from its start."""
    rewards = from_episode(episode, spaces, LiftTask(reward, gamma)).reward
    return float(gamma ** np.arange(len(rewards)) @ rewards)
