"""What a run learns from: its own experience and the demonstrations, mixed as the bootstrap says."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain

import numpy as np

from control.datasets import Dataset
from control.episodes import Episode
from control.errors import DatasetError
from control.interfaces import Judge
from policies.spaces import Spaces
from training.experience import answered, from_episode, parts, pauses
from training.replay import Batch, EpisodeArrays, Replay, mixed_batch
from training.settings import TrainConfig

Variations = Callable[[Episode], Iterable[Episode]]
"""An episode as it might have been besides."""


class Memory:
    """Two replays. `balanced` keeps demonstrations in the second, `seed` puts them once into the first."""

    def __init__(self, config: TrainConfig, spaces: Spaces):
        self._config, self._spaces = config, spaces
        self.online, self.demos = self._replay(), self._replay()
        self._calibrations: set[str] = set()  # of the arms that demonstrated
        self._starts_rad: list[np.ndarray] = []  # (J,) where demonstrations began

    def __len__(self) -> int:
        return len(self.online) + len(self.demos)

    def take_in(
        self, dataset: Dataset, judge: Judge, variations: Variations, took: Callable[[], None] = lambda: None
    ) -> None:
        """Add demonstrations, failures too, each with its `variations`; what is worth cloning among them is marked.

        A person's labels are put beside the looks that they answered, `reaction_s` before. Where they let the arm stand
        there is nothing to clone, and a critic must know it all the same: the lift may end there.
        An episode in which a person took over from a policy is no demonstration: it is lived through, see `add`.

        Args:
            took: called after each of them, varied ones too.
        Raises:
            DatasetError: there is cloning to be done, and nothing worth it.
        """
        bootstrap, indices, worthy = self._config.bootstrap, dataset.indices(), 0
        late_steps = round(bootstrap.reaction_s * dataset.info.hz)
        for episode in map(dataset.read, indices):
            episode = answered(episode, late_steps)
            self._calibrations.add(episode.provenance.calibration)
            self._starts_rad.append(episode.joints_rad[0])
            taken_over = bool(episode.by_person.any() and not episode.by_person.all())
            worth_cloning = episode.success or bootstrap.clone_failures or taken_over
            for one in chain([episode], variations(episode)):
                arrays = late(from_episode(one, self._spaces, judge), bootstrap.shift_steps)
                if taken_over:
                    self._live_through(arrays, episode.success)
                else:
                    self._demonstrations.add_episode(arrays, is_demo=~pauses(arrays) & worth_cloning)
                took()
            worthy += worth_cloning
        if bootstrap.clone_updates and not worthy:
            raise DatasetError(
                f"none of the {len(indices)} demonstrations in {dataset.folder} lifted (0 succeeded) and "
                "bootstrap.clone_failures is false, so there is nothing to clone; collect better ones, or use "
                "--set bootstrap.clone_failures=true or --set bootstrap.clone_updates=0"
            )

    def origin(self, calibration: str) -> tuple[tuple[str, ...], tuple[tuple[float, float], ...]]:
        """Calibrations of the arms that taught, and of the one that learned; and where demonstrations began: the
        lowest and the highest angle of each joint, nothing where there were none."""
        arms = tuple(sorted({calibration, *self._calibrations}))
        if not self._starts_rad:
            return arms, ()
        low, high = np.min(self._starts_rad, axis=0).round(3), np.max(self._starts_rad, axis=0).round(3)
        return arms, tuple(zip(low.tolist(), high.tolist(), strict=True))

    def add(self, episode: EpisodeArrays, success: bool) -> None:
        """Add what was lived through. To the demonstrations go, too, what a person did who took over, and all of a
        success that is to be imitated; but not where a person let the arm stand. A person's labels are put beside the
        looks that they answered, as those of recorded ones are."""
        hz = self._config.robot.hz / self._config.spaces.action_repeat
        self._live_through(answered(episode, round(self._config.bootstrap.reaction_s * hz)), success)

    def _live_through(self, episode: EpisodeArrays, success: bool) -> None:
        self.online.add_episode(episode)
        bootstrap = self._config.bootstrap
        imitated = success and bootstrap.imitate_successes and bootstrap.mode == "balanced"
        if bootstrap.mode != "none":
            self._teach(episode, (episode.by_person | imitated) & ~pauses(episode))

    def _teach(self, episode: EpisodeArrays, wanted: np.ndarray) -> None:
        for part in parts(episode, wanted):
            self._demonstrations.add_episode(part, is_demo=True)

    @property
    def _demonstrations(self) -> Replay:
        return self.online if self._config.bootstrap.mode == "seed" else self.demos

    def demonstrated(self, rng: np.random.Generator) -> Batch[np.ndarray]:
        """A batch to clone from."""
        replay = self.demos if len(self.demos) else self.online
        return self._blurred(replay.sample(self._config.replay.batch, rng), rng)

    def batch(self, rng: np.random.Generator) -> Batch[np.ndarray]:
        """A batch for an update; all from one replay while the other is empty."""
        balanced = self._config.bootstrap.mode == "balanced"
        share = self._config.bootstrap.demo_share if balanced else 0.0
        return self._blurred(mixed_batch(self.online, self.demos, self._config.replay.batch, share, rng), rng)

    def _blurred(self, batch: Batch[np.ndarray], rng: np.random.Generator) -> Batch[np.ndarray]:
        """The batch with noise on what the arm feels: by feel alone few demonstrations could be told apart."""
        if blur := self._config.replay.blur:
            for felt in (batch.proprio, batch.next_proprio):
                felt += blur * self._spaces.blur * rng.standard_normal(felt.shape, np.float32)
        return batch

    def _replay(self) -> Replay:
        px, replay = self._config.spaces.camera_px, self._config.replay
        sizes = (px, px, 3), self._spaces.proprio_size, self._spaces.action_size
        stack = self._config.spaces.frame_stack
        return Replay(replay.capacity, *sizes, stack=stack, n_step=replay.n_step, gamma=replay.gamma)


def late(episode: EpisodeArrays, steps: int) -> EpisodeArrays:
    """The episode with every action beside the look that came `steps` decisions after the one it answered."""
    looks = np.minimum(np.arange(len(episode.frames)) + steps, len(episode.frames) - 1)
    return replace(episode, frames=episode.frames[looks], proprio=episode.proprio[looks]) if steps else episode
