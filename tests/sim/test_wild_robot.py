"""A simulated robot in the wild: the same from the same seed, tame where not told to be wild, no leak of the cube."""

import numpy as np
import pytest
from msgspec.structs import replace

from control.arm import Arm
from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.types import Command, Observation, ResetRequest, Spawn
from policies.spaces import SENSES, Spaces, SpacesConfig
from sim.robot import SimRobot
from sim.wild import FACTORS, draw, ranges
from training.evaluate import evaluate, requests
from training.lift import LiftTask, load_reward
from training.settings import TaskConfig
from training.teachers import Teacher

CONFIG = RobotConfig(hz=10, camera_px=32)
SPACES = SpacesConfig(camera_px=32, frame_stack=1)
WILD = ResetRequest("home", 5, wild=FACTORS)
TAME = ResetRequest("home", 5)


@pytest.fixture(scope="module")
def robot():
    with SimRobot(CONFIG) as robot:
        yield robot


def lived(robot, request, steps=8):
    """Frames and joints of an episode in which the arm pans to and fro."""
    seen = [robot.reset(request)]
    for step in range(steps):
        way = np.eye(6)[0] * (0.1 if step < steps / 2 else -0.1)
        seen.append(robot.step(Command(seen[-1].target_rad + way, seen[-1].seq)))
    return np.stack([o.frames["wrist_cam"].rgb for o in seen]), np.stack([o.joints_rad for o in seen])


def test_the_same_seed_gives_the_same_wild_episode_whatever_came_before(robot):
    first = lived(robot, WILD)
    lived(robot, ResetRequest("home", 6, wild=FACTORS))
    again = lived(robot, WILD)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_a_tame_reset_after_a_wild_one_is_as_tame_as_before(robot):
    before = lived(robot, TAME)
    lived(robot, WILD)
    assert all((a == b).all() for a, b in zip(before, lived(robot, TAME), strict=True))


@pytest.mark.parametrize("factor", FACTORS)
def test_each_factor_alone_changes_what_the_robot_senses(robot, factor):
    frames, joints = lived(robot, TAME)
    wild_frames, wild_joints = lived(robot, ResetRequest("home", 5, wild=(factor,)))
    assert (frames != wild_frames).any() or (joints != wild_joints).any()
    moves = factor in ("servo", "delay", "late")
    assert (joints != wild_joints).any() == moves


def delayed_by(action: int, camera: int) -> int:
    """A seed whose delays are these."""
    delays = ((seed, draw(ranges(), seed, ["delay"]).delay) for seed in range(1000))
    return next(seed for seed, delay in delays if (delay.action, delay.camera) == (action, camera))


def test_a_late_camera_shows_what_was_seen_some_steps_before(robot):
    late = delayed_by(action=0, camera=2)
    plain, joints = lived(robot, ResetRequest("home", late))
    frames, moved = lived(robot, ResetRequest("home", late, wild=("delay",)))
    assert (joints == moved).all() and (frames[2:] == plain[:-2]).all()
    settling, panning = (np.abs(now.astype(int) - plain[0]).mean() for now in (frames[:2], plain[3]))
    assert settling < 0.1 * panning


def test_a_camera_late_by_less_than_a_period_shows_what_was_between_two_looks(robot):
    """Its picture is the one that a robot of half the period takes then."""
    seed = next(seed for seed in range(1000) if lateness(seed) == (0.0, 0.05))
    late, way = robot.reset(ResetRequest("home", seed, wild=("late",))), 0.1 * np.eye(6)[0]
    with SimRobot(replace(CONFIG, hz=20)) as quick, SimRobot(CONFIG) as prompt:
        halfway, fresh = (one.reset(ResetRequest("home", seed)) for one in (quick, prompt))
        for _ in range(4):
            late, halfway, fresh = (
                one.step(Command(seen.target_rad + way, seen.seq))
                for one, seen in ((robot, late), (quick, halfway), (prompt, fresh))
            )
            assert apart(late, halfway) < 0.1 * apart(late, fresh)
            assert late.stamp_s - late.frames["wrist_cam"].stamp_s == pytest.approx(0.05)
            halfway = quick.step(Command(halfway.target_rad, halfway.seq))


def apart(one: Observation, other: Observation) -> float:
    """How much their pictures differ."""
    a, b = (seen.frames["wrist_cam"].rgb.astype(float) for seen in (one, other))
    return float(np.abs(a - b).mean())


