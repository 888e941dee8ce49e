"""What a reward really pays: success against the behaviours that an agent may settle on instead, rolled out.

A reward is sound when lifting and stopping is worth clearly more than every trap, however it is counted: summed, or
discounted as the agent discounts, with the time limit as an end or as a mere interruption. Where it is not, a better
learner only finds the trap sooner.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from control.arm import Arm
from control.errors import TwinarmError
from control.interfaces import Policy, Robot
from control.loop import Step, play
from control.types import ResetRequest
from policies.behaviours import HOVER, Blind, dip, hold_below
from policies.repeat import Repeat
from policies.scripted import WAYPOINTS, ScriptedGrasp, Waypoint
from policies.spaces import Spaces
from sim.robot import SimRobot
from training.experience import earned
from training.lift import LIFTED_M, LiftTask, RewardConfig, load_reward
from training.settings import TrainConfig
from training.teachers import cube

SUCCESS = "success"
SOUND = 0.10  # share of the larger value by which success must win
FIRST_SEED = 500_000  # resets of the audit: demonstrations count from 0, training from a million
TURNS_M = np.arange(LIFTED_M + 0.02, LIFTED_M - 0.06, -0.0025)  # where a dip may turn: as late as it may
ATTEMPTS = 20  # resets tried for one that the script lifts
TAIL = 0.25  # share of an unfinished episode that stands for what would go on for ever


@dataclass(frozen=True)
class Rollouts:
    """Each behaviour from the same resets: name -> one list of steps for every reset."""

    episodes: Mapping[str, tuple[tuple[Step, ...], ...]]
    hz: float
    repeat: int  # control steps of a decision


@dataclass(frozen=True)
class Values:
    """What one behaviour is worth from its start, in three ways of counting."""

    summed: float  # to the end or the time limit
    discounted: float  # the same, discounted for every decision
    bootstrapped: float  # discounted, going on for ever where the time limit cut it


COLUMNS = tuple(field.name for field in fields(Values))


@dataclass(frozen=True)
class Verdict:
    """One reward's worth for every behaviour."""

    reward: str
    values: Mapping[str, Values]

    def trap(self, column: str) -> str:
        """The behaviour that pays most among those that do not succeed."""
        return max((name for name in self.values if name != SUCCESS), key=lambda name: self._worth(name, column))

    @property
    def traps(self) -> list[str]:
        """The behaviours that success does not clearly beat in every column, the best paid first."""
        found = [name for name in self.values if name != SUCCESS and min(self._lead(name, c) for c in COLUMNS) < SOUND]
        return sorted(found, key=lambda name: -self._worth(name, self.worst))

    def margin(self, column: str) -> float:
        """By how much success beats the best trap, as a share of the larger of the two; negative where it loses."""
        return self._lead(self.trap(column), column)

    def _lead(self, name: str, column: str) -> float:
        won, lost = self._worth(SUCCESS, column), self._worth(name, column)
        return (won - lost) / max(abs(won), abs(lost), 1e-9)

    @property
    def worst(self) -> str:
        """The column in which success does worst."""
        return min(COLUMNS, key=self.margin)

    @property
    def sound(self) -> bool:
        return not self.traps

    def _worth(self, name: str, column: str) -> float:
        return float(getattr(self.values[name], column))

    def sentence(self) -> str:
        """The verdict in words."""
        trap, worst = self.trap(self.worst), self.worst
        pays = f"{trap} is worth {self._worth(trap, worst):.3g}, success {self._worth(SUCCESS, worst):.3g} ({worst})"
        return f"{self.reward} is sound" if self.sound else f"{self.reward} invites to {', '.join(self.traps)}: {pays}"


def audit(config: TrainConfig, rewards: Sequence[str], resets: int = 1) -> tuple[Rollouts, list[Verdict]]:
    """Roll out the behaviours in a simulator of the configuration's task, then judge them by every reward.

    Raises:
        ConfigError: no reward of that name.
        TwinarmError: the script lifts at none of the resets tried.
    """
    judged = {name: load_reward(name) for name in rewards}
    with closing(SimRobot(config.robot)) as robot:
        rollouts = roll_out(robot, config, resets)
    return rollouts, [judge(name, reward, rollouts, config.replay.gamma) for name, reward in judged.items()]


