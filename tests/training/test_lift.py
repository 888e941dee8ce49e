"""Reward terms are arithmetic: literals in, literals out. The task's rules are tested on made-up truths."""

import numpy as np
import pytest

from control.errors import ConfigError, TwinarmError
from control.types import Command, Observation, Truth
from training.lift import HELD_STEPS, TERMS, LiftState, LiftTask, RewardConfig, load_reward

REWARDS = ("v11", "v13", "v14", "v15", "v16", "v17", "v18", "v19")
HOVER = dict(tool_to_cube_m=0.01, pad_to_cube_m=0.06, cube_m=0.015, gripper_rad=1.0, grasping=False)
HELD_LOW = dict(tool_to_cube_m=0.005, pad_to_cube_m=0.015, cube_m=0.07, gripper_rad=0.2, grasping=True)


def state(**given) -> LiftState:
    base = dict(HOVER, was_grasping=given.get("grasping", False), held_steps=0, step=1)
    return LiftState(**(base | given))


@pytest.mark.parametrize(
    "term, given, expected",
    [
        ("reach", dict(tool_to_cube_m=0.0), 1.0),
        ("reach", dict(tool_to_cube_m=0.1), 1 - np.tanh(1.0)),
        ("reach_both_fingers", dict(tool_to_cube_m=0.1), 1 - np.tanh(1.0)),
        ("reach_both_fingers", dict(tool_to_cube_m=0.0, gripper_rad=0.2), 1.0),
        ("reach_both_fingers", dict(tool_to_cube_m=0.0, pad_to_cube_m=0.1), (2 - np.tanh(1.0)) / 2),
        ("push_down", dict(cube_m=0.015), 0.0),
        ("push_down", dict(cube_m=0.004), -0.006),
        ("drop", dict(was_grasping=True, grasping=False), -1.0),
        ("drop", dict(was_grasping=True, grasping=True), 0.0),
        ("grasp", dict(grasping=True), 1.0),
        ("lift", dict(grasping=True, cube_m=0.0475), 0.5),
        ("lift", dict(grasping=False, cube_m=0.0475), 0.0),
        ("off_table", dict(cube_m=0.021), 1.0),
        ("off_table_grasped", dict(cube_m=0.021), 0.0),
        ("off_table_grasped", dict(cube_m=0.021, grasping=True), 1.0),
        ("ramp", dict(grasping=True, cube_m=0.06), 0.5),
        ("ramp", dict(grasping=True, cube_m=0.2), 1.0),
        ("lifted", dict(cube_m=0.081), 1.0),
        ("hold", dict(cube_m=0.081, held_steps=4), 4.0),
        ("open_gripper", dict(step=40), 0.0),
        ("open_gripper", dict(step=41, gripper_rad=1.0), -0.3),
        ("open_gripper", dict(step=41, gripper_rad=0.2), 0.0),
        ("jerk_high", dict(cube_m=0.05, action=(1.0, 1.0), last_action=(0.0, 0.0)), 0.0),
        ("jerk_high", dict(cube_m=0.07, action=(1.0, 1.0), last_action=(0.0, 0.0)), -2.0),
        ("jerk_holding", dict(cube_m=0.09, held_steps=1, action=(1.0, 1.0), last_action=(0.0, 0.0)), -2.0),
        ("success", dict(held_steps=HELD_STEPS), 1.0),
        ("success", dict(held_steps=HELD_STEPS - 1), 0.0),
    ],
)
def test_a_term_is_worth(term, given, expected):
    assert TERMS[term](state(**given)) == pytest.approx(expected)


@pytest.mark.parametrize("name, hover", [("v13", 0.9), ("v16", 0.9), ("v11", 0.9)])
def test_hovering_open_pays_what_the_experiment_logged(name, hover):
    reward = load_reward(name)
    assert sum(w * TERMS[t](state()) for t, w in reward.terms.items()) == pytest.approx(hover, abs=0.01)


@pytest.mark.parametrize("name", REWARDS)
def test_every_dense_version_pays_more_for_holding_low_than_for_hovering(name):
    reward = load_reward(name)
    pay = [sum(w * TERMS[t](state(**s)) for t, w in reward.terms.items()) for s in (HOVER, HELD_LOW)]
    assert pay[1] > pay[0] + 1


def look(gripper_rad: float, seq: int = 0) -> Observation:
    joints = np.array([0, 0, 0, 0, 0, gripper_rad], float)
    return Observation(seq, 0.0, joints, np.zeros(6), np.zeros(6), joints.copy(), False, {})


def truth(cube_m: float, pads=(True, True)) -> Truth:
    where = np.array([0.2, 0.0, cube_m])
    return Truth(where, np.array([1.0, 0, 0, 0]), where.copy(), where.copy(), pads)


def play(task: LiftTask, *steps):
    task.reset(look(0.8), truth(0.015, (False, False)))
    command = Command(np.zeros(6), 0, action=(0.0, 0.0))
    return [task.judge(look(gripper), command, truth(height, pads)) for gripper, height, pads in steps]


HIGH = (0.18, 0.09, (True, True))


def test_the_tenth_held_step_is_success_and_ends_the_episode():
    verdicts = play(LiftTask(load_reward("sparse"), 0.97), *[HIGH] * HELD_STEPS)
    assert [v.success for v in verdicts] == [False] * (HELD_STEPS - 1) + [True]
    assert [v.discount for v in verdicts] == [1.0] * (HELD_STEPS - 1) + [0.0]
    assert [v.reward for v in verdicts] == [0.0] * (HELD_STEPS - 1) + [1.0]


@pytest.mark.parametrize(
    "dip",
    [(0.18, 0.079, (True, True)), (0.30, 0.09, (True, True)), (0.18, 0.09, (True, False))],
    ids=["low", "open", "one pad"],
)
def test_one_step_that_does_not_hold_starts_the_count_again(dip):
    verdicts = play(LiftTask(load_reward("sparse"), 0.97), *[HIGH] * 9, dip, *[HIGH] * 9)
    assert not any(v.success for v in verdicts)


def test_the_potential_vanishes_at_the_end_so_it_sums_to_its_negative_start():
    gamma = 0.9
    task = LiftTask(RewardConfig({}, {"lift": 2.0}), gamma)
    verdicts = play(task, (0.18, 0.03, (True, True)), *[HIGH] * HELD_STEPS)
    assert sum(gamma**t * v.reward for t, v in enumerate(verdicts)) == pytest.approx(0.0)  # nothing was held at first
    first = 2.0 * TERMS["lift"](state(grasping=True, cube_m=0.03))
    assert verdicts[0].reward == pytest.approx(gamma * first)


def test_the_potential_of_the_start_is_paid_back():
    gamma, reward = 0.9, RewardConfig({}, {"reach": 2.0})
    verdicts = play(LiftTask(reward, gamma), *[HIGH] * HELD_STEPS)
    start = 2.0 * TERMS["reach"](state(tool_to_cube_m=0.0))
    assert sum(gamma**t * v.reward for t, v in enumerate(verdicts)) == pytest.approx(-start)


def test_without_truth_there_is_no_judgement():
    with pytest.raises(TwinarmError, match="truth"):
        LiftTask(load_reward("sparse"), 0.97).judge(look(0.5), Command(np.zeros(6), 0), None)


def test_an_unknown_reward_or_term_is_named():
    with pytest.raises(ConfigError, match="v13"):
        load_reward("v12")
    with pytest.raises(ValueError, match="reech"):
        RewardConfig({"reech": 1.0})
