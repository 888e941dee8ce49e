"""What tells a simulator's gap: how an arm followed, and what is put between it and its policy."""

from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from control import arm as kinematics
from control.config import RobotConfig
from control.errors import UserError
from control.types import JOINTS, Command, ResetRequest
from tools import gap
from tools.gap import ALONE, TOGETHER, followed, simulated
from tools.lockstep import LockstepTwin
from training import settings

pytestmark = pytest.mark.clock

CONFIG = RobotConfig(camera_px=16)
HOME = ResetRequest("home", 0)
HZ = 10.0
DONE = SimpleNamespace(successes=0, episodes=[], median_time_s=None)


def step(before_rad: np.ndarray, target_rad: np.ndarray, joints_rad: np.ndarray) -> SimpleNamespace:
    before, after = (
        SimpleNamespace(target_rad=before_rad),
        SimpleNamespace(target_rad=target_rad, joints_rad=joints_rad),
    )
    return SimpleNamespace(before=before, after=after)


@pytest.mark.parametrize(("lag_s", "sag_rad"), [(0.0, 0.0), (0.06, 0.0), (0.02, -0.01), (0.1, 0.03)])
def test_lag_and_sag_are_found_in_how_an_arm_followed(lag_s, sag_rad):
    rng, targets = np.random.default_rng(0), [np.zeros(len(JOINTS))]
    steps = []
    for _ in range(200):
        targets.append(targets[-1] + rng.normal(0, 0.03, len(JOINTS)))
        speed = HZ * (targets[-1] - targets[-2])
        steps.append(step(targets[-2], targets[-1], targets[-1] - lag_s * speed + sag_rad))
    found_s, off_rad, sags_rad = followed(steps, HZ)
    assert found_s == pytest.approx(lag_s, abs=1e-9) and sags_rad == pytest.approx(np.full(5, sag_rad), abs=1e-9)
    assert off_rad >= abs(sag_rad) - 1e-9


def test_without_a_lift_nothing_is_said_of_how_it_followed():
    lag_s, off_rad, sag_rad = followed([], HZ)
    assert np.isnan([lag_s, off_rad, *sag_rad]).all()


@pytest.fixture(params=ALONE)
def cause(request) -> Iterator[str]:
    yield request.param


def test_each_cause_is_a_robot_that_goes_where_it_is_told(cause):
    with closing(simulated(ALONE[cause], CONFIG)) as robot:
        seen = robot.reset(HOME)
        start = seen.joints_rad[0]
        for _ in range(5):
            seen = robot.step(Command(seen.target_rad + np.array([0.05, 0, 0, 0, 0, 0]), seen.seq))
        assert 0.15 < seen.joints_rad[0] - start < 0.3
        late_s = seen.stamp_s - seen.frames["wrist_cam"].stamp_s
        assert late_s == pytest.approx(0.1 if cause == "pictures a period late" else 0.0, abs=1e-9)


def test_all_of_them_together_are_late_in_every_way():
    with closing(simulated(TOGETHER, CONFIG)) as robot, closing(simulated(ALONE["the simulator"], CONFIG)) as plain:
        assert robot.reset(HOME).joints_rad[1] != plain.reset(HOME).joints_rad[1]  # it has sagged
        assert {"delay_s", "lead_s", "kp", "backlash_rad"} == set(TOGETHER.servo)


def test_a_row_that_there_is_not_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(gap, "configured", lambda evaluation: SimpleNamespace(robot=CONFIG))
    with pytest.raises(UserError, match="no row the moon; there are: the simulator, commands 20 ms late"):
        gap.main(gap.Arguments("none", only=("the moon",)))


def test_nothing_is_wild_besides():
    with pytest.raises(UserError, match="leave --set task.wild out"):
        gap.main(gap.Arguments("none", set=("task.wild=[late]",)))


def test_a_policy_that_learned_with_late_pictures_is_judged_with_fresh_ones(monkeypatch):
    config, asked = settings.load("lift_fast.yaml"), []
    monkeypatch.setattr(gap, "player", lambda *_: lambda _: None)
    monkeypatch.setattr(gap, "evaluate", lambda robot, policy, judge, resets, *_: asked.extend(resets) or DONE)
    gap.row("the simulator", SimpleNamespace(spec=SimpleNamespace(hz=HZ)), config, gap.Arguments("none"), Console())
    assert config.task.wild == ("late",) and asked and {request.wild for request in asked} == {()}


def test_a_twin_in_lock_step_lives_the_same_episode_again_and_sees_what_was():
    def lived() -> list[np.ndarray]:
        with closing(LockstepTwin(CONFIG, 0.07)) as robot:
            seen = robot.reset(HOME)
            assert seen.joints_rad == pytest.approx(np.array(kinematics.facts()["home_rad"]), abs=0.1)
            joints = []
            for _ in range(5):
                seen = robot.step(Command(seen.target_rad + np.array([0.05, 0, 0, 0, 0, 0]), seen.seq))
                joints.append(seen.joints_rad)
            assert seen.frames["wrist_cam"].rgb.std() > 5
            assert seen.stamp_s - seen.frames["wrist_cam"].stamp_s == pytest.approx(0.06)  # the joints are older, too
            assert robot.health().state == "active"
        return joints

    first, again = lived(), lived()
    assert np.array_equal(first, again) and 0.15 < first[-1][0] - first[0][0] < 0.25
