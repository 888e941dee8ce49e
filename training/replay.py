"""Replay: a flat ring of single frames; stacks and n-step returns are made when a batch is drawn.

Whole episodes go in, the oldest transitions go out, and every transition that is kept is equally likely.
T = steps of an episode, P = proprioception numbers, A = action numbers, B = batch, C = channels of one frame.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np


@dataclass(frozen=True, eq=False)
class EpisodeArrays:
    """One episode as learning sees it: T transitions between T + 1 looks."""

    frames: np.ndarray  # (T + 1, H, W, C) uint8
    proprio: np.ndarray  # (T + 1, P) float32
    action: np.ndarray  # (T, A) float32, as executed
    label: np.ndarray  # (T, A) float32, as the teacher meant it; the executed action where there is no teacher
    by_person: np.ndarray  # (T,) bool, decided by a person who had taken over
    reward: np.ndarray  # (T,) float32
    discount: np.ndarray  # (T,) float32, 0 = the task ended here, 1 = it goes on, even when time ran out

    def __post_init__(self) -> None:
        steps = len(self.action)
        lengths = {name: len(value) for name, value in vars(self).items()}
        wanted = {name: steps + (name in ("frames", "proprio")) for name in lengths}
        if steps == 0 or lengths != wanted or self.frames.ndim != 4 or self.frames.dtype != np.uint8:
            raise ValueError(
                f"an episode of T steps needs T >= 1, T + 1 uint8 frames (T + 1, H, W, C) and T + 1 looks; got lengths "
                f"{lengths} and {self.frames.dtype} frames of shape {self.frames.shape}"
            )

    def part(self, start: int, stop: int) -> "EpisodeArrays":
        """Its transitions from `start` to before `stop`; where they end the task goes on, unless it ended there."""
        looks = {name: getattr(self, name)[start : stop + 1] for name in ("frames", "proprio")}
        steps = {name: rows[start:stop] for name, rows in vars(self).items() if name not in looks}
        return EpisodeArrays(**looks, **steps)


Array = TypeVar("Array")


class Batch(NamedTuple, Generic[Array]):
    """What one update learns from: B independent transitions, as numpy arrays or tensors."""

    pixels: Array  # (B, C * stack, H, W) uint8, oldest frame first
    proprio: Array  # (B, P) float32
    action: Array  # (B, A) float32
    label: Array  # (B, A) float32
    is_demo: Array  # (B,) bool
    reward: Array  # (B, 1) float32, discounted sum over at most n steps
    discount: Array  # (B, 1) float32, gamma ** steps, or 0 where the task ended within them
    next_pixels: Array  # (B, C * stack, H, W) uint8, after those steps
    next_proprio: Array  # (B, P) float32


class Replay:
    """The newest transitions of the episodes added so far.

    The ring holds `capacity` frames (21 kB each at 84x84, memory taken only as it fills); an episode of T transitions
    takes T + 1 of them. Draws count from the oldest transition, so a replay refilled with the same newest episodes
    and a generator in the same state gives the same batch.
    """

    def __init__(
        self,
        capacity: int,
        frame: tuple[int, int, int],
        proprio: int,
        action: int,
        *,
        stack: int = 3,
        n_step: int = 3,
        gamma: float = 0.99,
    ) -> None:
        """`frame` is (H, W, C) of one look."""
        height, width, channels = frame
        self.capacity, self.stack, self.n_step, self.gamma = capacity, stack, n_step, gamma
        self._frames = np.empty((capacity, channels, height, width), np.uint8)
        self._proprio = np.empty((capacity, proprio), np.float32)
        self._action, self._label = (np.empty((capacity, action), np.float32) for _ in range(2))
        self._reward, self._discount = (np.zeros(capacity, np.float32) for _ in range(2))
        self._is_demo = np.empty(capacity, bool)
        # Rows and transitions are numbered for ever; number i lies at i % capacity. A row is one look.
        self._first, self._last = (np.empty(capacity, np.int64) for _ in range(2))  # rows of a row's episode
        self._row = np.empty(capacity, np.int64)  # of a transition
        self._rows = 0  # ever added
        self._oldest = self._newest = 0  # transitions [oldest, newest) are kept

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return self._newest - self._oldest

    def add_episode(self, episode: EpisodeArrays, is_demo: bool | np.ndarray = False) -> None:
        """Append an episode, evicting the oldest transitions. Raises ValueError for one longer than the ring.

        Args:
            is_demo: whether it is to be imitated, or which of its decisions, (T,) bool.
        """
        steps = len(episode.action)
        if steps + 1 > self.capacity:
            raise ValueError(f"an episode of {steps} steps needs {steps + 1} frames; the replay holds {self.capacity}")
        self._make_room(steps + 1)
        rows = np.arange(self._rows, self._rows + steps + 1)
        at = rows % self.capacity
        self._write(at, episode)
        self._first[at], self._last[at], self._is_demo[at[:-1]] = rows[0], rows[-1], is_demo
        self._row[np.arange(self._newest, self._newest + steps) % self.capacity] = rows[:-1]
        self._rows, self._newest = self._rows + steps + 1, self._newest + steps

    def _write(self, at: np.ndarray, episode: EpisodeArrays) -> None:
        self._frames[at] = episode.frames.transpose(0, 3, 1, 2)
        self._proprio[at] = episode.proprio
        steps = at[:-1]
        self._action[steps], self._label[steps] = episode.action, episode.label
        self._reward[steps], self._discount[steps] = episode.reward, episode.discount

    def _make_room(self, rows: int) -> None:
        """Let go of the transitions whose oldest stacked look the next `rows` will overwrite."""
        first_kept = self._rows + rows - self.capacity
        while self._oldest < self._newest and self._oldest_look(self._row[self._oldest % self.capacity]) < first_kept:
            self._oldest += 1

    def _oldest_look(self, row: np.int64) -> np.int64:
        return max(self._first[row % self.capacity], row - self.stack + 1)

    def sample(self, size: int, rng: np.random.Generator) -> Batch[np.ndarray]:
        """`size` transitions, drawn uniformly with replacement. Raises ValueError when there is none."""
        batch = self.empty_batch(size)
        self.fill(batch, slice(0, size), rng)
        return batch

    def empty_batch(self, size: int) -> Batch[np.ndarray]:
        """A batch of this replay's shapes, not yet filled."""
        _, channels, height, width = self._frames.shape
        pixels = (size, channels * self.stack, height, width)
        proprio, action = (size, self._proprio.shape[1]), (size, self._action.shape[1])
        shapes = (pixels, proprio, action, action, (size,), (size, 1), (size, 1), pixels, proprio)
        kinds = (np.uint8, np.float32, np.float32, np.float32, bool, np.float32, np.float32, np.uint8, np.float32)
        return Batch(*(np.empty(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)))

    def fill(self, batch: Batch[np.ndarray], part: slice, rng: np.random.Generator) -> None:
        """Overwrite the rows `part` of `batch` with transitions drawn from this replay."""
        if len(self) == 0:
            raise ValueError("the replay is empty; add an episode before drawing from it")
        drawn = self._oldest + rng.integers(len(self), size=part.stop - part.start)
        row = self._row[drawn % self.capacity]
        ahead = np.minimum(row + self.n_step, self._last[row % self.capacity])
        self._stacked(row, batch.pixels[part])
        self._stacked(ahead, batch.next_pixels[part])
        batch.reward[part, 0], batch.discount[part, 0] = self._returns(row, ahead)
        for name in ("proprio", "action", "label", "is_demo"):
            getattr(batch, name)[part] = getattr(self, f"_{name}")[row % self.capacity]
        batch.next_proprio[part] = self._proprio[ahead % self.capacity]

    def _stacked(self, row: np.ndarray, out: np.ndarray) -> None:
        """Write the looks up to `row` (B,) into `out` (B, C * stack, H, W); an episode's first look is repeated."""
        looks = np.maximum(row[:, None] - np.arange(self.stack)[::-1], self._first[row % self.capacity][:, None])
        frames = out.reshape(looks.size, *self._frames.shape[1:])
        np.take(self._frames, looks.ravel() % self.capacity, axis=0, out=frames, mode="clip")  # "raise" would copy

    def _returns(self, row: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Discounted reward from `row` until `ahead`, and the weight of the value there: two arrays (B,)."""
        reward, weight = np.zeros(len(row)), np.ones(len(row))
        for k in range(self.n_step):
            at, within = (row + k) % self.capacity, row + k < ahead
            reward += np.where(within, weight * self._reward[at], 0)
            weight *= np.where(within, self.gamma * self._discount[at], 1)
        return reward, weight


def mixed_batch(
    online: Replay, demos: Replay, size: int, demo_share: float, rng: np.random.Generator
) -> Batch[np.ndarray]:
    """`size` transitions, a fixed share of them demonstrations; all from one replay while the other is empty.

    Both replays have the same shapes and stack. Raises ValueError when both are empty.
    """
    demonstrations = round(size * demo_share) if len(online) else size
    demonstrations = demonstrations if len(demos) else 0
    batch = online.empty_batch(size)
    if demonstrations:
        demos.fill(batch, slice(0, demonstrations), rng)
    if demonstrations < size:
        online.fill(batch, slice(demonstrations, size), rng)
    return batch
