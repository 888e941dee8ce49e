"""An arm that tidies up by itself: episode after episode in which no simulator lays a cube."""

from contextlib import closing

import numpy as np
import pytest

from control.arm import facts
from control.errors import UserError
from control.types import AS_FOUND, GRIPPER, Command, ResetRequest, Spawn
from policies.finder import CubeFinder
from policies.sighted import SightedGrasp
from policies.spaces import Spaces
from policies.tidying import TidyingRobot
from sim.robot import SimRobot
from training import settings
from training.teachers import Teacher

CONFIG = settings.load("lift_fast.yaml", ("task.stage=home",))


class Person:
    """Somebody who brings the cube back, and remembers what they were told."""

    def __init__(self, sim: SimRobot):
        self._sim, self.told = sim, []

    def __call__(self, words: str) -> None:
        self.told.append(words)
        self._sim.reset(ResetRequest("home", spawn=Spawn((0.2, 0.2), (0.0, 0.0), (0.0, 0.0))))


@pytest.fixture
def sim():
    with SimRobot(CONFIG.robot) as sim:
        yield sim


@pytest.fixture
def finder(sim) -> CubeFinder:
    return Teacher.of(CONFIG, "sighted").finder(sim.arm)


@pytest.fixture
def spaces(sim) -> Spaces:
    return Spaces(CONFIG.spaces, sim.arm)


@pytest.fixture
def person(sim) -> Person:
    return Person(sim)


@pytest.fixture
def robot(sim, spaces, finder, person) -> TidyingRobot:
    return TidyingRobot(sim, spaces, finder, person)


def lay(sim: SimRobot, x_m: float, y_m: float) -> None:
    """Where no request may have it, too."""
    sim.place(sim.joints_rad(), np.array([x_m, y_m, CONFIG.robot.cube_m / 2]), 0.0)


def lift(robot: TidyingRobot, policy: SightedGrasp, seen, steps: int = 28) -> float:
    """Height of the cube (metres) after a grasp."""
    policy.reset()
    for _ in range(steps):
        seen = robot.step(policy.act(seen))
    return float(robot.truth().cube_m[2])


def test_what_was_lifted_is_laid_where_the_next_request_wants_it(sim, robot, spaces, finder, person):
    policy = SightedGrasp(spaces, sim.arm, finder)
    lay(sim, 0.22, 0.02)
    seen = robot.reset(ResetRequest("home", seed=1))
    for spot in ((0.20, -0.08), (0.28, 0.06), (0.17, 0.10)):
        assert lift(robot, policy, seen) > 0.06
        asked = ResetRequest("home", seed=3, spawn=Spawn((spot[0],) * 2, (spot[1],) * 2))
        seen = robot.reset(asked)
        truth = robot.truth()
        assert truth.cube_m[:2] == pytest.approx(spot, abs=0.015) and truth.cube_m[2] == pytest.approx(0.015, abs=0.002)
        assert np.array(seen.joints_rad) == pytest.approx(facts()["home_rad"], abs=0.06)
    assert not person.told


def test_a_cube_that_lies_stays_where_it_is(sim, robot):
    lay(sim, 0.24, -0.05)
    robot.reset(ResetRequest("home", seed=9))
    assert robot.truth().cube_m[:2] == pytest.approx((0.24, -0.05), abs=0.002)


@pytest.mark.parametrize("where", [(-0.25, 0.1), (0.42, 0.0)], ids=["behind the arm", "out of reach"])
def test_a_person_is_asked_where_no_cube_is_in_sight_and_in_reach(sim, robot, person, where):
    lay(sim, *where)
    seen = robot.reset(ResetRequest("home", seed=1))
    assert len(person.told) == 1 and "put it in front of the arm" in person.told[0]
    assert robot.truth().cube_m[:2] == pytest.approx((0.2, 0.0), abs=0.002)
    assert seen.joints_rad == pytest.approx(facts()["home_rad"], abs=0.06)


def test_a_start_that_no_arm_can_prepare_is_refused(robot):
    for request in (ResetRequest("near"), ResetRequest("home", wild=("light",))):
        with pytest.raises(UserError, match="starts at home, as the world is"):
            robot.reset(request)


def test_an_arm_that_is_seen_late_begins_by_itself_all_the_same(robot):
    seen = robot.reset(ResetRequest("home", seed=3, wild=("late",)))
    for _ in range(3):
        seen = robot.step(Command(seen.target_rad, seen.seq))
    assert seen.stamp_s > seen.frames["wrist_cam"].stamp_s


def test_as_found_leaves_the_cube_and_takes_the_arm_home(sim):
    lay(sim, 0.21, 0.07)
    seen = sim.reset(ResetRequest("home", seed=1))
    for _ in range(5):
        seen = sim.step(Command(seen.target_rad + 0.1, answers=seen.seq))
    before = sim.truth().cube_m
    seen = sim.reset(ResetRequest(AS_FOUND))
    assert sim.truth().cube_m[:2] == pytest.approx(before[:2], abs=0.001)
    assert seen.joints_rad[:GRIPPER] == pytest.approx(facts()["home_rad"][:GRIPPER], abs=0.06)


def test_the_wrapped_robot_draws_and_closes(robot):
    with closing(robot):
        robot.reset(ResetRequest("home", seed=1))
        assert robot.picture("front", 48, 64).std() > 1
        assert robot.health().state in ("active", "hold") and robot.spec.hz == CONFIG.robot.hz
