"""The run: clone the demonstrations, then explore and learn, evaluating and checkpointing as it goes.

Time is counted in decisions of the agent. A run that was killed goes on from its newest checkpoint with the same next
batch: generators, open episodes and the length of the episode log are part of it.
"""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from torch import Tensor

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import Provenance, code_commit
from control.interfaces import Robot
from policies.actor import save_policy
from policies.learned import LearnedPolicy, Notes, shapes_for, write_notes
from policies.repeat import Repeat
from policies.spaces import Spaces
from training import checkpoint, runs
from training.checkpoint import OpenEpisode, Progress
from training.collect import dataset_info
from training.drqv2 import Agent
from training.evaluate import TRAINING_SEED, VALIDATION_SEED, evaluate, requests
from training.experience import from_episode, from_steps
from training.lift import LiftTask, load_reward
from training.memory import Memory
from training.metrics import Metrics
from training.rollout import Rollout, lapses
from training.settings import TrainConfig
from training.variations import Variations
from training.watch import Stopped, Watch

# Below the validation seeds, whatever the run's own seed; of its own, those from VARIED on are for variations.
SEEDS_PER_RUN, RUNS, VARIED = 100_000, 80, 50_000
STREAM = 4  # of random numbers: lapses; the others are of the scene, a teacher, the wild and variations
NEVER_S = 1e6
CLONED, BEST = "cloned.safetensors", "policy.safetensors"


