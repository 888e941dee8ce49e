"""The simulated robot: stages, determinism, its clock, and nothing privileged in what it shows."""

import threading
import time

import mujoco
import numpy as np
import pytest

import sim.robot
from control import arm
from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.modes import Word
from control.types import GRIPPER, JOINTS, Command, ResetRequest, Spawn
from sim.robot import SimRobot
from sim.scene import CUBE
from sim.stages import STAGES, stage_name


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig(camera_px=48)) as robot:
        yield robot


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_seed_gives_the_same_episode_to_the_bit(robot, stage):
    def episode():
        seen = [robot.reset(ResetRequest(stage, seed=3))]
        for i in range(5):
            seen.append(robot.step(Command(seen[-1].target_rad + 0.02 * np.sin(i), seen[-1].seq)))
        return seen, robot.truth()

    (first, truth), (second, again) = episode(), episode()
    for a, b in zip(first, second, strict=True):
        assert (a.joints_rad == b.joints_rad).all() and (a.speed_rad_s == b.speed_rad_s).all()
        assert (a.frames["wrist_cam"].rgb == b.frames["wrist_cam"].rgb).all()
    assert (truth.cube_m == again.cube_m).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_stop_that_is_said_while_an_episode_is_prepared_is_not_forgotten(robot, share):
    began_s = time.monotonic()
    robot.reset(ResetRequest("lifted", 1))
    took_s = time.monotonic() - began_s
    somebody = threading.Timer(share * took_s, robot.say, (Word.STOP,))
    somebody.start()
    robot.reset(ResetRequest("lifted", 1))
    somebody.join()
    assert robot.health().state == "stopped"
    robot.say(Word.CLEAR)


