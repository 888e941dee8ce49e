"""What a person wants becomes what the arm does, in the very actions that a network is taught with."""

from collections import deque

import numpy as np
import pytest

from control.arm import Arm, heading
from control.config import RobotConfig
from control.operating import Intent, Order
from control.types import GRIPPER, ResetRequest
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from sim.robot import SimRobot

ARM = Arm.from_facts()


class Scripted:
    """An operator who wants one thing after another, then lets go."""

    def __init__(self, *wanted: Intent | None):
        self._wanted = deque(wanted)

    def intent(self) -> Intent | None:
        return self._wanted.popleft() if self._wanted else None

    def orders(self) -> tuple[Order, ...]:
        return ()

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def robot():
    robot = SimRobot(RobotConfig(hz=10, camera_px=84))
    yield robot
    robot.close()


def driven(robot, wanted, actions="tool", steps=8, **faced):
    """Tool points and headings before and after, with the last observation, of an operator who wants this."""
    policy = Teleoperated(Scripted(*wanted), robot, Spaces(SpacesConfig(actions=actions), ARM))
    seen = before = robot.reset(ResetRequest(seed=1))
    if faced:
        policy.face(seen)
    for _ in range(steps):
        seen = robot.step(policy.act(seen))
    return ARM.tool(before.target_rad), ARM.tool(seen.target_rad), seen


@pytest.mark.parametrize("actions", ["tool", "world", "joints"])
@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (1, 1), (1, -1), (2, -1)])
def test_forwards_left_and_down_are_so_whatever_the_actions_are(robot, actions, axis, sign):
    motion = [0.0] * 5
    motion[axis] = 0.5 * sign
    (before, _), (after, _), _ = driven(robot, [Intent(tuple(motion))] * 4, actions)
    moved = (after - before)[axis] * sign
    assert moved == pytest.approx(0.02, rel=0.3)
    assert np.abs(np.delete(after - before, axis)).max() < 0.006


def test_forwards_is_where_the_tool_points_once_it_was_said(robot):
    (before, rotation), (after, _), _ = driven(robot, [Intent((1, 0, 0, 0, 0))] * 3, faced=True)
    angle = heading(rotation)
    along = (after - before)[:2] @ [np.cos(angle), np.sin(angle)]
    assert along == pytest.approx(np.linalg.norm((after - before)[:2]), abs=0.003)


def test_the_arm_stands_when_the_dead_man_is_let_go(robot):
    _, _, seen = driven(robot, [Intent((0, 1, 0, 0, 0))] * 3, steps=4)
    policy = Teleoperated(Scripted(), robot, Spaces(SpacesConfig(), ARM))
    for _ in range(10):
        after = robot.step(policy.act(seen))
        assert np.abs(after.target_rad - seen.target_rad).max() < 1e-9
    assert np.abs(after.speed_rad_s).max() < 0.02


def test_a_leader_is_followed_joint_by_joint_however_fast_it_goes(robot):
    start = robot.reset(ResetRequest(seed=1)).target_rad
    pose = start.copy()
    pose[0] += 0.4
    pose[GRIPPER] += 0.3
    taken = [Intent(joints_rad=start), *[Intent(joints_rad=pose)] * 20]
    _, _, seen = driven(robot, taken, "joints", steps=21)
    assert seen.target_rad == pytest.approx(pose, abs=0.02)


@pytest.mark.parametrize(("joint", "off"), [(1, 0.3), (2, -0.3), (GRIPPER, 0.6)])
def test_a_leader_is_not_followed_before_it_is_near_and_the_joint_is_named(robot, joint, off):
    seen = robot.reset(ResetRequest(seed=1))
    start, far = seen.target_rad, seen.target_rad.copy()
    far[joint] -= off
    policy = Teleoperated(Scripted(*[Intent(joints_rad=far)] * 5), robot, Spaces(SpacesConfig(actions="joints"), ARM))
    for _ in range(5):
        seen = robot.step(policy.act(seen))
        assert policy.apart_rad[joint] == pytest.approx(off) and np.count_nonzero(policy.apart_rad) == 1
    assert seen.target_rad == pytest.approx(start, abs=1e-9)


@pytest.mark.parametrize("motion", [(0, 0, 0), (2, 0, 0, 0, 0), (float("nan"), 0, 0, 0, 0)])
def test_an_intent_beyond_full_speed_is_none(motion):
    with pytest.raises(ValueError, match="shares in"):
        Intent(motion)


EDGES = [(1, 0, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (-1, 0, 0), (-1, 0, 1), (1, 0, -1)]


@pytest.mark.parametrize("way", EDGES)
def test_at_the_edge_of_its_reach_the_arm_comes_to_stand_and_leads_back(robot, way):
    motion = np.array([*way, 0.0, 0.0])
    wanted = [Intent(tuple(motion))] * 45 + [Intent(tuple(-motion))] * 10
    policy = Teleoperated(Scripted(*wanted), robot, Spaces(SpacesConfig(), ARM), speed_m_s=0.2)
    seen = robot.reset(ResetRequest(seed=1))
    targets = [seen.target_rad]
    for _ in wanted:
        seen = robot.step(policy.act(seen))
        targets.append(seen.target_rad)
    tools = np.array([ARM.tool(target)[0] for target in targets])
    steps_m = np.linalg.norm(np.diff(tools[:46], axis=0), axis=1)
    assert steps_m.max() < 1.5 * 0.02 * np.linalg.norm(way)  # and is not thrown from one posture into another
    assert np.abs(np.diff(targets[36:46], axis=0)).max() < 0.01
    assert (tools[-1] - tools[45]) @ -motion[:3] > 0.1
