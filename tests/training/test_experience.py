"""From control steps to decisions: what is learned from each, and what a reward adds up to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.arm import Arm
from control.loop import Step
from control.types import Command, Frame, Observation, Truth, Verdict
from policies.spaces import Spaces, SpacesConfig
from training.experience import from_steps
from training.lift import HELD_STEPS, LiftTask, RewardConfig

ARM = Arm.from_facts()


def spaces(repeat: int) -> Spaces:
    return Spaces(SpacesConfig(camera_px=2, action_repeat=repeat), ARM)


def seen(t: int) -> Observation:
    """A look whose every pixel is `t`."""
    frame, zero = Frame(np.full((2, 2, 3), t, np.uint8), 0.1 * t), np.zeros(6)
    return Observation(t, 0.1 * t, zero, zero, zero, zero, False, {"wrist_cam": frame})


def lived(verdicts: list[Verdict], repeat: int) -> list[Step]:
    """An episode of these verdicts; decision d was executed as d + 0.5 and meant as d."""
    steps = []
    for t, verdict in enumerate(verdicts):
        command = Command(np.zeros(6), t, action=(t // repeat + 0.5,), label=(float(t // repeat),))
        steps.append(Step(seen(t), None, command, seen(t + 1), None, verdict))
    return steps


def paid(rewards: list[float], ends: bool) -> list[Verdict]:
    verdicts = [Verdict(reward, 1.0, False, {}) for reward in rewards]
    return [*verdicts[:-1], replace(verdicts[-1], discount=0.0 if ends else 1.0)]


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(
    "repeat, looks, rewards",
    [
        (1, [0, 1, 2, 3, 4, 5], [1, 2, -4, 8, 16]),
        (2, [0, 2, 4, 5], [3, 4, 16]),
        (3, [0, 3, 5], [-1, 24]),
        (9, [0, 5], [23]),
    ],
)
def test_a_decision_has_the_sum_of_its_rewards_and_an_end_stays_an_end(repeat, looks, rewards, ends):
    arrays = from_steps(lived(paid([1, 2, -4, 8, 16], ends), repeat), spaces(repeat))
    assert arrays.frames[:, 0, 0, 0].tolist() == looks
    assert arrays.reward.tolist() == rewards
    assert arrays.discount.tolist() == [1] * (len(rewards) - 1) + [0 if ends else 1]


def test_what_was_executed_and_what_was_meant_are_kept_apart():
    arrays = from_steps(lived(paid([0, 0, 0, 0], True), 2), spaces(2))
    assert arrays.action.tolist() == [[0.5], [1.5]] and arrays.label.tolist() == [[0], [1]]


def test_without_a_teacher_the_label_is_what_was_executed():
    steps = [replace(s, command=replace(s.command, label=())) for s in lived(paid([0, 0], True), 1)]
    arrays = from_steps(steps, spaces(1))
    assert arrays.label.tolist() == arrays.action.tolist() == [[0.5], [1.5]]


def potential(height: float) -> float:
    return 0.2 * (1 - np.tanh(10 * abs(height - 0.05))) + 0.2 + 0.3 * max(0.0, height - 0.015) / 0.065


def held_at(heights: list[float], gamma: float) -> list[Verdict]:
    """The word on a cube that is held throughout, first at `heights[0]`, until the task ends."""

    def truth(height: float) -> Truth:
        where, tool = np.array([0.2, 0.0, height]), np.array([0.2, 0.0, 0.05])
        return Truth(where, np.array([1.0, 0, 0, 0]), tool, where, (True, True))

    task, verdicts = LiftTask(RewardConfig({}, {"reach": 0.2, "grasp": 0.2, "lift": 0.3}), gamma), []
    task.reset(seen(0), truth(heights[0]))
    for t, height in enumerate(heights[1:]):
        verdicts.append(task.judge(seen(t + 1), Command(np.zeros(6), t), truth(height)))
        if verdicts[-1].success:
            break
    return verdicts


@given(
    heights=st.lists(st.floats(0.0, 0.3), min_size=2, max_size=30),
    lifted=st.booleans(),
    repeat=st.integers(1, 10),
    gamma=st.floats(0.5, 0.999),
)
def test_a_potential_adds_up_to_its_two_ends_however_long_a_decision_is(heights, lifted, repeat, gamma):
    heights = [*heights, *[0.1] * HELD_STEPS * lifted]
    verdicts = held_at(heights, gamma)
    assert verdicts[-1].success >= lifted
    rewards = from_steps(lived(verdicts, repeat), spaces(repeat)).reward.astype(float)
    decisions = np.arange(len(rewards))
    end = 0.0 if verdicts[-1].success else potential(heights[len(verdicts)])
    expected = gamma ** len(rewards) * end - potential(heights[0])
    assert gamma**decisions @ rewards == pytest.approx(expected, abs=1e-5)


def test_a_potential_leaves_the_rest_of_a_reward_alone():
    verdicts = held_at([0.1] * 11, 0.9)
    shaping = from_steps(lived(verdicts, 2), spaces(2)).reward
    both = [replace(verdict, reward=verdict.reward + 3.0) for verdict in verdicts]
    assert from_steps(lived(both, 2), spaces(2)).reward - shaping == pytest.approx(np.full(5, 6.0), abs=1e-5)
