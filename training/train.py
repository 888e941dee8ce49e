"""The run: clone the demonstrations, then explore and learn, evaluating and checkpointing as it goes.

A run that was killed goes on from its newest checkpoint with the same next batch: generators, open episodes and the
length of the episode log are part of it.
"""

import itertools
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
from torch import Tensor

from control.datasets import Dataset
from control.interfaces import Robot
from policies.learned import LearnedPolicy
from policies.repeat import Repeat
from training import runs
from training.checkpoint import OpenEpisode, Progress
from training.collect import dataset_info
from training.evaluate import TRAINING_SEED, VALIDATION_SEED, EpisodeResult, evaluate, requests
from training.learner import BEST, Learner
from training.rollout import Rollout, explored, lapses
from training.settings import TrainConfig
from training.variations import Variations
from training.watch import Watch

# Below the validation seeds, whatever the run's own seed; of its own, those from VARIED on are for variations.
SEEDS_PER_RUN, RUNS, VARIED = 100_000, 80, 50_000
STREAM = 4  # of random numbers: lapses; the others are of the scene, a teacher, the wild and variations
NEVER_S = 1e6


class Trainer(Learner):
    """One run in a folder, on robots of its own.

    Args:
        robots: one for every environment; the first also serves validation, between its episodes.
        demonstrations: what the bootstrap learns from; None only with bootstrap mode `none`.
        watch: is told as they are taken in.
    Raises:
        DatasetError: there is cloning to be done, and nothing worth it.
        Stopped: `watch` had enough before all were taken in.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        robots: Sequence[Robot],
        demonstrations: Dataset | None,
        watch: Watch,
    ):
        super().__init__(config, folder, demonstrations.digest if demonstrations is not None else "")
        self._robots, self._judges = robots, [self.judge() for _ in robots]
        self.calibration = robots[0].spec.calibration
        self.validated, self.next_eval, self.best = -1, config.schedule.eval_every, (-1.0, 0.0)
        self._open = tuple(OpenEpisode(i, ()) for i in range(len(robots)))
        self._rollouts: list[Rollout] = []
        if demonstrations is not None:
            variations = Variations(config, self.spaces, robots[0], first_seed(config) + VARIED)
            self.be_taught(demonstrations, variations, watch)

    def run(self, watch: Watch) -> None:
        """Go on from the newest checkpoint: clone, learn until the schedule ends, keep the best by validation.

        Raises:
            CheckpointError: the checkpoints are of another agent, or of other settings than the folder's.
            Stopped: `watch` had enough; a checkpoint was saved.
        """
        self.pick_up(watch, dataset_info(self._robots[0].spec, self.config.spaces))
        self.log.truncate(self.episodes)  # what was lived through after the checkpoint will be again
        with closing(self.metrics):
            self._run(watch)

    def _run(self, watch: Watch) -> None:
        self.clone(watch)
        self._rollouts = [self._begin(slot, episode) for slot, episode in enumerate(self._open)]
        while self.step < self.config.schedule.steps:
            self._decide(self.step % len(self._robots), watch)
            figures = self._learn()
            watch.learning(self.step, self.config.schedule.steps, figures)
            if self.step % self.config.schedule.checkpoint_every == 0:
                self.save()
            self.stop_if(watch.enough())
        if self.validated != self.step:
            self._validate(watch)
        self.save()

    def after_cloning(self, watch: Watch) -> None:
        self._validate(watch)

    # Exploring

    def _begin(self, slot: int, episode: OpenEpisode) -> Rollout:
        request = self.config.task.request(first_seed(self.config) + episode.index)
        robot, judge = self._robots[slot], self._judges[slot]
        limit, chance = self.config.schedule.explore_limit_steps, self.config.agent.noise.lapses
        lapsed = lapses(chance, self.spaces.action_size, limit, np.random.default_rng([request.seed, STREAM]))
        return Rollout.begin(robot, self.spaces, judge, request, limit, self._explore, lapsed, episode)

    def _explore(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        return explored(self.agent, pixels, proprio, self.config, self.step, self.rng)

    def _decide(self, slot: int, watch: Watch) -> None:
        rollout = self._rollouts[slot]
        rollout.decide()
        self.decided(1)
        if not rollout.ended:
            return
        self._finish(rollout)
        if slot == 0 and self.step >= self.next_eval:
            self._validate(watch)
        started = 1 + max(other.index for other in self._rollouts)
        self._rollouts[slot] = self._begin(slot, OpenEpisode(started, ()))

    def _finish(self, rollout: Rollout) -> None:
        self.remember(rollout.steps, self.source(first_seed(self.config) + rollout.index, self.calibration))

    def _learn(self) -> dict[str, float]:
        figures: dict[str, float] = {}
        while made := self.update():
            figures = made
        if figures and self.step % 50 == 0:
            self.metrics.write(self.step, figures | {"seconds": self.seconds})
        return figures

    # Judging

    def _validate(self, watch: Watch) -> None:
        schedule, task = self.config.schedule, self.config.task
        resets = requests(task, VALIDATION_SEED, schedule.eval_episodes)
        policy = Repeat(LearnedPolicy(self.agent.policy, self.spaces), self.spaces)
        done = itertools.count(1)

        def tell(result: EpisodeResult) -> None:
            watch.validating(next(done), len(resets))

        report = evaluate(self._robots[0], policy, self.judge(), resets, task.limit_steps, done=tell)
        summary = report.summary()
        score = (summary["success"], -(summary["median_time_s"] or NEVER_S))
        if score >= self.best:  # of equals the later one: it has seen more
            self.best = score
            self.write_policy(BEST)
        self.validated = self.step
        self.next_eval = (self.step // schedule.eval_every + 1) * schedule.eval_every
        figures = {"validation_success": score[0], "validation_reward": summary["mean_reward"]}
        if summary["median_time_s"] is not None:
            figures["validation_time_s"] = summary["median_time_s"]
        self.metrics.write(self.step, figures | {"seconds": self.seconds})
        watch.evaluated(self.step, report)

    # Keeping

    def progress(self) -> Progress:
        return msgspec.structs.replace(
            super().progress(),
            plant=dict(self._robots[0].spec.plant),
            open=tuple(rollout.open for rollout in self._rollouts) or self._open,
            next_eval=self.next_eval,
            validated=self.validated,
            best=self.best,
        )

    def become(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        runs.require_own_robots(self.folder, progress)
        super().become(tensors, progress)
        runs.require_same_plant(self.folder, progress, self._robots[0].spec)
        self._open, self.next_eval = progress.open, progress.next_eval
        self.validated, self.best = progress.validated, progress.best


def first_seed(config: TrainConfig) -> int:
    """The first of the run's own seeds."""
    return TRAINING_SEED + SEEDS_PER_RUN * (config.seed % RUNS)
