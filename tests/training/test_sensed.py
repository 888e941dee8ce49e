"""The judge without truth, against the truth: on lifts, on failures, and on what looks like a lift."""

import numpy as np
import pytest

from control.types import GRIPPER, Observation
from policies.spaces import Spaces
from sim.robot import SimRobot
from training import settings
from training.evaluate import requests
from training.lift import LiftTask, load_reward
from training.sensed import SensedLift
from training.teachers import Teacher

SMALL = ("robot.camera_px=16", "spaces.camera_px=16")
LIMIT, AFTER = 60, 3


def judged(robot, teacher, judge, oracle, request) -> tuple[bool, bool]:
    """Whether judge and oracle saw a success; neither ends the episode for the other."""
    policy, felt, true = teacher(robot, request.seed), False, False
    policy.reset()
    seen = robot.reset(request)
    judge.reset(seen, None)
    oracle.reset(seen, robot.truth())
    since = 0
    for _ in range(LIMIT):
        command = policy.act(seen)
        seen = robot.step(command)
        felt = felt or judge.judge(seen, command, None).success
        true = true or oracle.judge(seen, command, robot.truth()).success
        since += felt or true
        if since > AFTER:
            break
    return felt, true


@pytest.mark.parametrize(
    ("config", "script", "noise", "wild"),
    [
        ("lift_fast.yaml", "scripted", 0.6, False),
        ("lift_crude.yaml", "crude", 0.0, False),
        ("lift_wild.yaml", "scripted", 0.5, True),
    ],
)
def test_what_it_feels_as_a_lift_is_one_and_no_lift_escapes_it(config, script, noise, wild):
    run = settings.load(config, SMALL)
    with SimRobot(run.robot) as robot:
        judge, oracle = SensedLift(robot.arm, run.robot.cube_m), LiftTask(load_reward("sparse"), 0.97)
        teacher = Teacher(run.spaces, script, noise)
        found = np.array([judged(robot, teacher, judge, oracle, r) for r in requests(run.task, 4_000_000, 25)])
    felt, true = found.T
    assert true.sum() >= 5 and (felt & ~true).sum() == 0 and (~felt & true).sum() <= 1


def test_a_gripper_closed_on_nothing_and_raised_lifts_nothing():
    run = settings.load("lift_fast.yaml", SMALL)
    with SimRobot(run.robot) as robot:
        spaces, judge = Spaces(run.spaces, robot.arm), SensedLift(robot.arm, run.robot.cube_m)
        seen = robot.reset(next(iter(requests(run.task, 4_000_000, 1))))
        judge.reset(seen, None)
        for action in [(0.0, 0.0, 1.0, 0.0, -1.0)] * 40:
            seen = robot.step(spaces.command(np.array(action), seen))
            assert not judge.judge(seen, None, None).success
        assert isinstance(seen, Observation) and seen.joints_rad[GRIPPER] < -0.1
