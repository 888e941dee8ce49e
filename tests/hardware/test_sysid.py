"""What an arm is made of is found from how it moves."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rig import HOME, SPEC, Rig

from control.actuators import Actuator, actuator
from control.config import RobotConfig
from control.errors import ConfigError
from control.modes import Mode, Word
from control.types import Command, Observation, ResetRequest
from hardware.driver import Driver
from hardware.motor import Motor
from hardware.orders import Target, Telemetry
from sim.identify import Fit, fit
from sim.robot import SimRobot
from sim.wardrobe import Transmission
from sim.wild import TAME
from tools.sysid import record

BASE = actuator("measured")
REST = "kv: 1.0, force_Nm: 2.94, gripper_force_Nm: 0.8, damping: 0.6, frictionloss: 0.05, armature: 0.028"
HIDDEN = [
    {"stiffness_Nm_rad": 40.0, "damping_Nm_s": 1.5, "backlash_rad": 0.0087, "friction_Nm": 0.052},
    {"stiffness_Nm_rad": 22.0, "damping_Nm_s": 1.0, "backlash_rad": 0.004, "friction_Nm": 0.1},
]


class ServoRig:
    """An arm on servos in time of its own, as a robot; what it is made of, nobody is told."""

    spec = replace(SPEC, hz=50.0)

    def __init__(self, friction_Nm: float, **build: float):
        self.rig = rig = Rig()
        rig.driver = Driver(rig.driver.servos, self.spec, np.full(6, 0.4), rig.driver._poses, lambda: rig.now_s)
        plant = rig.world.plant
        plant.model.dof_frictionloss[plant.arm.dofs] = friction_Nm
        for motor in rig.world.motors:
            changed = Motor(motor.servo, replace(motor.build, **build), motor.mount)
            motor.__dict__.update(changed.__dict__)
        rig.world.tick()

    def reset(self, request: ResetRequest) -> Observation:
        self.rig.driver.open()
        self.rig.say(Word.ARM, then_s=0.25)
        assert self.rig.mode is Mode.HOLD, self.rig.driver.state
        return self.seen(self.rig.say(Word.HOME, then_s=1.5))

    def step(self, command: Command) -> Observation:
        target = Target(tuple(command.target_rad.tolist()), command.answers, 0.2)
        return self.seen(self.rig.live(1 / self.spec.hz, target))

    def seen(self, told: Telemetry) -> Observation:
        joints, nothing = np.array(told.joints_rad), np.zeros(6)
        return Observation(told.cycle, told.stamp_s, joints, nothing, nothing, np.array(told.target_rad), False, {})


def found(hidden: dict[str, float]) -> Fit:
    robot = ServoRig(**hidden)
    try:
        return fit(record(robot, Console(quiet=True), lambda: robot.rig.now_s), robot.spec, BASE)
    finally:
        robot.rig.close()


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_arm_s_stiffness_and_play_are_recovered_and_its_motion_is_followed(hidden):
    result = found(hidden)
    got = result.actuator
    # Play and friction both keep a joint from its goal when it turns back; motion tells their sum.
    slack_rad = got.backlash_rad + 2 * got.frictionloss / got.kp
    true_rad = hidden["backlash_rad"] + 2 * hidden["friction_Nm"] / hidden["stiffness_Nm_rad"]
    assert got.kp == pytest.approx(hidden["stiffness_Nm_rad"], rel=0.15)
    assert slack_rad == pytest.approx(true_rad, rel=0.4)
    assert np.degrees(result.after_rad).max() < 0.25
    assert result.after_rad.sum() < 0.7 * result.before_rad.sum()


def test_a_profile_of_a_file_is_what_the_simulator_moves_by(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{kp: 20.0, " + REST + "}")

    def sunk(profile: str) -> float:
        with SimRobot(RobotConfig(hz=10.0, camera_px=32, profile=profile)) as robot:
            seen = robot.reset(ResetRequest("home", 0))
            for _ in range(5):
                seen = robot.step(Command(HOME, seen.seq))
            return float((HOME - seen.joints_rad)[2])

    assert sunk(str(path)) == pytest.approx(2 * sunk("measured"), rel=0.1)


def test_a_motor_with_a_lead_is_ahead_by_its_speed():
    leads = Transmission.of(TAME, Actuator(40, 1, 3, 1, 0.6, 0.05, 0.03, lead_s=0.03), 0)
    leads.start(np.zeros(6))
    told = [leads.pass_on(np.full(6, 0.01 * k))[0] for k in range(1, 5)]
    np.testing.assert_allclose(told, [0.04, 0.05, 0.06, 0.07])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{kp: 20}", "kv"),
        (
            "{kp: -1, kv: 1, force_Nm: 3, gripper_force_Nm: 1, damping: 0, frictionloss: 0, armature: 0}",
            "kp must be above",
        ),
        ("{kp: 9, kv: 1, force_Nm: 3, gripper_force_Nm: 1, damping: 0, frictionloss: 0, armature: 0, lag: 1}", "lag"),
    ],
)
def test_a_wrong_profile_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        actuator(str(path))
    with pytest.raises(ConfigError, match="no actuator profile stiff; there are: measured.*or a file of twinarm sysid"):
        actuator("stiff")


def test_a_profile_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "mine.yaml").write_text("mine")
    words = [sys.executable, "-m", "tools.cli", "sysid", "--output", str(tmp_path / "mine.yaml")]
    told = subprocess.run(words, capture_output=True, text=True)
    assert told.returncode == 2 and "exists already" in told.stderr
