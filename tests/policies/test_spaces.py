"""Actions mean what they say, and the network's input holds nothing the arm could not sense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.arm import Arm, facts, heading, turn
from control.errors import CommandRefused
from control.types import GRIPPER, Frame, Observation
from policies.spaces import SENSES, Spaces, SpacesConfig

ARM = Arm.from_facts()
HOME = np.array(facts()["home_rad"])
START = ARM.solve(HOME, np.array([0.22, 0.02, 0.08]), 1.5, iterations=60)


def look(target=START, joints=START) -> Observation:
    zeros = np.zeros(6)
    frame = Frame(np.zeros((84, 84, 3), np.uint8), 0.0)
    return Observation(7, 0.0, joints.copy(), zeros.copy(), zeros.copy(), target.copy(), False, {"wrist_cam": frame})


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_world_action_moves_the_target_along_that_axis(axis, sign):
    spaces = Spaces(SpacesConfig(actions="world"), ARM)
    action = np.zeros(5)
    action[axis] = sign
    before, _ = ARM.tool(START)
    after, _ = ARM.tool(spaces.command(action, look()).target_rad)
    assert after - before == pytest.approx(0.02 * np.eye(3)[axis] * sign, abs=5e-4)


def test_a_tool_action_turns_with_the_tool():
    spaces = Spaces(SpacesConfig(actions="tool"), ARM)
    before, rotation = ARM.tool(START)
    after, _ = ARM.tool(spaces.command(np.array([1.0, 0, 0, 0, 0]), look()).target_rad)
    angle = heading(rotation)
    assert (after - before)[:2] == pytest.approx([0.02 * np.cos(angle), 0.02 * np.sin(angle)], abs=5e-4)


def test_roll_and_gripper_turn_and_open_by_their_steps():
    config = SpacesConfig()
    target = Spaces(config, ARM).command(np.array([0, 0, 0, 1.0, -1.0]), look()).target_rad
    _, before = ARM.tool(START)
    _, after = ARM.tool(target)
    assert turn(heading(after) - heading(before)) == pytest.approx(config.step_roll_rad, abs=0.02)
    assert target[GRIPPER] - START[GRIPPER] == pytest.approx(-config.step_gripper_rad)


def test_the_delta_starts_at_the_target_in_force_not_at_the_measured_pose():
    spaces = Spaces(SpacesConfig(), ARM)
    sagging = START - 0.05
    assert (
        spaces.command(np.ones(5), look()).target_rad == spaces.command(np.ones(5), look(START, sagging)).target_rad
    ).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=5, max_size=5).map(np.array))
@pytest.mark.parametrize("actions", ["tool", "world"])
def test_toward_undoes_command(actions, action):
    spaces = Spaces(SpacesConfig(actions=actions), ARM)
    target = spaces.command(action, look()).target_rad
    tool, rotation = ARM.tool(target)
    again = spaces.toward(tool, heading(rotation), float(target[GRIPPER]), look())
    assert again == pytest.approx(action, abs=0.05)


@pytest.mark.parametrize("bad", [np.zeros(4), np.array([0, 0, np.nan, 0, 0]), np.array([0, 0, 0, 0, np.inf])])
def test_an_action_of_the_wrong_shape_or_not_finite_is_refused(bad):
    with pytest.raises(CommandRefused, match="nothing was moved"):
        Spaces(SpacesConfig(), ARM).command(bad, look())


def test_the_tool_stays_in_its_workspace():
    spaces = Spaces(SpacesConfig(actions="world"), ARM)
    target = START
    for _ in range(20):
        target = spaces.command(np.array([0, 0, -1.0, 0, 0]), look(target)).target_rad
    tool, _ = ARM.tool(target)
    assert tool[2] == pytest.approx(0.008, abs=1e-3)


@pytest.mark.parametrize("senses", [("posture", "lag"), *((name,) for name in SENSES), tuple(SENSES)])
def test_proprioception_is_of_order_one(senses):
    spaces = Spaces(SpacesConfig(senses=senses), ARM)
    felt = spaces.proprio(look(START + 0.03, START))
    assert felt.dtype == np.float32 and felt.shape == (spaces.proprio_size,) and np.abs(felt).max() < 4


def test_the_lead_is_the_action_that_made_it():
    spaces = Spaces(SpacesConfig(senses=("lead",)), ARM)
    action = np.array([0.5, -0.3, 0.2, 0.4, 0.0])
    ahead = spaces.command(action, look(START)).target_rad
    np.testing.assert_allclose(spaces.proprio(look(ahead, START)), action[:4], atol=0.03)


def test_an_unknown_sense_is_named_among_those_there_are():
    with pytest.raises(ValueError, match="no sense smell; there are: posture, lag"):
        SpacesConfig(senses=("smell",))