def hover_worth(config: TrainConfig) -> float:
    """What hovering open at the cube for ever is worth under the configuration's reward, from one reset."""
    spaces, task = Spaces(config.spaces, Arm.of(config.robot.model)), config.task
    request = task.request(FIRST_SEED)
    with closing(SimRobot(config.robot)) as robot:
        steps = _episode(robot, request, task.limit_steps, _grasp(robot, spaces, HOVER))
    gamma = config.replay.gamma
    return value(paid(steps, load_reward(task.reward), gamma, config.spaces.action_repeat), False, gamma).bootstrapped


def roll_out(robot: Robot, config: TrainConfig, resets: int) -> Rollouts:
    """Every behaviour from the first `resets` resets at which the script lifts, to its end or the time limit."""
    spaces, task = Spaces(config.spaces, Arm.of(config.robot.model)), config.task
    rows: list[dict[str, tuple[Step, ...]]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + ATTEMPTS * resets):
        request = task.request(seed)
        play_once = partial(_episode, robot, request, task.limit_steps)
        success = play_once(_grasp(robot, spaces, WAYPOINTS))
        if success[-1].verdict.success:
            traps = {name: _first_failure(play_once, policies) for name, policies in _traps(robot, spaces, seed)}
            rows.append({SUCCESS: success} | traps)
        if len(rows) == resets:
            episodes = {name: tuple(row[name] for row in rows) for name in rows[0]}
            return Rollouts(episodes, robot.spec.hz, config.spaces.action_repeat)
    raise TwinarmError(f"the script lifted at {len(rows)} of {ATTEMPTS * resets} resets, too few to audit a reward by")


def _traps(robot: Robot, spaces: Spaces, seed: int) -> Iterator[tuple[str, Iterator[Policy]]]:
    """Each trap as policies of falling ambition: the first that does not succeed after all is the trap."""
    yield "hover open", iter([_grasp(robot, spaces, HOVER)])
    yield "hold below", iter([_grasp(robot, spaces, hold_below(LIFTED_M))])
    yield "dip", (_grasp(robot, spaces, dip(LIFTED_M, turn_m)) for turn_m in TURNS_M)
    yield "random", iter([Repeat(Blind(spaces, 1.0, seed), spaces)])


def _grasp(robot: Robot, spaces: Spaces, waypoints: Sequence[Waypoint]) -> Policy:
    return Repeat(ScriptedGrasp(spaces, spaces.arm, partial(cube, robot), waypoints), spaces)


def _first_failure(play_once: Callable[[Policy], tuple[Step, ...]], policies: Iterator[Policy]) -> tuple[Step, ...]:
    for episode in map(play_once, policies):
        if not episode[-1].verdict.success:
            return episode
    raise TwinarmError("a behaviour that was to fail succeeded after all, so there is no trap to audit a reward by")


def _episode(robot: Robot, request: ResetRequest, limit_steps: int, policy: Policy) -> tuple[Step, ...]:
    return tuple(play(robot, policy, LiftTask(load_reward("sparse"), 0.99), request, limit_steps))


def judge(name: str, reward: RewardConfig, rollouts: Rollouts, gamma: float) -> Verdict:
    """What `reward` pays for each behaviour, the mean over its resets."""
    values = {
        behaviour: _mean([value(paid(steps, reward, gamma, rollouts.repeat), _ended(steps), gamma) for steps in rows])
        for behaviour, rows in rollouts.episodes.items()
    }
    return Verdict(name, values)


def paid(steps: Sequence[Step], reward: RewardConfig, gamma: float, repeat: int = 1) -> np.ndarray:
    """What `reward` pays for each decision of an episode, (decisions,)."""
    task = LiftTask(reward, gamma)
    task.reset(steps[0].before, steps[0].truth_before)
    each = [task.judge(step.after, step.command, step.truth) for step in steps]
    return np.array([earned(each[t : t + repeat]) for t in range(0, len(each), repeat)])


def value(rewards: np.ndarray, ended: bool, gamma: float) -> Values:
    """The worth of an episode's rewards (decisions,), which either ended or was cut short."""
    weights = gamma ** np.arange(len(rewards))
    discounted = float(weights @ rewards)
    tail = rewards[-max(1, round(TAIL * len(rewards))) :].mean()
    rest = 0.0 if ended else float(gamma ** len(rewards) * tail / (1 - gamma))
    return Values(float(rewards.sum()), discounted, discounted + rest)


def _ended(steps: Sequence[Step]) -> bool:
    return steps[-1].verdict.discount == 0


def _mean(values: Sequence[Values]) -> Values:
    return Values(*(float(np.mean([getattr(each, column) for each in values])) for column in COLUMNS))
