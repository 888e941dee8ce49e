"""What every robot keeps to, whoever stands behind the interface. `pytest --robot NAME` holds one more to it.

A simulator keeps to it to the bit. What goes by the clock is given a servo's slack and a few milliseconds.
"""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from control import wire
from control.caller import Caller
from control.config import RobotConfig
from control.errors import CommandRefused, UserError
from control.interfaces import Robot, Scenic
from control.modes import Word
from control.remote import RemoteRobot
from control.types import GRIPPER, JOINTS, Command, Observation, ResetRequest
from sim.robot import SimRobot
from tools.robots import open_robot

SETTINGS, FLAGS = RobotConfig(camera_px=32), ("--config", "lift_fast.yaml", "--set", "robot.camera_px=32")
SLACK_RAD = 0.01  # a servo overshoots its reference a little
DROOP_RAD, CLOCK_S = 0.03, 0.03
NEAR = ResetRequest("near", seed=5)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "robot" in metafunc.fixturenames:
        others = dict.fromkeys(["twin", *metafunc.config.getoption("robot")])
        names = ["sim", "remote", *(pytest.param(name, marks=pytest.mark.clock) for name in others)]
        metafunc.parametrize("robot", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def sim() -> Iterator[SimRobot]:
    with SimRobot(SETTINGS) as robot:
        yield robot


@pytest.fixture(scope="module")
def served(tmp_path_factory, serving) -> Iterator[str]:
    """Endpoint of the same robot in another process."""
    with serving(tmp_path_factory.mktemp("served"), *FLAGS) as (endpoint, _):
        yield endpoint


@pytest.fixture(scope="module")
def remote(served) -> Iterator[RemoteRobot]:
    with closing(RemoteRobot(served, timeout_s=20.0)) as robot:
        yield robot


@pytest.fixture(scope="module")
def robot(request) -> Iterator[Robot]:
    if request.param in ("sim", "remote"):
        yield request.getfixturevalue(request.param)
    else:
        with closing(open_robot(request.param, SETTINGS)) as robot:
            yield robot


def content(seen: Observation, first: Observation | None = None) -> tuple:
    """An observation's every byte; seq and stamps counted from the `first` of its episode, if that is given."""
    seq, start_s = (first.seq, first.stamp_s) if first else (0, 0.0)
    arrays = (seen.joints_rad, seen.speed_rad_s, seen.load, seen.target_rad)
    frames = {name: (frame.rgb.tobytes(), round(frame.stamp_s - start_s, 9)) for name, frame in seen.frames.items()}
    when = seen.seq - seq, round(seen.stamp_s - start_s, 9)
    return *when, *(array.tobytes() for array in arrays), seen.limited, frames


def by_clock(robot: Robot) -> bool:
    return not robot.spec.plant


def same(robot: Robot, seen: Observation, before: Observation) -> bool:
    """Whether nothing has happened between two observations."""
    if by_clock(robot):
        return bool(np.abs(seen.joints_rad - before.joints_rad).max() < SLACK_RAD) and not seen.limited
    return content(seen) == content(before)


def stay(seen: Observation) -> Command:
    return Command(seen.target_rad.copy(), answers=seen.seq)


def nudge(seen: Observation, by_rad: float) -> Command:
    return Command(seen.target_rad + by_rad, answers=seen.seq)


def test_observing_moves_nothing_and_lets_no_time_pass(robot):
    first = robot.reset(NEAR)
    assert all(same(robot, robot.observe(), first) for _ in range(3))


def test_the_same_request_gives_the_same_start(robot):
    first = robot.reset(NEAR)
    for _ in range(3):
        robot.step(nudge(robot.observe(), 0.1))
    again = robot.reset(NEAR)
    if by_clock(robot):
        np.testing.assert_allclose(again.joints_rad, first.joints_rad, atol=DROOP_RAD)
    else:
        assert content(again, again) == content(first, first)


def test_neither_seq_nor_clock_is_set_back_by_a_reset(robot):
    seen = robot.reset(NEAR)
    for _ in range(2):
        for after in (robot.step(stay(seen)), robot.reset(NEAR)):
            assert after.seq > seen.seq and after.stamp_s > seen.stamp_s
            assert all(frame.stamp_s > seen.stamp_s for frame in after.frames.values())
            seen = after


def test_another_seed_gives_another_start(robot):
    first = robot.reset(NEAR)
    other = robot.reset(ResetRequest("near", seed=6))
    assert not np.array_equal(first.joints_rad, other.joints_rad)


def test_a_step_counts_one_and_takes_one_period(robot):
    seen, slack_s = robot.reset(NEAR), CLOCK_S if by_clock(robot) else 1e-7
    for _ in range(4):
        after = robot.step(stay(seen))
        assert after.seq == seen.seq + 1
        assert after.stamp_s - seen.stamp_s == pytest.approx(1 / robot.spec.hz, abs=slack_s)
        seen = after


def test_a_target_within_reach_is_taken_as_it_is(robot):
    seen = robot.reset(ResetRequest("home", seed=1))
    target = seen.target_rad.copy()
    target[GRIPPER] += 0.05
    after = robot.step(Command(target, answers=seen.seq))
    np.testing.assert_array_equal(after.target_rad, target)
    assert not after.limited


@pytest.mark.parametrize("wild_rad", [99.0, -99.0, 1e300])
def test_a_wild_target_moves_at_most_one_period(robot, wild_rad):
    before = robot.reset(ResetRequest("home", seed=1))
    after = robot.step(Command(np.full(len(JOINTS), wild_rad), answers=before.seq))
    reach_rad = robot.spec.speed_rad_s / robot.spec.hz
    assert after.limited
    assert (np.abs(after.target_rad - before.target_rad) <= reach_rad + 1e-9).all()
    assert (np.abs(after.joints_rad - before.joints_rad) <= reach_rad + SLACK_RAD).all()


def test_targets_never_leave_the_joint_range(robot):
    seen = robot.reset(ResetRequest("home", seed=1))
    for _ in range(20):
        seen = robot.step(Command(np.full(len(JOINTS), 99.0), answers=seen.seq))
        assert (robot.spec.lower_rad <= seen.target_rad).all()
        assert (seen.target_rad <= robot.spec.upper_rad).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_refused_and_nothing_moves(robot, value):
    before = robot.reset(NEAR)
    target = before.target_rad.copy()
    target[1] = value
    with pytest.raises(CommandRefused, match="must be finite"):
        robot.step(Command(target, answers=before.seq))
    assert same(robot, robot.observe(), before)


def test_a_client_that_does_not_check_is_refused_by_the_server(served, remote):
    before = remote.reset(NEAR)
    body = wire.COMMAND.write(stay(before)) | {"target_rad": np.full(len(JOINTS), np.nan).tobytes()}
    with closing(Caller(served)) as caller, pytest.raises(CommandRefused, match="must be finite.*nothing was moved"):
        caller.ask("step", body)
    assert content(remote.observe()) == content(before)


def test_halt_drops_the_target_and_holds_the_pose(robot):
    seen = robot.reset(ResetRequest("home", seed=1))
    for _ in range(5):
        seen = robot.step(nudge(seen, -0.1))
    robot.halt()
    halted = robot.observe()
    if not by_clock(robot):
        np.testing.assert_array_equal(halted.joints_rad, seen.joints_rad)
    later = halted
    for _ in range(10):
        later = robot.step(stay(later))
    np.testing.assert_array_equal(later.target_rad, halted.target_rad)
    assert (np.abs(later.joints_rad - halted.joints_rad) <= robot.spec.speed_rad_s / robot.spec.hz).all()
    assert (np.abs(later.speed_rad_s) < 0.05).all()


def test_a_halt_in_motion_drops_the_rest_of_the_way(robot):
    before = robot.reset(ResetRequest("home", seed=1))
    moving = robot.step(nudge(before, -0.1))  # having had to gather speed, the reference ends this period on its way
    robot.halt()
    halted = robot.observe()
    gone, asked = np.abs(halted.target_rad - before.target_rad), np.abs(moving.target_rad - before.target_rad)
    assert (gone < asked - 0.002).all() and (gone > 0).all()
    np.testing.assert_array_equal(robot.step(stay(halted)).target_rad, halted.target_rad)


@pytest.fixture
def cleared(robot) -> Iterator[Robot]:
    """A robot that is not left stopped."""
    yield robot
    robot.say(Word.CLEAR)


def test_a_stop_in_motion_holds_and_stays_until_it_is_cleared(cleared):
    robot, before = cleared, cleared.reset(ResetRequest("home", seed=1))
    moving = robot.step(nudge(before, -0.1))
    robot.say(Word.STOP)
    seen = robot.observe()
    assert robot.health().state == "stopped" and robot.health().errors
    gone, asked = np.abs(seen.target_rad - before.target_rad), np.abs(moving.target_rad - before.target_rad)
    assert (gone < asked).all()
    for command in (stay(seen), nudge(seen, -0.1)):
        with pytest.raises(CommandRefused, match="the arm is stopped: .*; nothing was moved"):
            robot.step(command)
        np.testing.assert_array_equal(robot.observe().target_rad, seen.target_rad)
    with pytest.raises(UserError, match="stopped"):
        robot.reset(NEAR)
    robot.say(Word.HALT)
    assert robot.health().state == "stopped"
    robot.say(Word.CLEAR)
    seen = robot.reset(NEAR)
    assert (robot.step(nudge(seen, 0.05)).target_rad != seen.target_rad).any()


def test_halting_over_and_over_does_not_let_a_loaded_arm_sink(robot):
    seen = robot.reset(NEAR)
    for _ in range(10):
        robot.halt()
        halted = robot.observe()
        np.testing.assert_array_equal(halted.target_rad, seen.target_rad)
        robot.step(stay(halted))


def test_a_command_s_own_array_stays_the_caller_s(robot):
    seen = robot.reset(NEAR)
    target = seen.target_rad.copy()
    command = Command(target, answers=seen.seq)
    target += 0.05
    np.testing.assert_array_equal(robot.step(command).target_rad, seen.target_rad)


def test_a_robot_with_a_scene_is_drawn_and_one_without_says_so(robot):
    robot.reset(NEAR)
    before = robot.observe()
    if not isinstance(robot, Scenic):
        assert not robot.spec.scene_cameras
        return
    for camera in robot.spec.scene_cameras:
        picture = robot.picture(camera, 120, 160)
        assert picture.shape == (120, 160, 3) and picture.dtype == np.uint8 and picture.std() > 1
    for camera, height, width in (("nowhere", 48, 64), ("front", 481, 64), ("front", 48, 641), ("front", 0, 64)):
        with pytest.raises(CommandRefused, match="no camera nowhere|1x1 to 480x640|has no scene to draw"):
            robot.picture(camera, height, width)
    assert same(robot, robot.observe(), before)


def test_frames_have_the_size_that_the_spec_promises(robot):
    seen = robot.reset(NEAR)
    assert robot.spec.cameras.keys() == seen.frames.keys() and seen.frames
    for name, (_, policy) in robot.spec.cameras.items():
        frame = seen.frames[name]
        assert frame.rgb.shape == (*policy, 3) and frame.rgb.std() > 1
        assert frame.stamp_s <= seen.stamp_s + (CLOCK_S if by_clock(robot) else 0)


def test_an_observation_is_a_value_that_later_steps_do_not_change(robot):
    seen = robot.reset(NEAR)
    before = content(seen)
    robot.step(nudge(seen, 0.1))
    robot.reset(ResetRequest("home", seed=8))
    assert content(seen) == before
    with pytest.raises(ValueError, match="read-only"):
        seen.joints_rad[0] = 1.0


def test_the_cube_is_where_the_request_says_and_only_the_truth_tells(robot):
    request = ResetRequest("home", seed=3)
    robot.reset(request)
    truth = robot.truth()
    if truth is None:
        pytest.skip("no simulator stands behind this robot")
    assert request.spawn.x_m[0] - 0.002 <= truth.cube_m[0] <= request.spawn.x_m[1] + 0.002
    assert request.spawn.y_m[0] - 0.002 <= truth.cube_m[1] <= request.spawn.y_m[1] + 0.002
    assert not any(truth.pads_touch)


def test_health_is_sane(robot):
    health = robot.health()
    assert health.state in ("active", "hold") and not health.errors
    assert 0 <= health.bus_success <= 1
    assert health.temperature_c.shape == (len(JOINTS),)
    assert health.late_ticks >= 0 and health.worst_late_s >= 0
    assert all(count >= 0 for count in health.counters.values())


def test_an_unknown_stage_is_the_user_s_mistake(robot):
    with pytest.raises(UserError, match="no curriculum stage upside_down"):
        robot.reset(ResetRequest("upside_down"))


def test_a_remote_episode_equals_one_in_process_to_the_bit(sim, remote):
    rng = np.random.default_rng(0)
    here, there = sim.reset(NEAR), remote.reset(NEAR)
    first, first_there = here, there
    for _ in range(20):
        assert content(here, first) == content(there, first_there)
        command = Command(here.target_rad + rng.uniform(-0.2, 0.2, len(JOINTS)), answers=here.seq)
        here, there = sim.step(command), remote.step(command)
    assert (sim.picture("front", 90, 120) == remote.picture("front", 90, 120)).all()
    truth, told = sim.truth(), remote.truth()
    assert truth.cube_m.tobytes() == told.cube_m.tobytes() and truth.pads_touch == told.pads_touch


def test_both_sides_of_the_wire_have_one_spec(sim, remote):
    for name in ("lower_rad", "upper_rad", "speed_rad_s", "accel_rad_s2"):
        np.testing.assert_array_equal(getattr(sim.spec, name), getattr(remote.spec, name))
    for name in ("joints", "hz", "cameras", "profile", "calibration", "scene_cameras", "plant"):
        assert getattr(sim.spec, name) == getattr(remote.spec, name)
