"""The control loop: a policy drives a robot through one episode while a judge keeps score."""

from collections.abc import Callable
from dataclasses import dataclass

from control.interfaces import Judge, Policy, Robot
from control.types import Command, Observation, ResetRequest, Truth, Verdict


@dataclass(frozen=True)
class Step:
    """One control step: `command` answered `before`, `after` ended it, `verdict` judges it."""

    before: Observation
    command: Command
    after: Observation
    truth: Truth | None
    verdict: Verdict


Watch = Callable[[Step], None]


def run_episode(
    robot: Robot,
    policy: Policy,
    judge: Judge,
    request: ResetRequest,
    limit_steps: int,
    watch: Watch = lambda step: None,
    begin: Callable[[Observation, Truth | None], None] = lambda observation, truth: None,
) -> list[Verdict]:
    """Run one episode until the judge ends it or `limit_steps` have passed; `begin` and `watch` see it all."""
    policy.reset()
    judge.reset()
    seen, verdicts = robot.reset(request), []
    begin(seen, robot.truth())
    while len(verdicts) < limit_steps and (not verdicts or verdicts[-1].discount > 0):
        command = policy.act(seen)
        after = robot.step(command)
        truth = robot.truth()
        verdicts.append(judge.judge(after, command, truth))
        watch(Step(seen, command, after, truth, verdicts[-1]))
        seen = after
    return verdicts
