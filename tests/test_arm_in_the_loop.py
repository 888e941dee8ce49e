"""What an arm on servos does by the clock: the twin's, or with `--robot arm.yaml --allow-motion` a real one."""

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from control.interfaces import Robot
from control.loop import run_episode
from control.types import JOINTS, Command, ResetRequest
from hardware.arm import WATCHDOG_S
from hardware.black_box import read
from hardware.camera import OLDEST_S
from hardware.extremes import extremes
from tools.eval import referee
from tools.flags.eval import Arguments
from tools.players import player
from tools.robots import open_robot
from training import settings

pytestmark = pytest.mark.clock

CONFIG = settings.load("lift_fast.yaml")
HOME = ResetRequest("home", seed=4)
STILL_RAD = 0.004


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "arm" in metafunc.fixturenames:
        asked = metafunc.config.getoption("robot")
        arms = [name for name in asked if name in ("real", "twin") or name.endswith(".yaml")]
        metafunc.parametrize("arm", dict.fromkeys(["twin", *arms]), indirect=True, scope="module")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("twin") / "twin.bin"


@pytest.fixture(scope="module")
def arm(request, log) -> Iterator[Robot]:
    name = f"twin:{log}" if request.param == "twin" else request.param
    with closing(open_robot(name, CONFIG.robot)) as robot:
        yield robot


def turned(robot: Robot, by_rad: float, periods: int) -> None:
    """Move the base by so much in each period."""
    for _ in range(periods):
        seen = robot.observe()
        target = seen.target_rad.copy()
        target[0] += by_rad
        robot.step(Command(target, seen.seq, ttl_s=WATCHDOG_S))


def test_an_arm_that_nobody_commands_stands_when_the_watchdog_is_up(arm):
    arm.reset(HOME)
    turned(arm, 0.1, 5)
    time.sleep(WATCHDOG_S + 0.15)
    before = arm.observe()
    time.sleep(0.5)
    assert np.abs(arm.observe().joints_rad - before.joints_rad).max() < STILL_RAD
    assert arm.health().state == "hold"


def test_pictures_are_fresh_and_follow_the_arm(arm):
    first = arm.reset(HOME).frames["wrist_cam"]
    stamps_s = [first.stamp_s]
    for _ in range(10):
        turned(arm, 0.06, 1)
        seen = arm.observe()
        frame = seen.frames["wrist_cam"]
        assert seen.stamp_s - frame.stamp_s < OLDEST_S
        stamps_s.append(frame.stamp_s)
    assert (np.diff(stamps_s) > 0).all()
    assert np.abs(frame.rgb.astype(float) - first.rgb).mean() > 2


def test_the_cube_is_grasped_and_lifted_by_what_the_wrist_camera_sees(arm):
    chosen = Arguments(policy="sighted", by_feel=True)
    judge, grasp = referee(chosen, CONFIG), player("sighted", CONFIG, arm)(4)
    task = CONFIG.task
    ends = [run_episode(arm, grasp, judge, ResetRequest("home", seed), task.limit_steps)[-1] for seed in (4, 5)]
    assert any(end.success for end in ends)


def test_no_commands_however_wild_take_an_arm_beyond_its_limits(arm, log):
    if not log.exists():
        pytest.skip("only a twin bears witness")
    rng = np.random.default_rng(0)
    seen = arm.reset(HOME)
    for _ in range(60):
        seen = arm.step(Command(seen.target_rad + rng.normal(0, 2.0, len(JOINTS)), seen.seq))
    arm.reset(HOME)
    assert not [extreme for extreme in extremes(read(log)) if not extreme.kept]
