"""A person's turn at a robot: what every order does, and what ends it."""

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from control.arm import Arm, facts
from control.config import RobotConfig
from control.errors import CameraError
from control.modes import Word
from control.operating import Intent, Order
from control.types import ResetRequest
from policies.driving import Driving, Moment
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from sim.robot import SimRobot

ARM, HOME = Arm.from_facts(), np.array(facts()["home_rad"])
LEFT = Intent((0.0, 1.0, 0.0, 0.0, 0.0))


class Seat:
    """Somebody who does one thing at every tick: wants something, orders something, or looks."""

    def __init__(self, *plan: Intent | Order | Callable[[], object]):
        self._plan, self._wanted, self.stood = deque(plan), None, 0

    def orders(self) -> tuple[Order, ...]:
        now, self._wanted = self._plan.popleft() if self._plan else Order.QUIT, None
        if isinstance(now, Order):
            return (now,)
        if isinstance(now, Intent):
            self._wanted = now
        else:
            now()
        return ()

    def intent(self) -> Intent | None:
        return self._wanted

    def stand(self) -> None:
        self.stood += 1

    def close(self) -> None:
        pass


class Sight(SimRobot):
    """A robot whose camera may fail."""

    blind = 0  # how many more looks fail

    def _seen(self):
        if self.blind > 0:
            self.blind -= 1
            raise CameraError("its newest picture is 0.31 s old")
        return super()._seen()


@pytest.fixture(scope="module")
def robot() -> Iterator[Sight]:
    robot = Sight(RobotConfig(hz=10, camera_px=32))
    yield robot
    robot.close()


@pytest.fixture(autouse=True)
def cleared(robot):
    robot.blind = 0
    robot.say(Word.CLEAR)


def driven(robot, *plan) -> tuple[list[Moment], list[str], Seat]:
    """What was shown and told."""
    seat, shown, told = Seat(*plan), [], []
    policy = Teleoperated(seat, robot, Spaces(SpacesConfig(), ARM))
    Driving(robot, seat, policy, told.append, shown.append).until_over(ResetRequest("home"))
    return shown, told, seat


def test_it_is_driven_while_somebody_wants_it_and_ends_at_rest_when_they_quit(robot):
    shown, told, _ = driven(robot, *[LEFT] * 5)
    assert [moment.held for moment in shown] == [True] * 5 and not told
    assert robot.joints_rad()[0] != pytest.approx(HOME[0], abs=0.05)
    target = robot.observe().target_rad
    assert target == pytest.approx(np.array(robot.governor.reference), abs=1e-9)


def test_home_brings_it_back(robot):
    _, _, seat = driven(robot, *[LEFT] * 5, Order.HOME)
    assert robot.joints_rad() == pytest.approx(HOME, abs=0.05) and seat.stood == 2


def test_a_stop_lasts_until_somebody_goes_home_on_purpose(robot):
    poses = []
    plan = [Order.STOP, lambda: poses.append(robot.joints_rad()), *[LEFT] * 3, lambda: poses.append(robot.joints_rad())]
    shown, told, _ = driven(robot, *plan, Order.HOME, LEFT)
    assert told == ["stopped; h clears it and goes home, q leaves it so"]
    assert (poses[0] == poses[1]).all() and [moment.held for moment in shown] == [False, True]


def test_whoever_else_stops_it_is_told_and_it_stands(robot):
    shown, told, _ = driven(robot, LEFT, lambda: robot.say(Word.STOP), *[LEFT] * 3)
    assert told == [
        "the arm is stopped: stopped by a person; nothing was moved; h clears it and goes home, q leaves it so"
    ]
    assert len(shown) == 1


def test_a_robot_that_was_left_stopped_is_not_cleared_unasked(robot):
    robot.say(Word.STOP)
    shown, told, _ = driven(robot, LEFT, LEFT)
    assert not shown and "h clears it" in told[0] and robot.health().state == "stopped"


def test_forwards_is_where_the_tool_points_once_it_was_said(robot):
    _, told, _ = driven(robot, Order.FRAME)
    assert told == ["forwards is now where the tool points"]


@pytest.mark.parametrize("when", ["at the start", "under way"])
def test_nothing_is_driven_that_is_not_seen_and_it_goes_on_by_itself(robot, when):
    def blind() -> None:
        robot.blind = 3

    if when == "at the start":
        blind()
    shown, told, _ = driven(robot, *([] if when == "at the start" else [LEFT, blind]), *[LEFT] * 8)
    assert told == ["its newest picture is 0.31 s old; the arm stands until it is seen again"]
    assert sum(moment.held for moment in shown) >= 5


def test_a_moment_is_one_line_and_a_leader_apart_takes_its_place(robot):
    moment = Moment("active", True, 0.8, True, 0.1, 0.003, 2, "")
    assert str(moment) == "active, driven  gripper  46°  limited  100 ms a tick, 3 to act, 2 late"
    far = Intent(joints_rad=HOME + np.array([0.4, 0, 0, -0.5, 0, 0]))
    shown, _, _ = driven(robot, far)
    assert str(shown[0]) == "bring the leader nearer, in degrees: shoulder_pan -23, wrist_flex +29"
