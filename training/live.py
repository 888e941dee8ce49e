"""Learning while others act: episodes come from actors by the wire, and the newest weights go back to them.

A decision is worth as many updates as in any run; they are made one after another, whether anybody acts meanwhile or
not. What an actor was told is kept is on disk, and a run that was killed learns from it when it goes on.
"""

import json
import queue
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from torch import Tensor

from control.datasets import Dataset
from control.episodes import DatasetInfo, Episode
from control.errors import UserError
from control.link import Listener, serving_beside
from control.types import JOINTS
from hardware.promptness import patient
from policies.spaces import SpacesConfig
from sim.robot import SimRobot
from training import metrics, runs
from training.checkpoint import Progress
from training.collect import action_space
from training.exchange import Card, Lived, write_weights
from training.experience import from_episode, from_steps
from training.learner import BEST, Learner
from training.reception import Reception
from training.report import draw
from training.settings import TrainConfig
from training.statistics import wilson
from training.train import VARIED, first_seed
from training.variations import Variations
from training.watch import Watch

IDLE_S = 0.05  # between looks for episodes while no update is due
EVERY_S = 0.5  # new weights
LEAVE_S = 5.0  # for actors to hear that the run is over
KEY = "key"  # of an episode's provenance
RECENT = 100  # episodes, more than an actor keeps that was not told


