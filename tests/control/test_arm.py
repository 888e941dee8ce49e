"""Inverse kinematics against forward kinematics, over the whole box."""

import numpy as np
import pytest

from control.arm import Arm, facts, heading, turn
from control.errors import ConfigError
from control.types import GRIPPER

HOME = np.array(facts()["home_rad"])
XS, YS = np.linspace(0.16, 0.30, 4), np.linspace(-0.12, 0.12, 5)


@pytest.fixture(scope="module")
def arm() -> Arm:
    return Arm.from_facts()


@pytest.mark.parametrize("height_m, tilt_rad", [(0.012, 0.1), (0.06, 0.2), (0.105, 0.40)])
def test_the_tool_reaches_every_place_of_the_box(arm, height_m, tilt_rad):
    for x in XS:
        for y in YS:
            wanted = np.array([x, y, height_m])
            joints = arm.solve(HOME, wanted, np.arctan2(y, x) + np.pi / 2, iterations=60)
            tool, rotation = arm.tool(joints)
            assert np.linalg.norm(tool - wanted) < 2e-4, f"{np.linalg.norm(tool - wanted):.4f} m off at {wanted}"
            assert np.arccos(min(rotation[2, 2], 1)) < tilt_rad
            assert (arm.lower_rad <= joints).all() and (joints <= arm.upper_rad).all()


def test_three_iterations_are_enough_for_one_control_step(arm):
    start = arm.solve(HOME, np.array([0.22, 0.03, 0.06]), 1.5, iterations=60)
    tool, rotation = arm.tool(start)
    for direction in np.vstack([np.eye(3), -np.eye(3)]):
        wanted = tool + 0.02 * direction
        joints = arm.solve(start, wanted, heading(rotation) + 0.3)
        reached, turned = arm.tool(joints)
        assert np.linalg.norm(reached - wanted) < 5e-4
        assert abs(turn(heading(turned) - heading(rotation) - 0.3)) < 0.02


def test_the_gripper_keeps_its_angle(arm):
    start = HOME.copy()
    start[GRIPPER] = 0.37
    assert arm.solve(start, np.array([0.2, 0.0, 0.1]), 1.5)[GRIPPER] == pytest.approx(0.37)


def test_the_lowest_fingertip_is_below_the_tool_point(arm):
    tool, _ = arm.tool(HOME)
    assert tool[2] - 0.06 < arm.lowest_fingertip_m(HOME) < tool[2]


@pytest.mark.parametrize(
    "angle, period, expected", [(3.2, 2 * np.pi, 3.2 - 2 * np.pi), (0.8, np.pi / 2, 0.8 - np.pi / 2)]
)
def test_turn_brings_an_angle_near_zero(angle, period, expected):
    assert turn(angle, period) == pytest.approx(expected)


def test_a_model_without_the_tool_site_is_refused():
    import mujoco

    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><body><joint name='shoulder_pan'/><geom size='.1'/></body></worldbody></mujoco>"
    )
    with pytest.raises(ConfigError, match="shoulder_lift"):
        Arm(model)
