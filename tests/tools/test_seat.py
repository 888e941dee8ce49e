"""The driver's seat does what whoever drives asks for, and nothing for one who has left meanwhile."""

import json
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.gateway import serve_robot
from sim.robot import SimRobot
from tools.page_operator import PageOperator
from tools.seat import Seat

pytestmark = pytest.mark.clock


class Counted(SimRobot):
    starts = 0

    def reset(self, request):
        self.starts += 1
        return super().reset(request)


@pytest.fixture
def robot(tmp_path) -> Iterator[Counted]:
    """Served at tmp_path/arm."""
    stop, opened = threading.Event(), SimpleQueue[Counted]()

    def work() -> None:
        with Counted(RobotConfig(camera_px=32, hz=20.0), realtime=True) as robot:
            serve_robot(robot, f"ipc://{tmp_path}/arm", stop, lambda at: opened.put(robot))

    thread = threading.Thread(target=work)
    thread.start()
    yield opened.get(timeout=20)
    stop.set()
    thread.join(10)


LEAVES = {
    "stays": lambda operator: None,
    "closes the page": lambda operator: operator.gone("page"),
    "stops the arm": lambda operator: say(operator, "stop"),
    "gives the arm back": lambda operator: say(operator, "give"),
}


def say(operator: PageOperator, order: str) -> None:
    operator.hear("page", json.dumps({"type": "say", "order": order}))


@pytest.mark.parametrize("leaves", LEAVES)
def test_an_arm_goes_home_for_whoever_is_still_there_when_their_turn_comes(robot, tmp_path, leaves):
    operator, stop = PageOperator(), threading.Event()
    seat = Seat(f"ipc://{tmp_path}/arm", operator, Arm.from_facts(), lambda line: None)
    for order in ("take", "home"):  # asked for while the robot did not answer
        say(operator, order)
    LEAVES[leaves](operator)
    time.sleep(0.1)
    thread = threading.Thread(target=seat.run, args=(stop,))
    thread.start()
    time.sleep(0.5)
    stop.set()
    thread.join(5)
    assert robot.starts == (leaves == "stays")