class LiveLearner(Learner):
    """One run in a folder, fed by actors.

    Args:
        demonstrations: what the bootstrap learns from; None only with bootstrap mode `none`.
        watch: is told as they are taken in.
    Raises:
        DatasetError: there is cloning to be done, and nothing worth it.
        Stopped: `watch` had enough before all were taken in.
    """

    def __init__(self, config: TrainConfig, folder: Path, demonstrations: Dataset | None, watch: Watch):
        super().__init__(config, folder, demonstrations.digest if demonstrations is not None else "")
        self._info = info_of(config)
        # Critics grow up on demonstrations alone, while there is nothing else yet.
        self.credit = float(config.agent.critic_warmup)
        self._arrived: queue.SimpleQueue[Lived] = queue.SimpleQueue()
        if demonstrations is not None:
            self._take_in(demonstrations, watch)

    def _take_in(self, demonstrations: Dataset, watch: Watch) -> None:
        if not self.config.bootstrap.variations:
            self.be_taught(demonstrations, lambda episode: (), watch)
            return
        with closing(SimRobot(self.config.robot)) as robot:
            variations = Variations(self.config, self.spaces, robot, first_seed(self.config) + VARIED)
            self.be_taught(demonstrations, variations, watch)

    def run(self, listener: Listener, watch: Watch) -> None:
        """Go on from the newest checkpoint: clone, then learn from whatever is lived through until the schedule ends.

        Raises:
            CheckpointError: the checkpoints are of another agent, or of other settings than the folder's.
            Stopped: `watch` had enough; a checkpoint was saved.
        """
        self.pick_up(watch, self._info)
        with closing(self.metrics):
            known = self._catch_up()
            card = Card(self.config, self.notes())
            self._reception = Reception(card, self._keep, known, self.spaces.action_size)
            over = threading.Event()
            with serving_beside(listener, self._reception, over), patient():  # an actor beside it has a clock
                self._run(watch, over)
            self._take(self._waiting(), watch)  # what came while actors were told that it is enough
            self.save()

    def _run(self, watch: Watch, unheard: threading.Event) -> None:
        self.clone(watch)
        self._publish()
        while self.step < self.config.schedule.steps and not unheard.is_set():
            self._take(self._waiting(), watch)
            figures = self.update()
            if figures and self.agent.updates % 50 == 0:
                owed = {"updates": float(self.agent.updates), "owed": self.credit}
                self.metrics.write(self.step, figures | owed | {"seconds": self.seconds})
            if time.monotonic() - self._published_s > EVERY_S:
                self._publish()
            watch.learning(self.step, self.config.schedule.steps, figures)
            self.stop_if(watch.enough())
        self._end()

    # Experience

    def _keep(self, lived: Lived) -> None:
        """In the thread that serves: once this is over the actor may forget it."""
        self.write(self._logged, lived.steps, self.source(lived.seed, lived.calibration, {KEY: lived.key}))
        self._logged += 1
        self._arrived.put(lived)

    def _waiting(self) -> Iterable[Lived]:
        """What has arrived; waits a little where there is nothing else to be done."""
        while True:
            try:
                yield self._arrived.get(timeout=0.0 if self.due else IDLE_S)
            except queue.Empty:
                return

    def _take(self, arrived: Iterable[Lived], watch: Watch) -> None:
        for lived in arrived:
            self.calibration = lived.calibration
            due = self.step // self.config.schedule.checkpoint_every
            arrays = from_steps(lived.steps, self.spaces)
            self.decided(len(arrays.action))
            rewards = [step.verdict.reward for step in lived.steps]
            self.count(arrays, lived.steps[-1].verdict.success, rewards)
            watch.lived(self.episodes, bool(lived.steps[-1].verdict.success))
            if self.step // self.config.schedule.checkpoint_every > due:
                self.save()

    def _catch_up(self) -> set[str]:
        """Learn from what was logged after the checkpoint; the keys of the episodes that an actor might send again."""
        keys = set()
        for index in self.log.indices()[-max(RECENT, len(self.log.indices()) - self.episodes) :]:
            episode = self.log.read(index)
            keys.add(episode.provenance.extra.get(KEY, ""))
            if index >= self.episodes:
                self._relive(episode)
        self._logged = self.episodes
        return keys

    def _relive(self, episode: Episode) -> None:
        self.calibration = episode.provenance.calibration
        arrays = from_episode(episode, self.spaces, self.judge())
        self.decided(len(arrays.action))
        self.count(arrays, episode.success, episode.reward.tolist())

    def become(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        runs.require_actors(self.folder, progress)
        super().become(tensors, progress)

    # Weights

    def _publish(self, enough: bool = False) -> None:
        version = 1 + self.agent.cloned + self.agent.updates
        self._reception.publish(version, write_weights(self.agent.policy.state_dict()), self.step, enough)
        self._published_s = time.monotonic()

    def _end(self) -> None:
        """Tell whoever acts, and wait a little until they have heard."""
        self._publish(enough=True)
        until_s = time.monotonic() + LEAVE_S
        while not self._reception.told_enough and time.monotonic() < until_s:
            time.sleep(IDLE_S)

    def save(self) -> None:
        super().save()
        self.write_policy(BEST)


def info_of(config: TrainConfig) -> DatasetInfo:
    """Episodes as actors send them: with the policy's camera alone."""
    spaces: SpacesConfig = config.spaces
    cameras = {spaces.camera: (spaces.camera_px, spaces.camera_px)}
    return DatasetInfo(cameras, config.robot.hz, JOINTS, action_space(spaces))


def progress_made(folder: Path, most: int = 50) -> dict[str, dict[str, float]]:
    """Success with its interval over the first and the last of the episodes lived through, at most `most` of each.

    Raises:
        UserError: there is none.
    """
    successes = [row["success"] for row in metrics.read(folder) if "episode" in row]
    if not successes:
        raise UserError(f"nothing was lived through in {folder} yet")
    n = min(most, (len(successes) + 1) // 2)
    rates = {}
    for name, part in (("first", successes[:n]), ("last", successes[-n:])):
        low, high = wilson(round(sum(part)), n)
        rates[name] = {"success": sum(part) / n, "n": n, "low": low, "high": high}
    return rates


def conclude(folder: Path, seconds: float) -> dict[str, Any]:
    """What the run achieved while it went on, kept with its curves. Raises UserError where it never did."""
    rates = progress_made(folder)
    report: dict[str, Any] = {**rates, "training_s": round(seconds, 1)}
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    draw(folder, rates["last"], f"last {rates['last']['n']}, 95 % interval")
    return report
