"""The lift task: what counts as a grasp and as success, and rewards as named terms with weights.

Grasping means closed below 0.25 rad with both pads on the cube. Success means grasping with the cube's centre above 8
cm for 10 consecutive control steps; it ends the episode (discount 0). Running out of time does not (discount stays 1).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from control import config
from control.config import require
from control.errors import ConfigError, TwinarmError
from control.types import GRIPPER, Command, Observation, Truth, Verdict

CLOSED_RAD = 0.25
LIFTED_M = 0.08
HELD_STEPS = 10
BEFORE, AFTER = (
    "potential_before",
    "potential_after",
)  # what a potential adds, apart: a decision of n steps adds it once


@dataclass(frozen=True)
class LiftState:
    """What a reward may look at."""

    tool_to_cube_m: float
    pad_to_cube_m: float  # moving pad
    cube_m: float  # height of the cube's centre
    gripper_rad: float
    grasping: bool
    was_grasping: bool
    held_steps: int  # consecutive steps grasping above LIFTED_M, this one included
    step: int
    action: tuple[float, ...] = ()
    last_action: tuple[float, ...] = ()

    @property
    def success(self) -> bool:
        return self.held_steps >= HELD_STEPS


def reach(s: LiftState) -> float:
    return 1 - math.tanh(10 * s.tool_to_cube_m)


def reach_both_fingers(s: LiftState) -> float:
    """Reach; once near, half of it is for the moving finger, which must close."""
    near = reach(s)
    moving = 1.0 if s.gripper_rad < CLOSED_RAD else 1 - math.tanh(10 * s.pad_to_cube_m)
    return near if near < 0.7 else (near + moving) / 2


def push_down(s: LiftState) -> float:
    return -max(0.0, 0.01 - s.cube_m)


def drop(s: LiftState) -> float:
    return -float(s.was_grasping and not s.grasping)


def grasp(s: LiftState) -> float:
    return float(s.grasping)


def lift(s: LiftState) -> float:
    return s.grasping * max(0.0, s.cube_m - 0.015) / (LIFTED_M - 0.015)


def off_table(s: LiftState) -> float:
    return float(s.cube_m > 0.02)


def off_table_grasped(s: LiftState) -> float:
    return float(s.cube_m > 0.02 and s.grasping)


def ramp(s: LiftState) -> float:
    return s.grasping * min(1.0, max(0.0, s.cube_m - 0.04) / (LIFTED_M - 0.04))


def lifted(s: LiftState) -> float:
    return float(s.cube_m > LIFTED_M)


def hold(s: LiftState) -> float:
    return float(s.held_steps) if s.cube_m > LIFTED_M else 0.0


def jerk_high(s: LiftState) -> float:
    return -_change(s) if s.cube_m > 0.06 else 0.0


def jerk_holding(s: LiftState) -> float:
    return -_change(s) if s.cube_m > LIFTED_M and s.held_steps > 0 else 0.0


def open_gripper(s: LiftState) -> float:
    """From 0 to -0.3 as the gripper stays open after the fortieth step."""
    openness = min(max((s.gripper_rad - CLOSED_RAD) / (1.0 - CLOSED_RAD), 0.0), 1.0)
    return -0.3 * openness if s.step > 40 else 0.0


def success(s: LiftState) -> float:
    return float(s.success)


def _change(s: LiftState) -> float:
    return sum((a - b) ** 2 for a, b in zip(s.action, s.last_action, strict=True)) if s.last_action else 0.0


Term = Callable[[LiftState], float]
TERMS: dict[str, Term] = {
    term.__name__: term
    for term in (
        *(reach, reach_both_fingers, push_down, drop, grasp, lift, off_table, off_table_grasped, ramp),
        *(lifted, hold, jerk_high, jerk_holding, open_gripper, success),
    )
}


class RewardConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reward: terms with weights, and a potential whose change is added (zero where the task ends)."""

    terms: dict[str, float]
    potential: dict[str, float] = {}

    def __post_init__(self) -> None:
        unknown = [name for name in (*self.terms, *self.potential) if name not in TERMS]
        require(not unknown, f"no reward term {', '.join(unknown)}; there are: {', '.join(TERMS)}")


def load_reward(name: str) -> RewardConfig:
    """The reward of that name in `configs/rewards.yaml`. Raises ConfigError naming the ones there are."""
    rewards = config.shipped("rewards.yaml")
    if name not in rewards:
        raise ConfigError(f"no reward {name}; there are: {', '.join(rewards)}")
    return config.build(RewardConfig, rewards[name], f"rewards.yaml: {name}")


class LiftTask:
    """Judges the lift by the simulator's truth.

    Args:
        reward: terms, weights and potential.
        gamma: the agent's discount for a decision; a potential's change is gamma * new - old.
    """

    def __init__(self, reward: RewardConfig, gamma: float):
        self._reward, self._gamma = reward, gamma
        self.states: list[LiftState] = []  # what this episode's judgements looked at
        self._potential = 0.0

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        self.states = []
        if truth is not None:
            self._potential = self._value(self._look(observation, Command(observation.target_rad.copy(), 0), truth))

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        """Judge a step. Raises TwinarmError where there is no truth to judge by."""
        if truth is None:
            raise TwinarmError("this robot tells no truth, and the lift task needs it; use a simulated robot")
        state = self._look(observation, command, truth)
        self.states.append(state)
        terms = {name: weight * TERMS[name](state) for name, weight in self._reward.terms.items()}
        if self._reward.potential:
            terms |= self._shape(state)
        return Verdict(sum(terms.values()), 0.0 if state.success else 1.0, state.success, terms)

    def _shape(self, state: LiftState) -> dict[str, float]:
        before, self._potential = self._potential, 0.0 if state.success else self._value(state)
        return {AFTER: self._gamma * self._potential, BEFORE: -before}

    def _value(self, state: LiftState) -> float:
        """The potential at `state`."""
        return sum(weight * TERMS[name](state) for name, weight in self._reward.potential.items())

    def _look(self, observation: Observation, command: Command, truth: Truth) -> LiftState:
        last = self.states[-1] if self.states else None
        gripper = float(observation.joints_rad[GRIPPER])
        grasping = gripper < CLOSED_RAD and all(truth.pads_touch)
        high = grasping and truth.cube_m[2] > LIFTED_M
        return LiftState(
            tool_to_cube_m=math.dist(truth.tool_m, truth.cube_m),
            pad_to_cube_m=math.dist(truth.moving_pad_m, truth.cube_m),
            cube_m=float(truth.cube_m[2]),
            gripper_rad=gripper,
            grasping=grasping,
            was_grasping=bool(last and last.grasping),
            held_steps=(last.held_steps if last else 0) + 1 if high else 0,
            step=last.step + 1 if last else 1,
            action=command.action,
            last_action=last.action if last else (),
        )
