"""Evaluations shared out: one reset a job, the same result whoever examines which."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial

import msgspec

from control.arm import Arm
from control.interfaces import Policy, Robot
from control.types import ResetRequest
from training.crew import share
from training.evaluate import EpisodeResult, Report, Scored, evaluate

Player = Callable[[int], Policy]
"""Makes the policy that plays the episode of a seed."""


@dataclass(frozen=True)
class Examination:
    """What is to be examined: all that a worker process must know."""

    make_robot: Callable[[], Robot]
    make_player: Callable[[Robot], Player]
    judge: Scored
    resets: tuple[ResetRequest, ...]
    limit_steps: int
    model: str | None = None  # an MJCF of the user's own instead of the SO-101
    witness: Scored | None = None  # who is told the truth where the judge is not, and decides nothing

    @contextmanager
    def open(self) -> Iterator[Callable[[int], bytes]]:
        with closing(self.make_robot()) as robot:
            yield partial(self.examine, robot, self.make_player(robot), Arm.of(self.model))

    def examine(self, robot: Robot, player: Player, arm: Arm, index: int) -> bytes:
        """The result of reset `index`, as JSON."""
        request = self.resets[index]
        policy, judge = player(request.seed), self.judge
        report = evaluate(robot, policy, judge, [request], self.limit_steps, arm=arm, witness=self.witness)
        return msgspec.json.encode(asdict(report.episodes[0]))


def examine(
    examination: Examination,
    workers: int = 1,
    cluster: str | None = None,
    done: Callable[[EpisodeResult], None] = lambda result: None,
) -> Report:
    """Play every reset, by several processes if asked; `done` sees each result, in any order."""
    results: dict[int, EpisodeResult] = {}
    for index, told in share(examination, range(len(examination.resets)), workers, cluster):
        results[index] = msgspec.json.decode(told, type=EpisodeResult)
        done(results[index])
    return Report(tuple(results[index] for index in sorted(results)))
