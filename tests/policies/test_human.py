"""The made-up person: late, trembling, with pauses, and it lifts the cube."""

from dataclasses import replace

import numpy as np
import pytest

from control.loop import play
from control.operating import Order
from control.types import Truth
from policies.human import OVER, REACTION_S, SyntheticPerson
from policies.spaces import Spaces
from policies.teleop import Teleoperated
from sim.robot import SimRobot
from training import settings
from training.lift import LiftTask, load_reward

CONFIG = settings.load("lift_few.yaml")
HIGH = np.array([0.2, 0.0, 0.15])


def scene(cube_x_m: float = 0.2, cube_z_m: float = 0.015) -> Truth:
    """An open hand above a cube."""
    cube = np.array([cube_x_m, 0.0, cube_z_m])
    return Truth(cube, np.array([1.0, 0, 0, 0]), HIGH, HIGH + [0.05, 0, 0], (False, False))


def person(eyes, hz: float = 100, seed: int = 0) -> SyntheticPerson:
    return SyntheticPerson(eyes, hz, np.random.default_rng(seed))


def asked(operator: SyntheticPerson) -> list[tuple[Order, ...]]:
    """What it says after an episode."""
    return [orders for _ in range(2 * OVER) if (orders := operator.orders())]


@pytest.fixture(scope="module")
def robot():
    with SimRobot(CONFIG.robot) as robot:
        yield robot


def test_it_lifts_the_cube_with_pauses_and_a_hand_that_trembles(robot):
    spaces, judge = Spaces(CONFIG.spaces, robot.arm), LiftTask(load_reward("sparse"), 0.97)
    operator = person(robot.truth, hz=10)
    policy, actions = Teleoperated(operator, robot, spaces), []
    for seed in range(4):
        steps = list(play(robot, policy, judge, CONFIG.task.request(seed), 300))
        assert steps[-1].verdict.success
        actions += [step.command.action for step in steps]
        assert asked(operator) == [(Order.KEEP,)]
    arm = np.array(actions)[:, :4]
    still = ~np.array(actions).any(axis=1)
    assert 0.05 < still.mean() < 0.5
    assert np.linalg.norm(arm[:, :2], axis=1).max() <= 0.71 and len(np.unique(arm[:, 2])) > 60


@pytest.mark.parametrize("seed", range(5))
def test_it_sees_a_quarter_of_a_second_late(seed):
    there = [scene()]
    operator = person(lambda: there[0], seed=seed)
    pushes = [operator.intent() for _ in range(200)]  # hesitates, then goes down
    there[0] = scene(cube_x_m=0.3)
    after = [operator.intent() for _ in range(100)]
    assert any(push for push in pushes)
    reacted_s = next(i for i, push in enumerate(after) if push and push.motion[0] > 0.8) / 100
    paused_s = sum(push is None for push in after[: round(100 * reacted_s)]) / 100
    assert REACTION_S[0] <= reacted_s <= REACTION_S[1] + paused_s + 0.02


def test_it_hesitates_before_an_episode_and_not_the_same_at_each():
    operator, waits = person(scene), []
    for _ in range(8):
        waits.append(next(i for i in range(1000) if operator.intent()))
        asked(operator)
    assert min(waits) >= 29 and len(set(waits)) > 4


@pytest.mark.parametrize(("height_m", "answer"), [(0.1, Order.KEEP), (0.015, Order.REDO)])
def test_it_keeps_what_lifted_the_cube_and_redoes_the_rest(height_m, answer):
    operator = person(lambda: scene(cube_z_m=height_m))
    operator.intent()
    assert asked(operator) == [(answer,)]


def test_without_the_truth_it_lets_go():
    assert all(person(lambda: None).intent() is None for _ in range(100))


def test_it_lifts_a_finger_off_the_cube_again():
    stuck = replace(scene(), tool_m=np.array([0.2, 0.0, 0.035]), moving_pad_m=np.array([0.25, 0.0, 0.035]))
    hovering = replace(stuck, tool_m=np.array([0.2, 0.0, 0.065]), moving_pad_m=np.array([0.25, 0.0, 0.065]))
    there = [hovering]
    operator = person(lambda: there[0])
    for _ in range(200):
        operator.intent()
    there[0] = stuck
    ups = [push.motion[2] for _ in range(300) if (push := operator.intent())]
    assert ups[0] < 0 and max(ups) > 0.3