def lateness(seed: int) -> tuple[float, float]:
    """Of commands and pictures, in whole ticks, at that seed."""
    late = draw(ranges(), seed, ["late"]).late
    return round(late.action_s, 2), round(late.camera_s, 2)


def test_a_wild_reset_that_is_refused_leaves_the_robot_as_it_was(robot):
    seen = robot.reset(ResetRequest("home", 4, wild=FACTORS))
    with pytest.raises(UserError, match="out of reach"):
        robot.reset(ResetRequest("home", 5, Spawn((0.9, 0.9), (0.0, 0.0)), wild=("late", "cube")))
    after = robot.observe()
    assert after.seq == seen.seq and (after.joints_rad == seen.joints_rad).all()
    assert after.frames["wrist_cam"].stamp_s == seen.frames["wrist_cam"].stamp_s
    robot.step(Command(after.target_rad, after.seq))


def test_after_a_late_episode_one_that_is_not_sees_at_once(robot):
    before = lived(robot, TAME)
    lived(robot, ResetRequest("home", 5, wild=("late",)))
    assert all((a == b).all() for a, b in zip(before, lived(robot, TAME), strict=True))
    seen = robot.observe()
    assert seen.stamp_s == seen.frames["wrist_cam"].stamp_s


def test_a_delay_overrules_what_is_late():
    for seed in range(20):
        both, alone = (draw(ranges(), seed, factors).ticks_late(10) for factors in (("delay", "late"), ("delay",)))
        assert both == alone


def test_late_actions_move_the_joints_some_steps_later(robot):
    late = delayed_by(action=2, camera=0)
    _, joints = lived(robot, ResetRequest("home", late))
    _, delayed = lived(robot, ResetRequest("home", late, wild=("delay",)))
    assert delayed[2:, 0] == pytest.approx(joints[:-2, 0], abs=1e-3)


def test_a_wild_factor_that_is_none_is_refused_by_robot_and_configuration(robot):
    with pytest.raises(UserError, match="no wild factor lights"):
        robot.reset(ResetRequest("home", 0, wild=("lights",)))
    with pytest.raises((ConfigError, ValueError), match="no wild factor lights"):
        TaskConfig(wild=("lights",))


def test_the_teacher_lifts_wild_cubes_from_home(robot):
    task = TaskConfig(stage="home", wild=FACTORS)
    judge = LiftTask(load_reward("sparse"), 0.97)
    report = evaluate(robot, Teacher(SPACES)(robot, 0), judge, requests(task, 400_000, 12), 200)
    assert report.successes >= 9


OUT_OF_SIGHT = ((0.02, 0.42, 0.015), (0.35, 0.45, 0.015), (0.6, -0.45, 0.015), (0.25, 0.0, -3.0))  # the last is gone
IN_SIGHT = ((0.2, 0.0, 0.015), (0.3, 0.05, 0.015))


def inputs(robot, cube_m) -> dict[str, np.ndarray]:
    """Everything that a network can be given, with the cube there and the arm at home, and all that it is made from."""
    spaces = Spaces(replace(SPACES, senses=tuple(SENSES)), Arm.from_facts())
    robot.place(robot.reset(TAME).joints_rad.copy(), np.array(cube_m), 1.0)
    seen = robot.observe()
    sensed = {name: getattr(seen, name) for name in ("joints_rad", "speed_rad_s", "load", "target_rad")}
    return {"pixels": spaces.pixels(seen), "proprio": spaces.proprio(seen), **sensed}


@pytest.mark.parametrize("cube_m", OUT_OF_SIGHT)
def test_a_cube_out_of_the_cameras_sight_changes_no_input_of_a_network(robot, cube_m):
    """Moved to where the camera does not look, or away altogether, it must not be known to a policy."""
    known, moved = inputs(robot, (-0.1, 0.45, 0.015)), inputs(robot, cube_m)
    assert [name for name in known if (known[name] != moved[name]).any()] == []


@pytest.mark.parametrize("cube_m", IN_SIGHT)
def test_a_cube_in_sight_changes_the_picture_and_nothing_that_is_felt(robot, cube_m):
    known, moved = inputs(robot, OUT_OF_SIGHT[0]), inputs(robot, cube_m)
    assert [name for name in known if (known[name] != moved[name]).any()] == ["pixels"]
