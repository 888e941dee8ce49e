"""The grasp that nobody tells where the cube is: what it finds in real renders, and whether that is enough to lift."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from control.types import Frame
from policies.finder import CubeFinder
from policies.sighted import SightedGrasp
from policies.spaces import Spaces
from sim.robot import SimRobot
from training import settings
from training.evaluate import requests
from training.lift import LiftTask, load_reward
from training.teachers import Teacher

CONFIG = settings.load("lift_fast.yaml", ("robot.camera_px=128", "spaces.camera_px=128", "task.stage=home"))
FIRST = 5_000_000


@pytest.fixture(scope="module")
def robot():
    with SimRobot(CONFIG.robot) as robot:
        yield robot


@pytest.fixture
def finder(robot) -> CubeFinder:
    return Teacher.of(CONFIG, "sighted").finder(robot.arm)


def test_the_cube_is_found_to_the_millimetre_from_the_home_pose(robot, finder):
    off_m, off_rad = [], []
    for request in requests(CONFIG.task, FIRST, 25):
        seen, truth = robot.reset(request), robot.truth()
        if (found := finder.find(seen)) is None:
            continue
        off_m.append(np.linalg.norm(found.cube_m[:2] - truth.cube_m[:2]))
        yaw = 2 * np.arctan2(truth.cube_quat[3], truth.cube_quat[0])
        off_rad.append(abs((found.yaw_rad - yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4))
    assert len(off_m) >= 23 and np.median(off_m) < 0.001 and max(off_m) < 0.008
    assert np.median(off_rad) < 0.03


def test_no_cube_is_found_where_there_is_none(robot, finder):
    seen = robot.reset(next(iter(requests(CONFIG.task, FIRST, 1))))
    grey = np.full_like(seen.frames["wrist_cam"].rgb, 128)
    frame = Frame(grey, seen.frames["wrist_cam"].stamp_s)
    assert finder.find(replace(seen, frames=MappingProxyType({"wrist_cam": frame}))) is None


def test_it_lifts_what_it_sees(robot, finder):
    spaces, oracle = Spaces(CONFIG.spaces, robot.arm), LiftTask(load_reward("sparse"), 0.97)
    policy, lifted = SightedGrasp(spaces, robot.arm, finder), 0
    for request in requests(CONFIG.task, FIRST, 8):  # in the sixth the moving finger hides the cube
        seen = robot.reset(request)
        policy.reset()
        oracle.reset(seen, robot.truth())
        for _ in range(80):
            command = policy.act(seen)
            seen = robot.step(command)
            if oracle.judge(seen, command, robot.truth()).success:
                lifted += 1
                break
    assert lifted >= 7
