"""Wild draws stay in their ranges, come off without a trace, and do to the model what a compiler would have done."""

from dataclasses import fields

import cv2
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control import arm as kinematics
from control.config import RobotConfig
from control.errors import UserError
from control.types import ResetRequest
from sim.robot import SimRobot
from sim.scene import CUBE, lift_scene
from sim.wardrobe import TOUCHED, Transmission, Wardrobe, developed
from sim.wild import FACTORS, TAME, Picture, draw, ranges

CONFIG = RobotConfig(hz=10, camera_px=32)
RANGES = ranges()
SEEDS = st.integers(0, 2**40)
NOTHING = Picture(brightness=0.0, contrast=1.0, hue=0.0, blur_px=0.0, noise=0.0)


@pytest.fixture(scope="module")
def robot():
    with SimRobot(CONFIG) as robot:
        yield robot


@given(seed=SEEDS)
def test_every_value_lies_in_its_range(seed):
    d, r = draw(RANGES, seed, FACTORS), RANGES
    within = [
        (d.cube.size_m, r.cube.size_m),
        (d.cube.mass_kg, r.cube.mass_kg),
        (d.cube.friction, r.cube.friction),
        (d.light.ambient, r.light.ambient),
        (d.picture.contrast, r.picture.contrast),
        (d.servo.kp, r.servo.kp),
        (d.servo.backlash_rad, r.servo.backlash_rad),
        (d.servo.zero_rad, (-r.servo.zero_rad, r.servo.zero_rad)),
        (d.camera.shift_m, (-r.camera.shift_m, r.camera.shift_m)),
        (d.camera.turn_rad, (-r.camera.turn_rad, r.camera.turn_rad)),
        (d.camera.fovy_deg, (-r.camera.fovy_deg, r.camera.fovy_deg)),
        (d.delay.action, r.delay.action),
        (d.delay.camera, r.delay.camera),
        (d.colour, (0.0, 1.0)),
        (d.light.direction[2], (-1.0, -np.cos(r.light.tilt_rad[1]) + 1e-9)),
    ]
    assert all(np.all(low <= np.asarray(value)) and np.all(np.asarray(value) <= high) for value, (low, high) in within)


@given(seed=SEEDS)
def test_a_cube_is_more_colourful_than_its_table(seed):
    d = draw(RANGES, seed, FACTORS)
    cube, table = (cv2.cvtColor(np.float32([[rgb]]), cv2.COLOR_RGB2HSV)[0, 0, 1] for rgb in (d.colour, d.table.rgb))
    assert cube > table + 0.1


@given(seed=SEEDS, factor=st.sampled_from(FACTORS))
def test_a_factor_alone_has_the_values_it_has_among_others(seed, factor):
    whole, alone = draw(RANGES, seed, FACTORS), draw(RANGES, seed, [factor])
    assert repr(getattr(whole, factor)) == repr(getattr(alone, factor))
    assert [f.name for f in fields(alone) if getattr(alone, f.name) is not None] == [factor]


def test_a_factor_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="no wild factor lights; there are: cube, colour, table, light"):
        draw(RANGES, 0, ["cube", "lights"])


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_a_draw_comes_off_without_a_trace(robot, seed):
    plain = robot.reset(ResetRequest("near", 3))
    before = {name: getattr(robot.model, name).copy() for name in TOUCHED}
    wardrobe = Wardrobe(robot.model, robot.data)
    wardrobe.put_on(draw(RANGES, seed, FACTORS))
    assert (robot.reset(ResetRequest("near", 3)).frames["wrist_cam"].rgb != plain.frames["wrist_cam"].rgb).any()
    wardrobe.put_on(TAME)
    assert all((getattr(robot.model, name) == before[name]).all() for name in TOUCHED)
    assert (robot.reset(ResetRequest("near", 3)).frames["wrist_cam"].rgb == plain.frames["wrist_cam"].rgb).all()


def test_another_cube_is_what_the_compiler_would_have_made_of_it():
    cube = draw(RANGES, 1, ["cube"]).cube
    model = lift_scene(CONFIG, kinematics.facts())
    Wardrobe(model, mujoco.MjData(model)).put_on(draw(RANGES, 1, ["cube"]))
    compiled = lift_scene(
        RobotConfig(hz=10, camera_px=32, cube_m=cube.size_m, cube_kg=cube.mass_kg), kinematics.facts()
    )
    for name in ("geom_size", "geom_rbound", "geom_aabb", "bvh_aabb", "body_mass", "body_inertia", "body_subtreemass"):
        assert getattr(model, name) == pytest.approx(getattr(compiled, name), abs=1e-12), name
    for name in ("body_invweight0", "dof_invweight0", "dof_M0"):
        assert getattr(model, name) == pytest.approx(getattr(compiled, name), rel=1e-6), name
    assert model.geom_friction[model.geom(CUBE).id, 0] == cube.friction


@given(goals=st.lists(st.floats(-1, 1), min_size=1, max_size=40), ticks=st.integers(0, 5), play=st.floats(0, 0.1))
def test_a_joint_follows_late_and_within_half_the_play(goals, ticks, play):
    between = Transmission(ticks, 0.0, np.full(6, play), np.zeros(6))
    between.start(np.zeros(6))
    reached = [between.pass_on(np.full(6, goal))[0] for goal in goals]
    arrived = ([0.0] * ticks + goals)[: len(goals)]
    assert np.abs(np.array(reached) - arrived).max() <= play / 2 + 1e-12
    if play == 0:
        assert reached == pytest.approx(arrived)


def test_turning_back_within_the_play_moves_nothing():
    between = Transmission(0, 0.0, np.full(6, 0.02), np.zeros(6))
    between.start(np.zeros(6))
    there = between.pass_on(np.full(6, 0.5)).copy()
    assert (between.pass_on(np.full(6, 0.5 - 0.015)) == there).all()
    assert (between.pass_on(np.full(6, 0.5 - 0.03)) < there).all()


def test_an_encoder_whose_zero_is_off_sends_the_joint_as_far_the_other_way():
    zero = np.array([0.02, -0.02, 0.0, 0.0, 0.01, 0.0])
    between = Transmission(0, 0.0, np.zeros(6), zero)
    between.start(np.zeros(6))
    assert between.pass_on(np.zeros(6)) == pytest.approx(-zero)


def test_a_picture_that_nothing_happens_to_stays_as_it_is_and_each_effect_shows():
    rgb = np.random.default_rng(0).integers(40, 200, (16, 16, 3), np.uint8)
    still = developed(rgb, NOTHING, np.random.default_rng(0)).astype(int)
    assert np.abs(still - rgb).max() <= 1
    for effect in (dict(brightness=0.1), dict(contrast=1.3), dict(hue=0.05), dict(blur_px=0.8), dict(noise=0.03)):
        changed = developed(rgb, Picture(**{**vars(NOTHING), **effect}), np.random.default_rng(0)).astype(int)
        assert np.abs(changed - rgb).mean() > 2, effect
    brighter = developed(rgb, Picture(**{**vars(NOTHING), "brightness": 0.1}), np.random.default_rng(0)).astype(int)
    assert (brighter - rgb).mean() == pytest.approx(25.5, abs=1)
