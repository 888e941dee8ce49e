"""What learns: an agent, its memory and its log, wherever experience comes from.

Time is counted in decisions of the agent. Updates are due as decisions are lived through, and made when there is time.
"""

import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import DatasetInfo, Provenance, code_commit
from control.loop import Step
from policies.actor import save_policy
from policies.learned import Notes, shapes_for, write_notes
from policies.spaces import Spaces
from training import checkpoint, runs
from training.checkpoint import Progress
from training.drqv2 import Agent
from training.experience import from_episode, from_steps
from training.lift import LiftTask, load_reward
from training.memory import Memory, Variations
from training.metrics import Metrics
from training.replay import EpisodeArrays
from training.settings import TrainConfig
from training.watch import Stopped, Watch

CLONED, BEST = "cloned.safetensors", "policy.safetensors"
CLONED_EVERY = 500  # cloning updates between checkpoints: in the wild all of them take a quarter of an hour


class Learner:
    """One run in a folder, but for those who act."""

    log: Dataset
    metrics: Metrics

    def __init__(self, config: TrainConfig, folder: Path, taught_by: str = ""):
        self.config, self.folder = config, folder
        self.spaces = Spaces(config.spaces, Arm.of(config.robot.model))
        self.agent = Agent(shapes_for(self.spaces), config.net, config.agent, config.seed, config.device)
        self.rng = np.random.default_rng(config.seed)
        self.memory = Memory(config, self.spaces)
        self.step = self.cloned = self.episodes = 0
        self.credit = 0.0
        self._commit = code_commit()
        self.calibration = ""  # of the arm that learns
        self._taught_by = taught_by
        self._seconds, self._started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time this run has taken, over all its parts."""
        return self._seconds + time.monotonic() - self._started

    def judge(self) -> LiftTask:
        """Who says how good a step was."""
        return LiftTask(load_reward(self.config.task.reward), self.config.replay.gamma)

    # Learning

    def be_taught(self, demonstrations: Dataset, variations: Variations, watch: Watch) -> None:
        """Take the demonstrations in, each with its variations.

        Raises:
            DatasetError: there is cloning to be done, and nothing worth it.
            Stopped: `watch` had enough.
        """
        done, total = itertools.count(1), len(demonstrations.indices()) * (1 + self.config.bootstrap.variations)

        def took() -> None:
            watch.taught(next(done), total)
            if watch.enough():
                raise Stopped("the beginning, before anything was learned")

        self.memory.take_in(demonstrations, self.judge(), variations, took)

    def clone(self, watch: Watch) -> None:
        """Make the cloning updates that are left.

        Raises:
            Stopped: `watch` had enough; a checkpoint was saved.
        """
        total = self.config.bootstrap.clone_updates if self.config.bootstrap.mode != "none" else 0
        while self.cloned < total:
            figures = self.agent.clone(self.memory.demonstrated(self.rng))
            self.cloned += 1
            if self.cloned % 50 == 0:
                self.metrics.write(0, {"cloned": self.cloned, **figures, "seconds": self.seconds})
            watch.cloning(self.cloned, total)
            if self.cloned == total:
                self.write_policy(CLONED)
                self.after_cloning(watch)
            if self.cloned == total or self.cloned % CLONED_EVERY == 0:
                self.save()
            self.stop_if(watch.enough())

    def after_cloning(self, watch: Watch) -> None:
        """What is done with a policy that only cloned."""

    def decided(self, decisions: int) -> None:
        """So many decisions were lived through; updates are due for those after the random start."""
        before, self.step = self.step, self.step + decisions
        learned_from = max(0, self.step - max(before, self.config.schedule.start_steps))
        self.credit += self.config.schedule.updates_per_step * learned_from

    @property
    def due(self) -> bool:
        """Whether there is an update to be made, and anything to learn from."""
        return self.credit >= 1 and len(self.memory) > 0

    def update(self) -> dict[str, float]:
        """Make one update, if one is due; its figures."""
        if not self.due:
            return {}
        self.credit -= 1
        return self.agent.update(self.memory.batch(self.rng), self.step)

    def remember(self, steps: Sequence[Step], provenance: Provenance) -> None:
        """Write an episode that is over to the log, and learn from it."""
        self.write(self.episodes, steps, provenance)
        rewards = [step.verdict.reward for step in steps]
        self.count(from_steps(steps, self.spaces), steps[-1].verdict.success, rewards)

    def write(self, index: int, steps: Sequence[Step], provenance: Provenance) -> None:
        """Put an episode that is over into the log."""
        with self.log.recorder(index, provenance) as recorder:
            recorder.start(steps[0].before, steps[0].truth_before)
            for step in steps:
                recorder.add(step.command, step.after, step.verdict, step.truth)
            recorder.finish(steps[-1].verdict.success)

    def count(self, arrays: EpisodeArrays, success: bool, rewards: Sequence[float]) -> None:
        """Learn from an episode that is in the log."""
        self.episodes += 1
        self.memory.add(arrays, success)
        figures = {"episode": self.episodes, "success": float(success), "steps": len(rewards), "return": sum(rewards)}
        by_person = {"by_person": float(arrays.by_person.mean())} if arrays.by_person.any() else {}
        self.metrics.write(self.step, figures | by_person | {"seconds": self.seconds})

    def source(self, seed: int, calibration: str, extra: dict[str, str] | None = None) -> Provenance:
        """Where an episode of this run comes from, which began with that seed on an arm of that calibration."""
        digest, stage = self.config.digest, self.config.task.stage
        return Provenance("drqv2", seed, stage, digest, calibration, self._commit, extra or {})

    # Keeping

    def stop_if(self, enough: bool) -> None:
        """Raises Stopped, after saving, where it is enough."""
        if enough:
            self.save()
            raise Stopped(f"decision {self.step} of {self.config.schedule.steps}, {self.episodes} episodes")

    def save(self) -> None:
        """Write a checkpoint of everything a resume needs."""
        self.metrics.flush()
        checkpoint.save(self.folder / "checkpoints", self.agent.state(), self.progress())

    def progress(self) -> Progress:
        """Where the run stands, but for its tensors."""
        return Progress(
            settings=self.config.plain,
            demonstrations=self._taught_by,
            step=self.step,
            cloned=self.cloned,
            credit=self.credit,
            episodes=self.episodes,
            seconds=self.seconds,
            rng=json.dumps(self.rng.bit_generator.state),
        )

    def pick_up(self, watch: Watch, info: DatasetInfo) -> None:
        """Become what the newest checkpoint says, or the beginning, with the episodes that it knew of.

        Raises:
            CheckpointError: the checkpoints are of another agent, or of other settings than the folder's.
        """
        saved = checkpoint.load_newest(self.folder / "checkpoints")
        if saved is not None:
            self.become(*saved)
        self.log = Dataset.create(self.folder / "episodes", info)
        self.log.recover()
        self.metrics = Metrics(self.folder, self.step, self.cloned)
        for episode in map(self.log.read, range(self.episodes)):
            self.memory.add(from_episode(episode, self.spaces, self.judge()), episode.success)
        if saved is not None:
            watch.resumed(self.step, self.episodes)

    def become(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Stand where a checkpoint does. Raises CheckpointError where it is another run's."""
        runs.require_same(self.folder, progress, self.config, self._taught_by)
        self.agent.restore(tensors)
        self.step, self.cloned, self.credit = progress.step, progress.cloned, progress.credit
        self.episodes, self._seconds = progress.episodes, progress.seconds
        self.rng.bit_generator.state = json.loads(progress.rng)

    def notes(self) -> Notes:
        """What the policy is for, as it stands."""
        digest, origin = self.config.digest, self.memory.origin(self.calibration)
        return Notes(self.config.spaces, self.config.robot.hz, self.step, digest, *origin)

    def write_policy(self, name: str) -> None:
        """Save the weights that act."""
        save_policy(self.agent.policy, self.folder / name, write_notes(self.notes()))
