"""The control loop: a policy drives a robot through one episode while a judge keeps score."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from control.interfaces import Judge, Policy, Robot
from control.types import Command, Observation, ResetRequest, Truth, Verdict


@dataclass(frozen=True)
class Step:
    """One control step: `command` answered `before`, `after` ended it, `verdict` judges it."""

    before: Observation
    truth_before: Truth | None
    command: Command
    after: Observation
    truth: Truth | None
    verdict: Verdict


Watch = Callable[[Step], None]
Begin = Callable[[Observation, Truth | None], None]


def play(robot: Robot, policy: Policy, judge: Judge, request: ResetRequest, limit_steps: int) -> Iterator[Step]:
    """The steps of one episode, each taken when asked for, until the judge ends it or `limit_steps` have passed."""
    policy.reset()
    seen = robot.reset(request)
    truth = robot.truth()
    judge.reset(seen, truth)
    for _ in range(limit_steps):
        command = policy.act(seen)
        after = robot.step(command)
        truth_after = robot.truth()
        verdict = judge.judge(after, command, truth_after)
        yield Step(seen, truth, command, after, truth_after, verdict)
        if verdict.discount == 0:
            return
        seen, truth = after, truth_after


def run_episode(
    robot: Robot,
    policy: Policy,
    judge: Judge,
    request: ResetRequest,
    limit_steps: int,
    watch: Watch = lambda step: None,
    begin: Begin = lambda observation, truth: None,
) -> list[Verdict]:
    """Run one episode to its end; `begin` sees its first observation, `watch` every step."""
    verdicts: list[Verdict] = []
    for step in play(robot, policy, judge, request, limit_steps):
        if not verdicts:
            begin(step.before, step.truth_before)
        watch(step)
        verdicts.append(step.verdict)
    return verdicts