@pytest.mark.parametrize(
    "stage, tool_to_cube_m, height_m, held",
    [
        ("lifted", (0, 0.02), (0.03, 0.08), True),
        ("grasped", (0, 0.02), (0.01, 0.02), True),
        ("near", (0.02, 0.06), (0.0, 0.02), False),
        ("far", (0.08, 0.2), (0.0, 0.02), False),
        ("home", (0.1, 0.3), (0.0, 0.02), False),
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_a_stage_begins_as_it_says(robot, stage, tool_to_cube_m, height_m, held, seed):
    seen = robot.reset(ResetRequest(stage, seed))
    truth = robot.truth()
    apart = np.linalg.norm(truth.tool_m - truth.cube_m)
    assert tool_to_cube_m[0] <= apart <= tool_to_cube_m[1]
    assert height_m[0] <= truth.cube_m[2] <= height_m[1]
    assert all(truth.pads_touch) == held
    assert (seen.joints_rad[GRIPPER] < 0.25) == held
    assert np.abs(seen.speed_rad_s).max() < 0.5


@pytest.mark.parametrize("number, name", [(str(n), s) for s, n in STAGES.items()])
def test_the_experiments_numbers_name_the_stages(number, name):
    assert stage_name(number) == stage_name(name) == name


def test_an_unknown_stage_lists_the_ones_there_are():
    with pytest.raises(UserError, match="3 near"):
        stage_name("5")


def test_a_cube_out_of_reach_is_refused(robot):
    with pytest.raises(UserError, match="out of reach"):
        robot.reset(ResetRequest("near", 0, Spawn((0.6, 0.7), (0.0, 0.1))))


def test_the_cube_spawns_all_over_the_box_at_any_yaw(robot):
    starts = []
    for seed in range(60):
        robot.reset(ResetRequest("home", seed))
        truth = robot.truth()
        starts.append([*truth.cube_m[:2], truth.cube_quat[3]])
    low, high = np.min(starts, axis=0), np.max(starts, axis=0)
    assert (low >= [0.159, -0.121, -1]).all() and (high <= [0.301, 0.121, 1]).all()
    assert (high - low > [0.11, 0.19, 1.5]).all()


def test_a_cube_out_of_the_cameras_sight_leaves_the_observation_unchanged(robot):
    seen = robot.reset(ResetRequest("near", 1))
    q = robot.data.qpos
    views = []
    for x in (1.5, 2.5):
        q[robot.model.joint(CUBE).qposadr[0]] = -x  # far behind the base
        mujoco.mj_fwdPosition(robot.model, robot.data)
        views.append(robot.observe())
    for name in ("joints_rad", "speed_rad_s", "load", "target_rad"):
        assert (getattr(views[0], name) == getattr(views[1], name)).all()
        assert (getattr(views[0], name) == getattr(seen, name)).all()
    assert (views[0].frames["wrist_cam"].rgb == views[1].frames["wrist_cam"].rgb).all()
    assert (views[0].frames["wrist_cam"].rgb != seen.frames["wrist_cam"].rgb).any()


@pytest.mark.parametrize("profile", ["measured", "menagerie", "bam_p32", "bam_p16"])
def test_a_softer_servo_droops_more_and_none_shakes(profile):
    sag = {"measured": (0.005, 0.04), "menagerie": (0, 0.003), "bam_p32": (0.01, 0.09), "bam_p16": (0.02, 0.17)}[
        profile
    ]
    with SimRobot(RobotConfig(camera_px=16, profile=profile)) as robot:
        seen = robot.reset(ResetRequest("near", 2))
        for _ in range(10):
            seen = robot.step(Command(seen.target_rad.copy(), seen.seq))
    lag = np.abs(seen.target_rad - seen.joints_rad).max()
    assert sag[0] <= lag <= sag[1]
    assert np.abs(seen.speed_rad_s).max() < 0.05


def test_an_unknown_profile_lists_the_ones_there_are():
    with pytest.raises(ConfigError, match="bam_p32"):
        SimRobot(RobotConfig(profile="stiff"))


def test_the_picture_is_the_same_size_whatever_the_path():
    for render in ("direct", "exact"):
        with SimRobot(RobotConfig(camera_px=84, render=render)) as robot:
            assert robot.observe().frames["wrist_cam"].rgb.shape == (84, 84, 3)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_blocked_arm_s_target_stays_on_its_leash_and_its_load_tells_which_way_it_pushes(direction):
    facts = arm.facts()
    leash_rad = (
        facts["governor"]["leash_rad"]
        + facts["governor"]["leash_torque_Nm"] / facts["actuator_profiles"]["measured"]["kp"]
    )
    with SimRobot(RobotConfig(camera_px=16)) as robot:
        seen = robot.reset(ResetRequest("home", 1))
        robot.model.dof_damping[:] = 1e4  # as if everything were stuck
        way = np.zeros(len(JOINTS))
        way[[0, 4]] = direction * 99.0  # shoulder_pan and wrist_roll, which gravity does not load at home
        for _ in range(15):
            seen = robot.step(Command(seen.target_rad + way, seen.seq))
            assert (np.abs(seen.target_rad - seen.joints_rad) <= leash_rad + 0.01).all()
        ahead = direction * (seen.target_rad - seen.joints_rad)[[0, 4]]
        assert (ahead > leash_rad - 0.01).all() and seen.limited
        assert (direction * seen.load[[0, 4]] > 0.3).all()


@pytest.mark.clock
def test_by_the_clock_the_arm_moves_on_while_its_client_thinks():
    with SimRobot(RobotConfig(camera_px=16, hz=20.0), realtime=True) as robot:
        seen = robot.reset(ResetRequest("home", 1))
        target = seen.target_rad - robot.spec.speed_rad_s / robot.spec.hz
        moving = robot.step(Command(target, seen.seq))
        assert np.abs(moving.joints_rad - target)[GRIPPER] > 0.02
        late, began_s = robot.health().late_ticks, time.monotonic()
        time.sleep(0.4)
        arrived = robot.observe()
        thought_s = time.monotonic() - began_s
        assert 0.35 <= arrived.stamp_s - moving.stamp_s <= thought_s + 0.05
        assert arrived.seq - moving.seq == round((arrived.stamp_s - moving.stamp_s) * 20)
        assert arrived.frames["wrist_cam"].stamp_s == arrived.stamp_s
        np.testing.assert_array_equal(arrived.target_rad, moving.target_rad)
        assert np.abs(arrived.joints_rad - target)[GRIPPER] < 0.01
        assert robot.health().late_ticks - late == arrived.seq - moving.seq and robot.health().worst_late_s > 0.25


@pytest.mark.clock
@pytest.mark.parametrize("ask", ["step", "halt"])
def test_by_the_clock_a_late_command_moves_nothing_and_finds_the_world_as_it_is_by_then(ask):
    with SimRobot(RobotConfig(camera_px=16, hz=20.0), realtime=True) as robot:
        seen = robot.reset(ResetRequest("home", 1))
        target = seen.target_rad - robot.spec.speed_rad_s / robot.spec.hz
        seen = robot.step(Command(target, seen.seq))
        time.sleep(0.3)
        late = Command(seen.target_rad + 0.02, seen.seq)
        after = robot.step(late) if ask == "step" else robot.halt() or robot.observe()
        assert after.seq - seen.seq >= 5 + (ask == "step")
        np.testing.assert_allclose(after.target_rad, target, atol=1e-9)  # the reference had come as far as that


@pytest.mark.clock
def test_by_the_clock_whoever_was_late_moves_the_arm_again_after_five_commands_in_time():
    with SimRobot(RobotConfig(camera_px=16, hz=20.0), realtime=True) as robot:
        seen = robot.reset(ResetRequest("home", 1))
        seen, started = robot.step(Command(seen.target_rad, seen.seq)), seen.target_rad
        time.sleep(0.3)
        moved = []
        for _ in range(7):
            seen = robot.step(Command(started + 0.05, seen.seq))
            moved.append(bool((seen.target_rad != started).any()))
        assert moved == [False] * 5 + [True] * 2 or moved == [False] * 4 + [True] * 3, moved


@pytest.mark.clock
def test_by_the_clock_an_hour_s_silence_is_not_simulated(monkeypatch):
    monkeypatch.setattr(sim.robot, "STILL_S", 0.1)
    with SimRobot(RobotConfig(camera_px=16, hz=50.0), realtime=True) as robot:
        seen = robot.reset(ResetRequest("home", 1))
        simulated_s = robot.data.time
        time.sleep(0.5)
        after = robot.observe()
        assert robot.data.time - simulated_s == pytest.approx(0.1)
        assert after.stamp_s - seen.stamp_s >= 0.48 and after.seq - seen.seq >= 24
