"""A person's word on an episode overrules the judge, and ends it."""

import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.operating import Order
from control.types import ResetRequest
from policies.behaviours import Blind
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot
from training.evaluate import evaluate
from training.labelled import Labelled
from training.sensed import SensedLift

STEPS = 6


@pytest.mark.parametrize(
    "said, success, steps, reward",
    [
        ([], False, STEPS, 0.0),
        ([Order.KEEP], False, STEPS, 0.0),
        ([Order.SUCCESS], True, 1, 1.0),
        ([Order.FAILURE], False, 1, 0.0),
        ([Order.SUCCESS, Order.FAILURE], False, 1, 0.0),
    ],
)
def test_an_episode_ends_as_they_say(said, success, steps, reward):
    arm, seen = Arm.from_facts(), []
    with SimRobot(RobotConfig(hz=10, camera_px=32)) as robot:
        judge = Labelled(SensedLift(arm, 0.03), lambda: said)
        policy = Blind(Spaces(SpacesConfig(camera_px=32), arm), 0.0, 0)
        [result] = evaluate(robot, policy, judge, [ResetRequest(seed=1)], STEPS, seen.append).episodes
    assert (result.success, result.steps, result.reward) == (success, steps, reward)
    assert seen[-1].verdict.discount == (0.0 if steps == 1 else 1.0)
