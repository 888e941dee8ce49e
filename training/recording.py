"""Recording what a person does with an arm. Each take is on disk, whole, before anybody is asked whether to keep it."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

import msgspec

from control.datasets import Dataset
from control.episodes import Provenance, labelled
from control.interfaces import Judge, Policy, Robot
from control.loop import Step, play
from control.modes import Word
from control.operating import Operator, Order
from control.recorder import Recorder
from control.types import Observation
from training.settings import TaskConfig

LABELS = {Order.SUCCESS: True, Order.FAILURE: False}
AGAIN = (Order.REDO, Order.HOME)  # both drop the take and go back to its start
LEFT = (*AGAIN, Order.DISCARD, Order.STOP, Order.QUIT)  # end a take as it is
ANSWERS = (Order.KEEP, *AGAIN, Order.DISCARD, Order.STOP, Order.QUIT)  # to what was recorded
ELSEWHERE = 10_000  # seeds from a start that was discarded to the next; and more than episodes in a dataset
LOOK_S = 0.05


@dataclass
class Session:
    """One person at the controls of one robot, filling a dataset.

    Args:
        policy: acts as the operator wants.
        provenance: of every episode, but for its seed.
        limit_steps: of a take, after which it ends as it is.
        face: makes forwards the way the tool points.
        show: called with the index of a take that is to be reviewed.
        stand: called when the person no longer drives, before the arm moves by itself.
        watch: called with every step of a take.
    """

    robot: Robot
    policy: Policy
    operator: Operator
    judge: Judge
    dataset: Dataset
    provenance: Provenance
    task: TaskConfig
    limit_steps: int
    first_seed: int
    face: Callable[[Observation], object]
    show: Callable[[int], object]
    stand: Callable[[], object] = lambda: None
    watch: Callable[[Step], object] = lambda step: None
    _elsewhere: int = field(default=0, init=False)  # starts that were discarded

    def record(self, episodes: int) -> bool:
        """Bring the dataset to `episodes` episodes. Returns whether they are all there; else the person had enough.

        Raises:
            DatasetError: another process writes the dataset, or the disk is full; the arm holds.
        """
        with self.dataset.lock():
            for index in self.dataset.recover():
                self.dataset.discard(index)  # no take of the same index is to overwrite it
            self.dataset.plan(episodes)
            while missing := sorted(set(range(episodes)) - set(self.dataset.indices())):
                if not self._fill(missing[0]):
                    return False
            return True

    def _fill(self, index: int) -> bool:
        """Record takes until one is kept as episode `index`; False where the person had enough."""
        while True:
            said = self._take(index)
            recorded = self.dataset.path(index).exists()
            if recorded:
                self.show(index)
                said = self._review(index)
            if said in (*AGAIN, Order.DISCARD) and recorded:
                self.dataset.discard(index)
            self._elsewhere += said is Order.DISCARD
            if said is Order.STOP:
                self.robot.say(Word.STOP)
            if said in (Order.KEEP, Order.STOP, Order.QUIT):
                return said is Order.KEEP

    def _take(self, index: int) -> Order:
        """One take. An order to leave it keeps what there is of it among the discarded."""
        seed = self.first_seed + index + ELSEWHERE * self._elsewhere
        provenance = msgspec.structs.replace(self.provenance, seed=seed)
        try:
            with closing(self.dataset.recorder(index, provenance)) as recorder:
                said = self._drive(recorder, seed)
                if said is Order.KEEP:
                    return said
        finally:
            self.stand()
            self.robot.halt()
        for left in self.dataset.recover():
            self.dataset.discard(left)
        return said

    def _drive(self, recorder: Recorder, seed: int) -> Order:
        success = False
        for step in play(self.robot, self.policy, self.judge, self.task.request(seed), self.limit_steps):
            if not recorder.steps:
                recorder.start(step.before, step.truth_before)
            orders = self.operator.orders()
            label = next((LABELS[order] for order in orders if order in LABELS), None)
            verdict = step.verdict if label is None else labelled(label)
            recorder.add(step.command, step.after, verdict, step.truth)
            self.watch(replace(step, verdict=verdict))
            if left := next((order for order in orders if order in LEFT), None):
                return left
            if Order.FRAME in orders:
                self.face(step.after)
            success = verdict.success
            if label is not None:
                break
        recorder.finish(success)
        return Order.KEEP

    def _review(self, index: int) -> Order:
        """What the person says of a take, who may label it otherwise before."""
        while True:
            for order in self.operator.orders():
                if order in LABELS:
                    self.dataset.relabel(index, LABELS[order])
                if order is Order.TAKE:
                    self.show(index)  # somebody else sits down, who was not asked yet
                if order in ANSWERS:
                    return order
            time.sleep(LOOK_S)