class Trainer:
    """One run in a folder.

    Args:
        robots: one for every environment; the first also serves validation, between its episodes.
        demonstrations: what the bootstrap learns from; None only with bootstrap mode `none`.
    """

    def __init__(self, config: TrainConfig, folder: Path, robots: Sequence[Robot], demonstrations: Dataset | None):
        self.config, self.folder, self._robots = config, folder, robots
        self.spaces = Spaces(config.spaces, Arm.of(config.robot.model))
        self._judges = [self._judge() for _ in robots]
        self.agent = Agent(shapes_for(self.spaces), config.net, config.agent, config.seed, config.device)
        self.rng = np.random.default_rng(config.seed)
        self.memory = Memory(config, self.spaces)
        self._commit = code_commit()
        self.step = self.cloned = self.episodes = 0
        self.validated, self.credit, self.next_eval, self.best = -1, 0.0, config.schedule.eval_every, (-1.0, 0.0)
        self._seconds, self._started = 0.0, time.monotonic()
        self._open = tuple(OpenEpisode(i, ()) for i in range(len(robots)))
        self._rollouts: list[Rollout] = []
        self._taught_by = demonstrations.digest if demonstrations is not None else ""
        if demonstrations is not None:
            variations = Variations(config, self.spaces, robots[0], self._seed(VARIED))
            self.memory.take_in(demonstrations, self._judge(), variations)

    @property
    def seconds(self) -> float:
        """Time this run has taken, over all its parts."""
        return self._seconds + time.monotonic() - self._started

    def run(self, watch: Watch) -> None:
        """Go on from the newest checkpoint: clone, learn until the schedule ends, keep the best by validation.

        Raises:
            CheckpointError: the checkpoints are of another agent, or of other settings than the folder's.
            Stopped: `watch` had enough; a checkpoint was saved.
        """
        self._pick_up(watch)
        with closing(self.metrics):
            self._run(watch)

    def _run(self, watch: Watch) -> None:
        self._clone(watch)
        self._rollouts = [self._begin(slot, episode) for slot, episode in enumerate(self._open)]
        while self.step < self.config.schedule.steps:
            self._decide(self.step % len(self._robots), watch)
            figures = self._learn()
            watch.learning(self.step, self.config.schedule.steps, figures)
            if self.step % self.config.schedule.checkpoint_every == 0:
                self.save()
            self._stop_if(watch.enough())
        if self.validated != self.step:
            self._validate(watch)
        self.save()

    def _stop_if(self, enough: bool) -> None:
        if enough:
            self.save()
            raise Stopped(f"decision {self.step} of {self.config.schedule.steps}, {self.episodes} episodes")

    # Before exploring

    def _clone(self, watch: Watch) -> None:
        total = self.config.bootstrap.clone_updates if self.config.bootstrap.mode != "none" else 0
        while self.cloned < total:
            figures = self.agent.clone(self.memory.demonstrated(self.rng))
            self.cloned += 1
            if self.cloned % 50 == 0:
                self.metrics.write(0, {"cloned": self.cloned, **figures, "seconds": self.seconds})
            watch.cloning(self.cloned, total)
            if self.cloned == total:
                self._write_policy(CLONED)
                self._validate(watch)
                self.save()
            self._stop_if(watch.enough())

    # Exploring

    def _begin(self, slot: int, episode: OpenEpisode) -> Rollout:
        task = self.config.task
        request = task.request(self._seed(episode.index))
        robot, judge = self._robots[slot], self._judges[slot]
        limit, chance = self.config.schedule.explore_limit_steps, self.config.agent.noise.lapses
        lapsed = lapses(chance, self.spaces.action_size, limit, np.random.default_rng([request.seed, STREAM]))
        return Rollout.begin(robot, self.spaces, judge, request, limit, self._explore, lapsed, episode)

    def _seed(self, index: int) -> int:
        return TRAINING_SEED + SEEDS_PER_RUN * (self.config.seed % RUNS) + index

    def _explore(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        if self.step < self.config.schedule.start_steps:
            return self.rng.uniform(-1, 1, self.spaces.action_size)
        return self.agent.act(pixels, proprio, self.config.agent.noise.at(self.step), self.rng)

    def _decide(self, slot: int, watch: Watch) -> None:
        rollout = self._rollouts[slot]
        rollout.decide()
        self.step += 1
        if not rollout.ended:
            return
        self._finish(rollout)
        if slot == 0 and self.step >= self.next_eval:
            self._validate(watch)
        started = 1 + max(other.index for other in self._rollouts)
        self._rollouts[slot] = self._begin(slot, OpenEpisode(started, ()))

    def _finish(self, rollout: Rollout) -> None:
        steps, success = rollout.steps, rollout.steps[-1].verdict.success
        seed, stage = self._seed(rollout.index), self.config.task.stage
        calibration = self._robots[0].spec.calibration
        provenance = Provenance("drqv2", seed, stage, self.config.digest, calibration, self._commit)
        with self.log.recorder(self.episodes, provenance) as recorder:
            recorder.start(steps[0].before, steps[0].truth_before)
            for step in steps:
                recorder.add(step.command, step.after, step.verdict, step.truth)
            recorder.finish(success)
        self.episodes += 1
        self.memory.add(from_steps(steps, self.spaces), success)
        reward = sum(step.verdict.reward for step in steps)
        figures = {"episode": self.episodes, "success": float(success), "steps": len(steps), "return": reward}
        self.metrics.write(self.step, figures | {"seconds": self.seconds})

    # Learning

    def _learn(self) -> dict[str, float]:
        schedule, figures = self.config.schedule, {}
        self.credit += schedule.updates_per_step * (self.step > schedule.start_steps)
        while self.credit >= 1 and len(self.memory):
            figures = self.agent.update(self.memory.batch(self.rng), self.step)
            self.credit -= 1
        if figures and self.step % 50 == 0:
            self.metrics.write(self.step, figures | {"seconds": self.seconds})
        return figures

    # Judging

    def _validate(self, watch: Watch) -> None:
        schedule, task = self.config.schedule, self.config.task
        resets = requests(task, VALIDATION_SEED, schedule.eval_episodes)
        policy = Repeat(LearnedPolicy(self.agent.policy, self.spaces), self.spaces)
        report = evaluate(self._robots[0], policy, self._judge(), resets, task.limit_steps)
        summary = report.summary()
        score = (summary["success"], -(summary["median_time_s"] or NEVER_S))
        if score >= self.best:  # of equals the later one: it has seen more
            self.best = score
            self._write_policy(BEST)
        self.validated = self.step
        self.next_eval = (self.step // schedule.eval_every + 1) * schedule.eval_every
        figures = {"validation_success": score[0], "validation_reward": summary["mean_reward"]}
        if summary["median_time_s"] is not None:
            figures["validation_time_s"] = summary["median_time_s"]
        self.metrics.write(self.step, figures | {"seconds": self.seconds})
        watch.evaluated(self.step, report)

    def _judge(self) -> LiftTask:
        return LiftTask(load_reward(self.config.task.reward), self.config.replay.gamma)

    # Keeping

    def save(self) -> None:
        """Write a checkpoint of everything a resume needs."""
        progress = Progress(
            settings=self.config.plain,
            plant=dict(self._robots[0].spec.plant),
            demonstrations=self._taught_by,
            step=self.step,
            cloned=self.cloned,
            credit=self.credit,
            episodes=self.episodes,
            open=tuple(rollout.open for rollout in self._rollouts) or self._open,
            next_eval=self.next_eval,
            validated=self.validated,
            best=self.best,
            seconds=self.seconds,
            rng=json.dumps(self.rng.bit_generator.state),
        )
        self.metrics.flush()
        checkpoint.save(self.folder / "checkpoints", self.agent.state(), progress)

    def _pick_up(self, watch: Watch) -> None:
        """Become what the newest checkpoint says, or the beginning; what was logged after it is forgotten."""
        saved = checkpoint.load_newest(self.folder / "checkpoints")
        if saved is not None:
            self._become(*saved)
        self.log = Dataset.create(self.folder / "episodes", dataset_info(self._robots[0].spec, self.config.spaces))
        self.log.recover()
        self.log.truncate(self.episodes)
        self.metrics = Metrics(self.folder, self.step, self.cloned)
        for episode in map(self.log.read, range(self.episodes)):
            self.memory.add(from_episode(episode, self.spaces, self._judge()), episode.success)
        if saved is not None:
            watch.resumed(self.step, self.episodes)

    def _become(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        runs.require_same(self.folder, progress, self.config, self._robots[0].spec, self._taught_by)
        self.agent.restore(tensors)
        self.step, self.cloned, self.credit = progress.step, progress.cloned, progress.credit
        self.episodes, self.next_eval, self.best = progress.episodes, progress.next_eval, progress.best
        self._open, self._seconds, self.validated = progress.open, progress.seconds, progress.validated
        self.rng.bit_generator.state = json.loads(progress.rng)

    def _write_policy(self, name: str) -> None:
        digest, origin = self.config.digest, self.memory.origin(self._robots[0].spec.calibration)
        notes = Notes(self.config.spaces, self.config.robot.hz, self.step, digest, *origin)
        save_policy(self.agent.policy, self.folder / name, write_notes(notes))
