"""No lift is faster than the bound, and the bound is what a stop-watch and a pencil give."""

import numpy as np
import pytest

from control.arm import Arm, facts
from control.config import RobotConfig
from control.types import Truth
from policies.spaces import SpacesConfig
from sim.robot import SimRobot
from training.bound import fastest_lift_s
from training.evaluate import evaluate, requests
from training.lift import LiftTask, load_reward
from training.settings import TaskConfig
from training.teachers import Teacher

ARM = Arm.from_facts()
HOME = np.array(facts()["home_rad"])


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig(hz=10, camera_px=32)) as robot:
        yield robot


def cube(x=0.23, y=0.0, yaw=0.0, held=False) -> Truth:
    quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
    return Truth(np.array([x, y, 0.015]), quat, np.zeros(3), np.zeros(3), (held, held))


@pytest.mark.parametrize("stage", ["home", "near", "far"])
def test_the_teacher_stays_above_the_bound(robot, stage):
    task = TaskConfig(stage=stage)
    judge = LiftTask(load_reward("sparse"), 0.97)
    teacher = Teacher(SpacesConfig(camera_px=32))(robot, 0)
    report = evaluate(robot, teacher, judge, requests(task, 400_000, 5), 200, arm=ARM)
    assert all(1.0 < episode.bound_s < episode.time_s for episode in report.episodes if episode.success)
    assert 1.0 < report.median_ratio < 2.0


def test_a_cube_in_the_hand_leaves_the_rise_and_the_ten_held_steps(robot):
    spec = robot.spec
    near = ARM.solve(HOME, np.array([0.23, 0.0, 0.012]), 0.0, 60)
    held_s, loose_s = (fastest_lift_s(ARM, spec, near, cube(held=held)) for held in (True, False))
    assert 0.9 < held_s <= 1.3 and held_s < loose_s


def test_the_bound_grows_with_the_way_and_not_with_a_quarter_turn_of_the_cube(robot):
    near, far = (fastest_lift_s(ARM, robot.spec, HOME, cube(y=y)) for y in (0.0, 0.12))
    assert near <= far
    assert fastest_lift_s(ARM, robot.spec, HOME, cube(yaw=0.3)) == fastest_lift_s(
        ARM, robot.spec, HOME, cube(yaw=0.3 + np.pi / 2)
    )


def test_a_cube_out_of_reach_has_no_bound(robot):
    assert fastest_lift_s(ARM, robot.spec, HOME, cube(x=0.9)) is None
