"""Whatever is asked of it, the governor stays inside its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.arm import Arm, facts
from control.errors import CommandRefused
from control.governor import LOWEST_TARGET_M, TICK_S, Governor
from control.types import JOINTS, RobotSpec

ARM = Arm.from_facts()
HOME = np.array(facts()["home_rad"])
LIMITS = facts()["governor"]
SPEC = RobotSpec(
    JOINTS,
    ARM.lower_rad,
    ARM.upper_rad,
    np.array(LIMITS["speed_rad_s"]),
    np.array(LIMITS["accel_rad_s2"]),
    10.0,
    {},
    "measured",
    "exact",
)
LEASH = np.full(6, 0.4)
targets = st.lists(st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6).map(np.array), min_size=1, max_size=8)


def fresh() -> Governor:
    governor = Governor(SPEC, ARM, LEASH)
    governor.start(HOME)
    return governor


@settings(max_examples=60, deadline=None)
@given(targets)
def test_any_targets_give_references_inside_range_speed_and_acceleration(wild):
    governor = fresh()
    last, speed = HOME.copy(), np.zeros(6)
    for target in wild:
        governor.accept(target, last)
        for _ in range(governor.ticks_per_command):
            reference = np.array(governor.tick())
            now = (reference - last) / TICK_S
            assert (np.abs(now) <= SPEC.speed_rad_s + 1e-9).all()
            assert (np.abs(now - speed) <= SPEC.accel_rad_s2 * TICK_S + 1e-9).all()
            assert (reference >= SPEC.lower_rad - 2e-3).all() and (reference <= SPEC.upper_rad + 2e-3).all()
            last, speed = reference, now


@settings(max_examples=60, deadline=None)
@given(targets)
def test_no_target_in_force_leaves_leash_range_or_table(wild):
    governor = fresh()
    for target in wild:
        before = governor.target_rad
        governor.accept(target, HOME)
        assert (np.abs(governor.target_rad - before) <= SPEC.speed_rad_s / SPEC.hz + 1e-9).all()
        assert (np.abs(governor.target_rad - HOME) <= LEASH + 1e-9).all()
        assert ARM.lowest_fingertip_m(governor.target_rad) >= LOWEST_TARGET_M - 1e-6


def test_the_reference_arrives_when_the_period_ends():
    governor = fresh()
    governor.accept(HOME + 0.05, HOME)
    for _ in range(3):  # it needs a moment to gather speed
        governor.accept(governor.target_rad + 0.02, HOME)
        ticks = [np.array(governor.tick()) for _ in range(10)]
    assert np.abs(ticks[-1] - governor.target_rad).max() < 0.03
    for _ in range(30):
        reference = np.array(governor.tick())
    assert reference == pytest.approx(governor.target_rad, abs=1e-4)


def test_a_reachable_target_is_taken_as_it_is():
    governor = fresh()
    governor.accept(HOME + 0.01, HOME)
    assert not governor.limited
    governor.accept(HOME + 2.0, HOME)
    assert governor.limited


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_is_refused_and_changes_nothing(poison):
    governor = fresh()
    bad = HOME.copy()
    bad[2] = poison
    with pytest.raises(CommandRefused):
        governor.accept(bad, HOME)
    assert (governor.target_rad == HOME).all()


def test_pushing_the_fingers_through_the_table_stops_at_the_table():
    governor = fresh()
    pose = ARM.solve(HOME, np.array([0.22, 0.0, 0.02]), np.pi / 2, iterations=60)
    governor.start(pose)
    for _ in range(10):
        tool, _ = ARM.tool(governor.target_rad)
        down = ARM.solve(governor.target_rad, tool - [0, 0, 0.02], np.pi / 2)
        governor.accept(down, pose)
    assert LOWEST_TARGET_M - 1e-6 <= ARM.lowest_fingertip_m(governor.target_rad) < 0
    assert governor.limited
