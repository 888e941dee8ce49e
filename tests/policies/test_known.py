"""A cube whose place a person says: typed, or shown with the gripper."""

import json
from contextlib import closing

import numpy as np
import pytest

from control.arm import Arm, facts
from control.errors import UserError
from control.types import GRIPPER, ResetRequest, Spawn
from policies.known import KnownCube, place_of, shown
from policies.sighted import SightedGrasp
from policies.spaces import Spaces
from sim.robot import SimRobot
from tools.cli import main
from training import settings
from training.teachers import Teacher

ARM = Arm.from_facts()
HOME = np.array(facts()["home_rad"])
CONFIG = settings.load("lift_fast.yaml", ("task.stage=home",), settings.laid_at("0.22,0.03,15"))


def around(x: float, y: float, yaw_deg: float, z: float = 0.015, gripper: float = 0.7) -> np.ndarray:
    """Joints (J,) of an arm whose gripper stands there, pointing down."""
    joints = HOME.copy()
    joints[GRIPPER] = gripper
    for height in (0.15, 0.1, 0.05, z):
        joints = ARM.solve(joints, np.array([x, y, height]), np.radians(yaw_deg), 60)
    return joints


@pytest.mark.parametrize(
    "words, place", [("0.22,0.03,15", (0.22, 0.03, 0.2618)), (" 0.2, -0.1, -30 ", (0.2, -0.1, -0.5236))]
)
def test_a_place_is_metres_and_degrees(words, place):
    assert place_of(words) == pytest.approx(place, abs=1e-4)


@pytest.mark.parametrize(
    "words, said",
    [
        ("0.22,0.03", "takes x,y,yaw in metres"),
        ("22,3,0", "out of the arm's reach"),
        ("here", "got here"),
        ("", "got "),
    ],
)
def test_what_is_no_place_in_reach_is_refused_with_the_form(words, said):
    with pytest.raises(UserError, match=said):
        place_of(words)


@pytest.mark.parametrize("x, y, yaw_deg", [(0.2, 0.0, 0), (0.24, 0.06, 20), (0.19, -0.05, -35)])
def test_a_gripper_around_the_cube_shows_where_it_lies(x, y, yaw_deg):
    told = place_of(shown(ARM, around(x, y, yaw_deg), 0.03))
    assert told[:2] == pytest.approx((x, y), abs=0.004)
    off = (np.degrees(told[2]) - yaw_deg + 45) % 90 - 45
    assert abs(off) < 6


@pytest.mark.parametrize(
    "joints, said",
    [
        (HOME, "cm above the table"),
        (around(0.22, 0.0, 0, gripper=-0.1), "the gripper is shut"),
        (around(0.22, 0.0, 0, z=0.06), "6.0 cm above"),
    ],
)
def test_a_gripper_that_does_not_stand_as_if_to_grasp_shows_nothing(joints, said):
    with pytest.raises(UserError, match=said):
        shown(ARM, joints, 0.03)


def test_a_grasp_needs_no_picture_where_it_was_told_the_place():
    with closing(SimRobot(CONFIG.robot)) as robot:
        policy = SightedGrasp(Spaces(CONFIG.spaces, robot.arm), robot.arm, KnownCube((0.22, 0.03, 0.26), 0.03))
        seen = robot.reset(CONFIG.task.request(7))
        for _ in range(28):
            seen = robot.step(policy.act(seen))
        assert robot.truth().cube_m[2] > 0.08


def test_a_person_lays_the_cube_only_where_the_arm_could_not():
    asked = []
    with closing(SimRobot(CONFIG.robot)) as sim:

        def lay(words: str) -> None:
            asked.append(words)
            sim.reset(ResetRequest("home", 0, Spawn((0.22, 0.22), (0.03, 0.03), (0.26, 0.26))))

        teacher = Teacher.of(CONFIG, "told")
        robot = teacher.tidying(sim, lay)
        for lift in range(3):
            seen, policy = robot.reset(CONFIG.task.request(lift)), teacher(robot, lift)
            for _ in range(28):
                seen = robot.step(policy.act(seen))
            assert sim.truth().cube_m[2] > 0.06, lift
    assert asked == ["lay the cube flat at 0.220, 0.030 m from the base, turned by 15 degrees"]


def test_the_command_lays_the_cube_there_and_lifts_it(tmp_path, capsys):
    words = ["eval", "told", "--cube", "0.25,-0.04,-20", "--curriculum-stage", "home", "--episodes", "2"]
    assert main([*words, "--workers", "1", "--output", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["success"] == 1.0
