"""Wild draws stay in their ranges, come off without a trace, and do to the model what a compiler would have done."""

from dataclasses import fields

import cv2
import msgspec
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control import arm as kinematics
from control import config
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


def within(drawn, bounds) -> bool:
    low, high = bounds if isinstance(bounds, tuple) else (-bounds, bounds)
    return bool(np.all(low <= np.asarray(drawn)) and np.all(np.asarray(drawn) <= high))


def hsv(rgb) -> np.ndarray:
    return cv2.cvtColor(np.float32([[rgb]]), cv2.COLOR_RGB2HSV)[0, 0]


@given(seed=SEEDS)
def test_every_value_lies_in_its_range(seed):
    d, r = draw(RANGES, seed, FACTORS), RANGES
    for factor in ("cube", "camera", "picture", "servo", "delay", "late"):
        drawn = {f.name: getattr(getattr(d, factor), f.name) for f in fields(getattr(d, factor))}
        assert drawn.keys() == {f.name for f in msgspec.structs.fields(getattr(r, factor))}
        assert all(within(value, getattr(getattr(r, factor), name)) for name, value in drawn.items()), (factor, drawn)
    for rgb, bounds in ((d.colour, r.colour), (d.table.rgb, r.table)):
        _, saturation, value = hsv(rgb)
        assert saturation == pytest.approx(np.clip(saturation, *bounds.saturation), abs=1e-4)
        assert value == pytest.approx(np.clip(value, *bounds.value), abs=1e-4)
    assert within(d.light.ambient, r.light.ambient) and within(d.light.sun, r.light.sun)
    assert within(d.light.direction[2], (-1.0, -np.cos(r.light.tilt_rad[1]) + 1e-9))
    assert d.light.shadows == r.light.shadows


@pytest.mark.parametrize(
    "factor, name",
    [("cube", "size_m"), ("servo", "kp"), ("camera", "fovy_deg"), ("delay", "action"), ("late", "camera_s")],
)
def test_draws_fill_their_range(factor, name):
    drawn = [getattr(getattr(draw(RANGES, seed, FACTORS), factor), name) for seed in range(200)]
    bounds = getattr(getattr(RANGES, factor), name)
    low, high = bounds if isinstance(bounds, tuple) else (-bounds, bounds)
    assert min(drawn) < low + 0.1 * (high - low) and max(drawn) > high - 0.1 * (high - low)
    if name == "kp":  # log-uniform: as many below the geometric mean as above
        assert np.median(drawn) == pytest.approx(np.sqrt(low * high), rel=0.15)


def test_as_many_tables_are_textured_as_the_ranges_say():
    textured = np.mean([bool(draw(RANGES, seed, FACTORS).table.texture) for seed in range(400)])
    assert textured == pytest.approx(RANGES.table.textured, abs=0.08)


def test_every_range_says_where_it_is_from():
    lines = (config.SHIPPED / "wild.yaml").read_text().splitlines()
    ranges_given = [line for line in lines if line.startswith("  ")]
    assert len(ranges_given) == sum(len(msgspec.structs.fields(getattr(RANGES, factor))) for factor in FACTORS)
    assert [line for line in ranges_given if len(line.partition("#")[2]) < 8] == []


@given(seed=SEEDS)
def test_a_cube_is_more_colourful_than_its_table(seed):
    d = draw(RANGES, seed, FACTORS)
    assert hsv(d.colour)[1] > hsv(d.table.rgb)[1] + 0.1


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
