"""A recorded episode varied: its own looks give what was seen, others do not, and every way leads back."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from control.datasets import Dataset
from control.errors import UserError
from control.types import GRIPPER
from policies.spaces import Spaces
from sim.robot import SimRobot
from sim.wild import FACTORS, draw, ranges
from tools.cli import main
from training import settings
from training.experience import pauses
from training.variations import CENTRED, LOOKS, NEARER_M, Variations, varied

SIZES = ("robot.camera_px=32", "spaces.camera_px=32")
GRIPPER_ACTION = 4
LIFTING = 1  # the joint that bears the arm
CONFIG = settings.load("lift_fast.yaml", SIZES)


@pytest.fixture(scope="module")
def episode(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "wild"
    changed = [*SIZES, f"task.wild=[{','.join(FACTORS)}]"]
    words = [word for change in changed for word in ("--set", change)]
    assert main(["collect", "--output", str(folder), "--episodes", "1", "--workers", "1", "--seed", "3", *words]) == 0
    return Dataset.open(folder).read(0)


@pytest.fixture
def robot():
    with SimRobot(structs.replace(CONFIG.robot, hz=50)) as robot:
        yield robot


def alike(robot, episode, seed, factors, stray=0.0):
    return varied(robot, Spaces(CONFIG.spaces, robot.arm), episode, seed, factors, stray)


def test_in_its_own_looks_an_episode_is_as_it_was_recorded(robot, episode):
    again = alike(robot, episode, episode.provenance.seed, LOOKS)
    apart = np.abs(again.frames["wrist_cam"].astype(int) - episode.frames["wrist_cam"])
    assert apart.max() <= 2  # the zero of a joint, taken off what was measured, rounds


def test_in_other_looks_only_the_pictures_differ(robot, episode):
    first, again, other = (alike(robot, episode, seed, LOOKS) for seed in (900, 900, 901))
    frames = [one.frames["wrist_cam"] for one in (first, again, other, episode)]
    assert (frames[0] == frames[1]).all()
    assert (frames[0] != frames[2]).mean() > 0.5 and (frames[0] != frames[3]).mean() > 0.5
    assert first.action is episode.action and first.joints_rad is episode.joints_rad


def test_a_reset_after_a_variation_is_as_it_would_have_been(robot, episode):
    task = CONFIG.task
    before = robot.reset(task.request(7)).frames["wrist_cam"].rgb
    alike(robot, episode, 900, LOOKS)
    assert (robot.reset(task.request(7)).frames["wrist_cam"].rgb == before).all()


def test_an_episode_without_truth_has_no_variations(robot, episode):
    with pytest.raises(UserError, match="without truth"):
        alike(robot, replace(episode, truth=None), 900, LOOKS)


def test_on_its_way_the_tool_is_led_astray_and_the_label_leads_back(robot, episode):
    spaces = Spaces(CONFIG.spaces, robot.arm)
    tool = [spaces.arm.tool(joints)[0] for joints in episode.target_rad]
    for seed in range(900, 904):
        other = alike(robot, episode, seed, LOOKS, 0.5)
        apart = np.linalg.norm([spaces.arm.tool(j)[0] for j in other.target_rad] - np.array(tool), axis=1)
        tool_z, cube_z = (truth[:, 2] for truth in (episode.truth["tool_m"], episode.truth["cube_m"]))
        down = (tool_z - cube_z < 0.02) & (cube_z <= cube_z[0])
        assert apart[0] > 0.005 and down.any() and (apart[down] < 1e-9).all()
        meant, back = (spaces.command(np.array(e.label[0]), e.observation(0)).target_rad for e in (episode, other))
        goal, led, there = (spaces.arm.tool(joints)[0] for joints in (meant, back, other.target_rad[0]))
        assert np.linalg.norm(led - goal) < np.linalg.norm(there - goal) - 0.005
        assert (other.joints_rad != episode.joints_rad).any() and (np.abs(other.action) <= 1).all()


def test_the_actions_of_a_detour_lead_along_it_as_well_as_the_recorded_ones_did(robot, episode):
    spaces = Spaces(CONFIG.spaces, robot.arm)
    other = alike(robot, episode, 900, LOOKS, 0.3)

    def missed_m(one, t):
        led = spaces.command(np.array(one.action[t]), one.observation(t)).target_rad
        return np.linalg.norm(np.subtract(*(spaces.arm.tool(joints)[0] for joints in (led, one.target_rad[t + 1]))))

    assert (other.action[:8] != episode.action[:8]).any()
    assert all(missed_m(other, t) < missed_m(episode, t) + 0.006 for t in range(len(episode)))


def test_on_a_detour_the_gripper_is_ajar_and_the_label_opens_it_again(robot, episode):
    others = [alike(robot, episode, seed, (), 0.5) for seed in range(900, 908)]
    starts = np.array([other.target_rad[0, GRIPPER] for other in others])
    labels = np.array([other.label[0, GRIPPER_ACTION] for other in others])
    assert np.ptp(starts) > 0.3
    assert np.corrcoef(starts, labels)[0, 1] < -0.7


def test_a_carried_cube_goes_along_lower_or_higher_and_the_label_leads_back(robot, episode):
    spaces = Spaces(CONFIG.spaces, robot.arm)
    others = [alike(robot, episode, seed, LOOKS, 0.5) for seed in range(900, 908)]
    end = len(episode) - 1
    lower = np.array([episode.truth["cube_m"][end, 2] - other.truth["cube_m"][end, 2] for other in others])
    assert lower.min() < 0.0 < 0.03 < lower.max()
    for other, by in zip(others, lower, strict=True):
        (was, _), (now, _) = (spaces.arm.tool(one.joints_rad[end]) for one in (episode, other))
        assert was[2] - now[2] == pytest.approx(by, abs=0.004)
        if by > 0.03:
            assert other.label[end][2] > episode.label[end][2]


def test_late_pictures_say_so(robot, episode):
    others = [alike(robot, episode, seed, ("delay",)) for seed in range(900, 912)]
    age_s = [float(one.stamp_s[9] - one.frame_stamp_s["wrist_cam"][9]) for one in others]
    assert {round(age, 3) for age in age_s} == {0.0, 0.02, 0.04}
    for one, age in zip(others, age_s, strict=True):  # as after a reset, before which the arm stood
        assert one.stamp_s - one.frame_stamp_s["wrist_cam"] == pytest.approx(age)


def late_by(seconds: float) -> int:
    """A seed at which pictures come so late."""
    return next(seed for seed in range(900, 2000) if round(lateness(seed), 2) == seconds)


def lateness(seed: int) -> float:
    return float(draw(ranges(), seed, ("late",)).late.camera_s)


def test_pictures_late_by_half_a_period_show_what_was_between_two_looks(robot, episode):
    tame = replace(episode, info=structs.replace(episode.info, recipe={}))
    fresh, late = (alike(robot, tame, late_by(0.03), factors) for factors in ((), ("late",)))
    assert late.stamp_s - late.frame_stamp_s["wrist_cam"] == pytest.approx(0.03)
    t = int(np.abs(np.diff(episode.joints_rad, axis=0)).max(axis=1)[2:40].argmax()) + 3
    before, between, after = (
        one.frames["wrist_cam"][at].astype(float) for one, at in ((fresh, t - 2), (late, t), (fresh, t - 1))
    )
    apart = np.abs(after - before).mean()
    assert 0 < np.abs(between - before).mean() < apart and 0 < np.abs(after - between).mean() < apart


def test_lateness_is_varied_whatever_delay_was_recorded(robot, episode):
    assert "delay" in episode.info.recipe["wild"]
    late = alike(robot, episode, late_by(0.07), ("late",))
    assert late.stamp_s - late.frame_stamp_s["wrist_cam"] == pytest.approx(0.07)


def test_who_begins_with_the_cube_in_hand_is_led_nowhere_beside_it(robot, tmp_path):
    words = ("collect", "--output", str(tmp_path / "held"), "--episodes", "1", "--workers", "1", "--seed", "3")
    sizes = [word for change in SIZES for word in ("--set", change)]
    assert main([*words, "--curriculum-stage", "grasped", *sizes]) == 0
    held = Dataset.open(tmp_path / "held").read(0)
    for seed in range(900, 906):
        other = alike(robot, held, seed, (), 0.4)
        (was, _), (now, _) = (robot.arm.tool(one.joints_rad[0]) for one in (held, other))
        assert now == pytest.approx(was, abs=0.001)


def test_a_stiffer_arm_bears_the_same_with_less_lag(robot, episode):
    own, other = (draw(ranges(), seed, ("servo",)).servo.kp for seed in (episode.provenance.seed, 901))
    again = alike(robot, episode, 901, ("servo",))
    lag, lag_then = (one.target_rad[:, LIFTING] - one.joints_rad[:, LIFTING] for one in (again, episode))
    borne = episode.load[:, LIFTING] * robot.force_Nm[LIFTING]
    assert abs(other / own - 1) > 0.3 and np.abs(borne).max() > 0.3
    assert lag == pytest.approx(lag_then + borne / other - borne / own, abs=1e-9)
    assert (again.target_rad[:, GRIPPER] == episode.target_rad[:, GRIPPER]).all()
    assert again.joints_rad is episode.joints_rad


def test_an_arm_that_obeys_sooner_is_commanded_later(robot, episode):
    delays = {
        seed: draw(ranges(), seed, ("delay",)).delay.action for seed in (episode.provenance.seed, *range(900, 920))
    }
    late = delays.pop(episode.provenance.seed)
    assert late > 0 and {0, 3} <= set(delays.values())
    for seed, delay in delays.items():
        steps = max(late - delay, 0)
        again = alike(robot, episode, seed, ("delay",))
        assert len(again) == len(episode) - steps
        assert (again.joints_rad == episode.joints_rad[steps:]).all()
        assert (again.target_rad == episode.target_rad[: len(again) + 1]).all()
        assert (again.label == episode.label[: len(again)]).all()


def test_only_a_simulator_in_this_process_draws_variations(robot, episode):
    config = settings.load("lift_few.yaml", SIZES)
    serve = Variations(config, Spaces(config.spaces, robot.arm), object(), 900)
    with pytest.raises(UserError, match="only a simulator"):
        next(serve(episode))


def test_until_it_shuts_the_gripper_may_be_beside_the_cube_but_never_where_it_would_have_shut(robot, episode):
    spaces = Spaces(CONFIG.spaces, robot.arm)
    last = int(np.flatnonzero(episode.label[:, GRIPPER_ACTION] >= -0.5)[-1])
    others = [alike(robot, episode, seed, (), 0.01) for seed in range(900, 916)]
    here = spaces.arm.tool(episode.target_rad[last])[0]
    beside_m, left_m = [], []
    for other in others:
        there = spaces.arm.tool(other.target_rad[last])[0]
        led = spaces.arm.tool(spaces.command(other.label[last], other.observation(last)).target_rad)[0]
        beside_m.append(np.linalg.norm((there - here)[:2]))
        left_m.append(np.linalg.norm((led - here)[:2]))
        assert other.label[last, GRIPPER_ACTION] >= -0.5
        closing = [spaces.arm.tool(one.target_rad[last + 1])[0] for one in (other, episode)]
        assert np.linalg.norm(closing[0] - closing[1]) < NEARER_M + 0.001
        assert other.label[last + 1, GRIPPER_ACTION] == episode.label[last + 1, GRIPPER_ACTION] <= -0.5
        after = last + 1 + CENTRED
        assert other.target_rad[after] == pytest.approx(episode.target_rad[after], abs=0.02)
    beside, left = np.array(beside_m), np.array(left_m)
    assert (beside < 0.032).all() and 4 <= (beside > 0.009).sum() <= 12
    assert (left[beside > 0.009] < beside[beside > 0.009] - 0.005).all()


def test_where_a_person_let_the_arm_stand_they_do_so_on_every_way(robot, episode):
    stood = slice(2, 6)
    action = episode.action.copy()
    action[stood] = 0.0
    driven = replace(episode, action=action, label=action, by_person=np.ones(len(action), bool))
    other = alike(robot, driven, 900, (), stray=0.4)
    assert np.abs(other.joints_rad[stood] - driven.joints_rad[stood]).max() > 0.01
    assert pauses(other)[stood].all() and np.array_equal(pauses(other), pauses(driven))
